#include "harness/stats/verdict.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "harness/base/error.hpp"

namespace stackheap {
namespace {

constexpr double kMostRounds = 1e6;

constexpr std::array<std::pair<Verdict, std::string_view>, 6> kVerdictNames{{
    {Verdict::kFaster, "faster"},
    {Verdict::kSlower, "slower"},
    {Verdict::kLower, "lower"},
    {Verdict::kHigher, "higher"},
    {Verdict::kEquivalent, "equivalent"},
    {Verdict::kUnresolved, "unresolved"},
}};

// What the interval's side of 1 says, whatever the margin.
Verdict direction(const Estimate& ratio, bool is_time) {
  if (ratio.upper < 1) return is_time ? Verdict::kFaster : Verdict::kLower;
  if (ratio.lower > 1) return is_time ? Verdict::kSlower : Verdict::kHigher;
  return Verdict::kUnresolved;
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  for (const auto& [known, name] : kVerdictNames) {
    if (known == verdict) return name;
  }
  return "";
}

std::optional<Verdict> parse_verdict(std::string_view text) {
  for (const auto& [verdict, name] : kVerdictNames) {
    if (name == text) return verdict;
  }
  return std::nullopt;
}

bool is_time_unit(std::string_view unit) {
  return unit == "ns" || unit == "us" || unit == "ms" || unit == "s";
}

bool is_speed_unit(std::string_view unit) {
  return is_time_unit(unit) || unit == "1/s";
}

Verdict judge(const Estimate& ratio, bool is_time, double margin) {
  STACKHEAP_CHECK(margin >= 0);
  if (!ratio.has_interval()) return Verdict::kUnresolved;
  if (ratio.lower >= 1 / (1 + margin) && ratio.upper <= 1 + margin) return Verdict::kEquivalent;
  return direction(ratio, is_time);
}

std::string describe_verdict(const Estimate& ratio, bool is_time, double margin) {
  const Verdict verdict = judge(ratio, is_time, margin);
  const Verdict side = direction(ratio, is_time);
  if (verdict != Verdict::kEquivalent || side == Verdict::kUnresolved) {
    return std::string(to_string(verdict));
  }
  return fmt::format("equivalent, {} by less than {:g} %", to_string(side), margin * 100);
}

std::optional<std::size_t> rounds_needed(const Estimate& ratio, double margin, double alpha,
                                         std::size_t comparisons, double widening) {
  if (!ratio.has_interval()) return std::max(minimum_rounds(alpha, comparisons), ratio.n + 1);
  if (judge(ratio, true, margin) != Verdict::kUnresolved) return std::nullopt;
  const double point = std::log(ratio.point);
  const double half_width = std::max(std::log(ratio.upper) - point, point - std::log(ratio.lower));
  const double target = std::max(std::abs(point), std::log1p(margin) - std::abs(point));
  if (target <= widening) return std::nullopt;
  const auto rounds = static_cast<double>(ratio.n);
  const double shrink = (std::pow(half_width, 2) - std::pow(widening, 2)) /
                        (std::pow(target, 2) - std::pow(widening, 2));
  const double needed = std::max(std::ceil(rounds * shrink), rounds + 1);
  if (!(needed <= kMostRounds)) return std::nullopt;
  return static_cast<std::size_t>(needed);
}

}  // namespace stackheap
