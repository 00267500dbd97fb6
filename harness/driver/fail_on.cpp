#include "harness/driver/fail_on.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "harness/base/error.hpp"
#include "harness/base/text.hpp"

namespace stackheap {

bool FailOn::fires(const ReportedPair& pair) const {
  if (pair.verdict != verdict) return false;
  return verdict == Verdict::kSlower || verdict == Verdict::kHigher
             ? pair.ratio.lower > 1 + part
             : pair.ratio.upper < 1 / (1 + part);
}

FailOn parse_fail_on(std::string_view text) {
  const auto equals = text.find('=');
  const auto verdict = parse_verdict(text.substr(0, equals));
  const bool has_side =
      verdict && *verdict != Verdict::kEquivalent && *verdict != Verdict::kUnresolved;
  std::string_view percent = equals == std::string_view::npos ? "" : text.substr(equals + 1);
  if (percent.ends_with('%')) percent.remove_suffix(1);
  const auto value = parse_real(percent);
  if (!has_side || !value || *value < 0 || *value > 1e6) {
    throw UserError(fmt::format(
        "--fail-on {}: expected slower=PCT or faster=PCT (times), higher=PCT or lower=PCT (what is "
        "no time), for instance slower=3%",
        text));
  }
  return {.verdict = *verdict, .part = *value / 100};
}

std::size_t mark_fired(std::span<const FailOn> conditions, std::vector<ReportedPair>& pairs) {
  std::size_t fired = 0;
  for (ReportedPair& pair : pairs) {
    pair.fired = std::any_of(conditions.begin(), conditions.end(),
                             [&](const FailOn& condition) { return condition.fires(pair); });
    fired += pair.fired ? 1 : 0;
  }
  return fired;
}

}  // namespace stackheap
