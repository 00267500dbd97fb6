// From an estimate to a claim. A significance test alone would be the obvious tool, but with enough
// rounds it finds every difference, also one that matters to no one, and it cannot say "the same".
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "harness/stats/interval.hpp"

namespace stackheap {

enum class Verdict {
  kFaster,      // a time, and certainly less of it
  kSlower,      // a time, and certainly more of it
  kLower,       // not a time, and certainly less of it
  kHigher,      // not a time, and certainly more of it
  kEquivalent,  // certainly within the margin
  kUnresolved,  // more rounds are needed
};
std::string_view to_string(Verdict verdict);
std::optional<Verdict> parse_verdict(std::string_view text);

// True for units of which less is "faster": ns, us, ms, s.
bool is_time_unit(std::string_view unit);
// A time or a rate: what the layout of code in memory can change.
bool is_speed_unit(std::string_view unit);

// The ratio is candidate / baseline; `margin` is a fraction (0.02 for 2 %), >= 0. In this order:
// interval within [1 / (1 + margin), 1 + margin] -> equivalent; interval without 1 -> a direction;
// else unresolved, as is an estimate without an interval.
Verdict judge(const Estimate& ratio, bool is_time, double margin);

// For people: "slower", or "equivalent, slower by less than 2 %" where the interval is within the
// margin and yet excludes 1.
std::string describe_verdict(const Estimate& ratio, bool is_time, double margin);

// Rounds in all that an unresolved ratio is expected to need, from its spread so far. The
// half-width h of the interval of log ratios shrinks as 1 / sqrt(n); the verdict falls when h is
// below |p|, p the point's log (the interval excludes 1), or below log(1 + margin) - |p| (it lies
// within the margin), whichever comes first:
//     n' = n (h / max(|p|, log(1 + margin) - |p|))^2, at least n + 1,
// with h the larger of the interval's two sides. Of an interval that was widened (see widened())
// only the rest shrinks: h^2 and the square of what h must fall below are less by widening^2.
// Without an interval it is minimum_rounds(alpha,
// comparisons). Nothing where no number of rounds is in sight (ratio 1 and margin 0, or beyond a
// million) and where the verdict has fallen.
std::optional<std::size_t> rounds_needed(const Estimate& ratio, double margin, double alpha,
                                         std::size_t comparisons, double widening = 0);

}  // namespace stackheap
