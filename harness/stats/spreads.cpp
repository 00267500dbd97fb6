// How much layouts and sessions differ by themselves.
#include <cmath>
#include <map>

#include "harness/stats/calibration_parts.hpp"
#include "harness/stats/stopping.hpp"
#include "harness/stats/trials.hpp"

namespace stackheap {
namespace {

// Variance of the medians beyond what their own intervals explain; nothing below two.
std::optional<double> excess_variance(std::span<const Estimate> medians) {
  if (medians.size() < 2) return std::nullopt;
  const auto count = static_cast<double>(medians.size());
  const double z = widening(1, kExactAlpha);
  double mean = 0;
  double sampling = 0;
  for (const Estimate& median : medians) {
    mean += median.point / count;
    sampling += std::pow((median.upper - median.lower) / 2 / z, 2) / count;
  }
  double variance = 0;
  for (const Estimate& median : medians) {
    variance += std::pow(median.point - mean, 2) / (count - 1);
  }
  return std::max(0.0, variance - sampling);
}

}  // namespace

std::optional<double> layout_spread(std::span<const Bank> banks) {
  std::map<std::string, std::map<unsigned, std::vector<double>>> by_cell;
  for (const Bank& bank : banks) {
    for (const BankRound& round : bank.rounds) {
      const auto& other = round.sides[kOtherPair.candidate];
      const auto& own = round.sides[kOtherPair.baseline];
      if (!other || !own) continue;
      by_cell[bank.cell][round.layout].push_back(
          std::log((*other)[kComparedSummary] / (*own)[kComparedSummary]));
    }
  }
  MedianEstimator estimator(kExactAlpha);
  double sum = 0;
  std::size_t cells = 0;
  for (auto& [cell, by_layout] : by_cell) {
    std::vector<Estimate> medians;
    for (auto& [layout, logs] : by_layout) {
      const Estimate median = estimator.estimate(logs);
      if (median.has_interval()) medians.push_back(median);
    }
    const auto variance = excess_variance(medians);
    if (!variance) continue;
    sum += *variance / static_cast<double>(medians.size());
    ++cells;
  }
  if (cells == 0) return std::nullopt;
  return std::sqrt(sum / static_cast<double>(cells));
}

std::optional<BetweenRunSpread> between_sessions(std::span<const Bank> banks) {
  MedianEstimator estimator(kExactAlpha);
  std::map<std::string, std::vector<Estimate>> by_cell;
  for (const Bank& bank : banks) {
    std::vector<double> logs;
    for (const BankRound& round : bank.rounds) {
      const auto& side = round.sides[equal_pair(0).baseline];
      if (side) logs.push_back(std::log((*side)[kComparedSummary]));
    }
    const Estimate median = estimator.estimate(logs);
    if (median.has_interval()) by_cell[bank.cell].push_back(median);
  }
  double sum = 0;
  std::size_t freedom = 0;
  for (const auto& [cell, medians] : by_cell) {
    const auto variance = excess_variance(medians);
    if (!variance) continue;
    sum += *variance * static_cast<double>(medians.size() - 1);
    freedom += medians.size() - 1;
  }
  if (freedom == 0) return std::nullopt;
  // A ratio of two sessions has the variance of both.
  return BetweenRunSpread{.deviation = std::sqrt(2 * sum / static_cast<double>(freedom)),
                          .sessions = freedom + 1};
}

}  // namespace stackheap
