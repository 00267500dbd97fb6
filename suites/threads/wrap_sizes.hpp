// The sizes of threads/wrap: a cycle of 1,000 allocations in which each size has a fixed count.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace stackheap::wrap {

struct SizeCount {
  std::uint32_t bytes;
  std::uint32_t count;  // in a cycle
};

// Each size is some 2.47 times the one before; counts fall so that the many small blocks make the
// work, and each of the larger sizes has a similar part of the bytes.
inline constexpr std::array<SizeCount, 12> kSizeCounts = {{{8, 301},
                                                           {20, 220},
                                                           {50, 160},
                                                           {124, 110},
                                                           {306, 80},
                                                           {756, 55},
                                                           {1'868, 36},
                                                           {4'620, 20},
                                                           {11'420, 10},
                                                           {28'220, 5},
                                                           {69'740, 2},
                                                           {168'524, 1}}};
inline constexpr std::size_t kCycle = 1000;

constexpr double mean_bytes() {
  double sum = 0;
  for (const SizeCount& row : kSizeCounts) sum += static_cast<double>(row.bytes) * row.count;
  return sum / kCycle;
}

// One cycle, sizes mixed: the rows are laid out in steps that are coprime to the cycle, so that
// every size is spread over it and none comes twice in a row.
constexpr std::array<std::uint32_t, kCycle> cycle_of_sizes() {
  constexpr std::size_t kStep = 297;
  std::array<std::uint32_t, kCycle> cycle{};
  std::size_t at = 0;
  for (const SizeCount& row : kSizeCounts) {
    for (std::uint32_t i = 0; i < row.count; ++i) {
      cycle[at] = row.bytes;
      at = (at + kStep) % kCycle;
    }
  }
  return cycle;
}

}  // namespace stackheap::wrap
