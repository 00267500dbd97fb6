#include "harness/stats/recurrence.hpp"

#include <cmath>

#include "harness/stats/stopping.hpp"

namespace stackheap {
namespace {

// 1: certainly above, -1: certainly below, by more than `beyond`; 0: neither.
int side_of(const RatioEstimate& ratio, double beyond) {
  if (std::log(ratio.lower) > beyond) return 1;
  return std::log(ratio.upper) < -beyond ? -1 : 0;
}

}  // namespace

Recurrence recurrence_of(std::span<const RepeatedPair> pairs, double beyond) {
  Recurrence result;
  for (const RepeatedPair& pair : pairs) {
    if (!pair.first.has_interval() || !pair.second.has_interval()) continue;
    const int first = side_of(pair.first, beyond);
    if (first == 0) continue;
    ++result.claims;
    const int second = side_of(pair.second, 0);
    if (second == first) ++result.returned;
    if (second == -first) result.contradicted.push_back(pair.label);
  }
  result.share = clopper_pearson(result.returned, result.claims, kExactAlpha);
  return result;
}

}  // namespace stackheap
