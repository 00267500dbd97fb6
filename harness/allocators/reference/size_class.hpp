// Size classes of the reference allocator: four steps for each doubling, so that a block is at most
// 25 % larger than what was asked for above 64 bytes, and multiples of 16 below.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace stackheap::reference {

inline constexpr std::size_t kQuantum = 16;
inline constexpr unsigned kFirstShift = 6;   // geometric steps begin at 64 bytes
inline constexpr unsigned kSmallShift = 14;  // up to 16 KiB blocks share a run
inline constexpr unsigned kLargeShift = 25;  // up to 32 MiB blocks are kept for reuse
inline constexpr std::size_t kLargestSmall = std::size_t{1} << kSmallShift;
inline constexpr std::size_t kLargestKept = std::size_t{1} << kLargeShift;
inline constexpr unsigned kLinearClasses = 4;  // 16, 32, 48, 64
inline constexpr unsigned kClasses = kLinearClasses + 4 * (kLargeShift - kFirstShift);

// The class of a size, 1 <= size <= kLargestKept.
constexpr unsigned class_by_arithmetic(std::size_t size) {
  if (size <= kLinearClasses * kQuantum) return static_cast<unsigned>((size - 1) / kQuantum);
  const std::size_t last = size - 1;
  const auto shift = static_cast<unsigned>(std::bit_width(last)) - 1;
  const auto step = static_cast<unsigned>(last >> (shift - 2)) & 3U;
  return kLinearClasses + 4 * (shift - kFirstShift) + step;
}

constexpr std::size_t size_of_class(unsigned index) {
  if (index < kLinearClasses) return (index + 1) * kQuantum;
  const unsigned shift = kFirstShift + (index - kLinearClasses) / 4;
  const unsigned step = (index - kLinearClasses) % 4;
  return std::size_t{4 + step + 1} << (shift - 2);
}

// The same from a table for the sizes that programs mostly ask for.
inline constexpr std::size_t kTabled = 1024;
struct ClassTable {
  std::uint8_t index[kTabled / kQuantum + 1];
};
inline constexpr ClassTable kClassTable = [] {
  ClassTable table{};
  for (std::size_t i = 1; i <= kTabled / kQuantum; ++i) {
    table.index[i] = static_cast<std::uint8_t>(class_by_arithmetic(i * kQuantum));
  }
  return table;  // entry 0: size 0 is served as the smallest class
}();

constexpr unsigned class_of_size(std::size_t size) {
  if (size <= kTabled) [[likely]] {
    return kClassTable.index[(size + kQuantum - 1) / kQuantum];
  }
  return class_by_arithmetic(size);
}

static_assert(class_of_size(0) == 0 && class_of_size(64) == 3 && class_of_size(65) == 4);
static_assert(size_of_class(class_of_size(65)) == 80 && size_of_class(class_of_size(1025)) == 1280);
static_assert(size_of_class(kClasses - 1) == kLargestKept);
static_assert(class_of_size(kLargestKept) == kClasses - 1);

}  // namespace stackheap::reference
