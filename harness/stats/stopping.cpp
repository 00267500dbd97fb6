#include "harness/stats/stopping.hpp"

#include <algorithm>
#include <cmath>

#include "harness/base/error.hpp"

namespace stackheap {

namespace {

// More is not worth predicting.
constexpr double kMostRounds = 1e6;

}  // namespace

double half_width(const Estimate& ratio) {
  if (!ratio.has_interval()) return kNoValue;
  return std::max(std::log(ratio.upper / ratio.point), std::log(ratio.point / ratio.lower));
}

std::size_t more_rounds_for(const RatioEstimate& ratio, double precision, double alpha,
                            std::size_t comparisons) {
  STACKHEAP_CHECK(precision > 0);
  const double width = half_width(ratio);
  if (std::isnan(width)) {
    const std::size_t least = minimum_rounds(alpha, comparisons);
    return least > ratio.n ? least - ratio.n : 1;
  }
  if (width <= precision) return 0;
  const auto rounds = static_cast<double>(ratio.n);
  const double needed = std::ceil(rounds * std::pow(width / precision, 2)) - rounds;
  return static_cast<std::size_t>(std::clamp(needed, 1.0, kMostRounds));
}

}  // namespace stackheap
