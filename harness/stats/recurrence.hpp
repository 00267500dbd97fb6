// Do the verdicts of one run return in another? What a user of a benchmark takes home is its
// verdicts, so how often they come back is the plainest measure of what they are worth.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "harness/stats/interval.hpp"

namespace stackheap {

// One comparison that both runs made, each inside itself.
struct RepeatedPair {
  std::string label;
  RatioEstimate first;
  RatioEstimate second;
};

struct Recurrence {
  std::size_t claims = 0;    // of the first run: intervals that lie beyond 1 by more than `beyond`
  std::size_t returned = 0;  // of these, on the same side of 1 in the second run
  std::vector<std::string> contradicted;  // on the other side
  Estimate share;                         // returned / claims, Clopper and Pearson at 0.05
};

// `beyond`: on the scale of |log ratio|. Pairs without an interval in either run are left out.
Recurrence recurrence_of(std::span<const RepeatedPair> pairs, double beyond);

}  // namespace stackheap
