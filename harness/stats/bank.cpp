#include "harness/stats/bank.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "harness/base/error.hpp"

namespace stackheap {
namespace {

double quantile_of_sorted(const std::vector<double>& sorted, double q) {
  const double position = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (position - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

// Of a pair: its number from 0, where 0 to kEqualPairs - 1 are equal, then the slowdowns, the other
// allocator and the disturbed one.
std::size_t pair_of(std::size_t side) {
  return (side - kFamilySides) / 2;
}

std::string pair_name(std::size_t pair) {
  if (pair < kEqualPairs) return fmt::format("equal-{}", pair + 1);
  const std::size_t slower = pair - kEqualPairs;
  if (slower < kSlowdownsPpm.size()) return fmt::format("slower-{}", kSlowdownsPpm[slower]);
  return slower == kSlowdownsPpm.size() ? "other" : "disturbed";
}

}  // namespace

WindowSummaryValues summarise_windows(std::vector<double> windows) {
  STACKHEAP_CHECK(!windows.empty());
  std::sort(windows.begin(), windows.end());
  double sum = 0;
  for (const double window : windows) sum += window;
  return {quantile_of_sorted(windows, 0.5),          windows.front(),
          quantile_of_sorted(windows, 0.1),          quantile_of_sorted(windows, 0.25),
          sum / static_cast<double>(windows.size()), quantile_of_sorted(windows, 0.9)};
}

std::string side_name(std::size_t side) {
  STACKHEAP_CHECK(side < kSides);
  if (side < kFamilySides) return fmt::format("same-{}", side);
  const std::size_t pair = pair_of(side);
  return pair_name(pair) + (side == equal_pair(pair).baseline ? "-base" : "");
}

unsigned slowdown_ppm(std::size_t side) {
  for (std::size_t i = 0; i < kSlowdownsPpm.size(); ++i) {
    if (side == slower_pair(i).candidate) return kSlowdownsPpm[i];
  }
  return 0;
}

std::vector<std::vector<std::size_t>> bank_units() {
  std::vector<std::vector<std::size_t>> units(1);
  for (std::size_t side = 0; side < kFamilySides; ++side) units.front().push_back(side);
  for (std::size_t side = kFamilySides; side < kSides; side += 2) units.push_back({side, side + 1});
  return units;
}

}  // namespace stackheap
