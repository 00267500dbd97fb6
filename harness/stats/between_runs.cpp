#include "harness/stats/between_runs.hpp"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <vector>

#include "harness/base/error.hpp"

namespace stackheap {
namespace {

std::vector<double> logs_of(std::span<const double> values, std::size_t& skipped) {
  std::vector<double> logs;
  for (const double value : values) {
    if (std::isfinite(value) && value > 0) {
      logs.push_back(std::log(value));
    } else {
      ++skipped;
    }
  }
  return logs;
}

}  // namespace

RatioEstimate between_runs_ratio(std::span<const double> candidate,
                                 std::span<const double> baseline, double alpha,
                                 const std::optional<BetweenRunSpread>& spread) {
  RatioEstimate result;
  const std::vector<double> first = logs_of(candidate, result.skipped);
  const std::vector<double> second = logs_of(baseline, result.skipped);
  const Estimate one = median_estimate(first, alpha);
  const Estimate other = median_estimate(second, alpha);
  result.n = std::min(one.n, other.n);
  if (result.n == 0) return result;
  const double log = one.point - other.point;
  result.point = std::exp(log);
  if (!spread || !one.has_interval() || !other.has_interval()) return result;
  STACKHEAP_CHECK(spread->sessions >= 2 && spread->deviation >= 0);
  const boost::math::students_t_distribution<double> student(
      static_cast<double>(spread->sessions - 1));
  const double between = boost::math::quantile(student, 1 - alpha / 2) * spread->deviation;
  result.lower =
      std::exp(log - std::hypot(one.point - one.lower, other.upper - other.point, between));
  result.upper =
      std::exp(log + std::hypot(one.upper - one.point, other.point - other.lower, between));
  return result;
}

}  // namespace stackheap
