// The block sizes of heap/large, apart so that a test can compare them with their description.
#pragma once

#include <cstddef>
#include <cstdint>

namespace stackheap {

inline constexpr std::size_t kStretchBytes = std::size_t{1} << 20U;  // of one operation
inline constexpr std::size_t kSmallestLarge = 5 * kStretchBytes;
inline constexpr std::size_t kLargestLarge = 25 * kStretchBytes;
inline constexpr double kMeanLargeSize = 15.0 * kStretchBytes;

// Uniform from 5 to 25 MiB in multiples of 16 B, both ends reachable, from a uniform 32-bit number.
constexpr std::size_t large_size(std::uint32_t bits) {
  constexpr std::uint64_t kSizes = (kLargestLarge - kSmallestLarge) / 16 + 1;
  return kSmallestLarge + 16 * static_cast<std::size_t>((bits * kSizes) >> 32U);
}

}  // namespace stackheap
