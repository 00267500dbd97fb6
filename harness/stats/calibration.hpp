// From banks of interleaved samples whose truth is known to what this tool's verdicts are worth on
// a machine: how often identical programs are called different, how small a slowdown is found, and
// how much layouts and sessions differ by themselves. Simulated noise cannot tell: only the
// machine's own can.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/stats/bank.hpp"
#include "harness/stats/between_runs.hpp"
#include "harness/stats/interval.hpp"

namespace stackheap {

// A figure of the calibration.
struct CalibrationFigure {
  std::string design;   // "a/a", "family", "slowdown", ...
  std::string what;     // "false positives", "coverage", "detectable slowdown", ...
  std::string rule;     // "12 rounds", "adaptive to 1 %", "10 s a pair"
  std::string threads;  // "1", "all" or "" for both
  std::string summary;  // the window summary
  std::size_t k = 0;    // of n; 0 where it is no share
  std::size_t n = 0;    // comparisons or families
  std::size_t sessions = 0;
  Estimate value;           // a share, or a part (0.01 is 1 %)
  std::string target;       // "3-7 %"; empty: none
  std::optional<bool> met;  // nothing: too few to say, or no target
};

struct Calibration {
  std::vector<CalibrationFigure> figures;
  std::optional<double> layout_spread;
  std::optional<BetweenRunSpread> between_runs;
  std::string window_summary;  // with the least detectable slowdown on one half of the data
};

// Pieces of the banks are trials: 12 rounds for error rates at a fixed number, what the rule asks
// for with adaptive stopping at each of `precisions` (half-widths of log ratios), and as many
// rounds as 5 s to 60 s of a pair's time hold for the detectable slowdown. That is the 90 %
// quantile of (true slowdown - lower bound): a slowdown so large is found in nine trials of ten.
Calibration evaluate_calibration(std::span<const Bank> banks, std::span<const double> precisions);

}  // namespace stackheap
