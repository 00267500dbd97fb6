// A ratio of two runs that were taken one after the other. Nothing pairs their samples, and the
// machine was in another state each time, so the obvious test of one run's samples against the
// other's calls two runs of the same program different (that design was wrong in 9 of 14 trials
// where this project began). What two runs differ by without any reason must be known and added.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "harness/stats/interval.hpp"

namespace stackheap {

// How far the ratio of one cell's medians in two runs strays, as `calibrate` measured it.
struct BetweenRunSpread {
  double deviation = 0;      // standard deviation of log ratios of medians, beyond sampling noise
  std::size_t sessions = 0;  // that it was measured from; at least 2
};

// Median of `candidate` / median of `baseline`, values of two runs, at confidence 1 - alpha. The
// sides' intervals are those of the medians of the logs, put together by the method of variance
// estimates recovery (G. Y. Zou and A. Donner, Statistics in Medicine 27, 2008):
// lower = r - sqrt((m1 - l1)^2 + (u2 - m2)^2). The spread between runs adds t(sessions - 1) times
// its deviation under the root. No spread: no bounds, as they could not be true. Values that are
// not finite or not positive are skipped.
RatioEstimate between_runs_ratio(std::span<const double> candidate,
                                 std::span<const double> baseline, double alpha,
                                 const std::optional<BetweenRunSpread>& spread);

}  // namespace stackheap
