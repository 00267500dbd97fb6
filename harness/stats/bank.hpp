// A bank of interleaved samples whose truth is known, from which trials are cut: the data of
// `calibrate`.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stackheap {

// Ways to make one number of a sample's windows; which is compared is decided by their figures.
inline constexpr std::array<std::string_view, 6> kWindowSummaries{
    {"median", "minimum", "q10", "q25", "mean", "p90"}};
using WindowSummaryValues = std::array<double, kWindowSummaries.size()>;

// Of a sample's windows, each a time per operation; at least one.
WindowSummaryValues summarise_windows(std::vector<double> windows);

// The sides of a bank, each the same cell but one. Every round runs each once; what a pair compares
// runs one after the other, as in a run that compares two things: on a machine whose speed wanders,
// samples that stand further apart differ more.
struct SidePair {
  std::size_t candidate;
  std::size_t baseline;
};
inline constexpr std::size_t kFamilySides = 7;  // 0 is the baseline of the others
inline constexpr std::size_t kEqualPairs = 4;
inline constexpr std::array<unsigned, 2> kSlowdownsPpm{{5'000, 20'000}};
constexpr SidePair equal_pair(std::size_t i) {
  return {kFamilySides + 2 * i + 1, kFamilySides + 2 * i};
}
constexpr SidePair slower_pair(std::size_t i) {
  return equal_pair(kEqualPairs + i);
}
inline constexpr SidePair kOtherPair = slower_pair(kSlowdownsPpm.size());
inline constexpr SidePair kDisturbedPair = slower_pair(kSlowdownsPpm.size() + 1);
inline constexpr std::size_t kSides = kDisturbedPair.candidate + 1;

// "same-0" ... of the family; "equal-1-base", "equal-1" ...; "slower-5000-base", "slower-5000"
// (ppm)
// ...; "other-base", "other" (another allocator); "disturbed-base", "disturbed" (a foreign process
// beside it in some rounds).
std::string side_name(std::size_t side);
// How many millionths more operations the side does than it reports.
unsigned slowdown_ppm(std::size_t side);

// The family and the pairs: the sides of each run together.
std::vector<std::vector<std::size_t>> bank_units();

struct BankRound {
  unsigned layout = 0;
  std::array<std::optional<WindowSummaryValues>, kSides> sides;  // nothing: the sample failed
};

// One session: a stretch of rounds of one cell.
struct Bank {
  std::uint64_t session = 0;
  std::string cell;
  bool all_cpus = false;         // else 1 thread
  double sample_seconds = 0.05;  // of one sample of a pair, process and all
  std::vector<BankRound> rounds;
};

}  // namespace stackheap
