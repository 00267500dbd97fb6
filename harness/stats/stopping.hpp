// When an adaptive run may stop: as soon as its intervals are narrow, never because one of them
// excludes 1. Stopping on significance would find a difference between identical programs sooner or
// later; the width of an interval says nothing of where it lies.
#pragma once

#include <cstddef>

#include "harness/stats/interval.hpp"

namespace stackheap {

// Error rate of an interval, or of a family of them: where the number of rounds is fixed, and where
// a run looks every few rounds whether it may stop. Looking costs coverage; with 0.03 that of the
// intervals is 95 % again.
inline constexpr double kExactAlpha = 0.05;
inline constexpr double kAdaptiveAlpha = 0.03;
inline constexpr unsigned kLookEvery = 2;  // rounds between two looks

// The larger side of a ratio's interval on the scale of |log ratio|; NaN without an interval.
double half_width(const Estimate& ratio);

// Rounds that are still needed until half_width() is at most `precision`, above 0, in a family of
// so many comparisons: 0 where it is. An estimate: half-widths fall with the root of the rounds,
// and the interval of too few rounds is unknown, so that there the least number with one is meant.
std::size_t more_rounds_for(const RatioEstimate& ratio, double precision, double alpha,
                            std::size_t comparisons);

}  // namespace stackheap
