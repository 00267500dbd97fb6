// --fail-on: the condition that makes a comparison fail a build. It asks the interval and not the
// ratio, since a gate on the point alone fires on every second unchanged commit.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/stats/reported_pair.hpp"

namespace stackheap {

struct FailOn {
  Verdict verdict = Verdict::kSlower;  // slower, faster, higher or lower
  double part = 0;                     // 0.03 of 3 %

  // Certainly beyond the bound: the verdict is that one, and the whole interval lies outside
  // 1 + part (1 / (1 + part) for faster and lower). Never on equivalent or unresolved.
  bool fires(const ReportedPair& pair) const;
};

// "slower=3%" or "higher=5". Throws UserError.
FailOn parse_fail_on(std::string_view text);

// Marks the pairs that fire and returns how many do.
std::size_t mark_fired(std::span<const FailOn> conditions, std::vector<ReportedPair>& pairs);

}  // namespace stackheap
