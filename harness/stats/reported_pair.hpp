// A comparison as it is told to people and programs: names instead of indices, so that one report
// serves pairs within a run and between two.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "harness/stats/interval.hpp"
#include "harness/stats/verdict.hpp"

namespace stackheap {

struct ReportedPair {
  std::string block;
  std::string variant;
  unsigned threads = 1;
  std::string metric;
  std::string unit;
  std::string baseline;   // what it is against: an allocator; of two runs, that in the earlier
  std::string candidate;  // an allocator
  RatioEstimate ratio;    // candidate / baseline
  Verdict verdict = Verdict::kUnresolved;
  std::optional<std::size_t> rounds_needed;
  std::size_t planned = 0;  // rounds; ratio.n is less where samples failed
  bool fired = false;       // a --fail-on condition is met
};

}  // namespace stackheap
