// What random checks draw: sizes that stand where size classes end, alignments, functions.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "harness/base/random.hpp"
#include "harness/worker/verified_heap.hpp"

namespace stackheap::stress {

// Bytes, from 1. Most are small, since small blocks are many and make most of the operations; all
// kinds lie close to powers of two, multiples of 16 and of an eighth of a power of two, as
// allocators draw the lines between size classes there; one in four is anywhere.
inline std::size_t draw_size(Random& random, std::size_t most) {
  const std::uint32_t kind = random.below(512);
  // Of 512 sizes one is of up to `most`, ten of up to 64 KiB, 64 of up to 4 KiB.
  const std::size_t reach = kind == 0 ? most : kind < 11 ? 65'536 : kind < 75 ? 4096 : 512;
  const auto limit = static_cast<std::uint32_t>(reach < most ? reach : most);
  const auto powers = static_cast<std::uint32_t>(std::bit_width(limit));
  std::size_t size = std::size_t{1} << random.below(powers);
  switch (random.below(4)) {
    case 0:
      break;
    case 1:
      size += size / 8 * random.below(8);
      break;
    case 2:
      size = 16 * (std::size_t{1} + random.below(limit / 16 + 1));
      break;
    default:
      size = 1 + random.below(limit);
      break;
  }
  // On the line, just below, just above.
  static constexpr std::array<int, 8> kBeside{0, 0, 0, -1, 1, -8, 8, -3};
  const auto beside = static_cast<std::ptrdiff_t>(size) + kBeside[random.below(8)];
  if (beside < 1) return 1;
  return static_cast<std::size_t>(beside) > most ? most : static_cast<std::size_t>(beside);
}

// A power of two from 8 up to 4 KiB, small ones more often.
inline std::size_t draw_alignment(Random& random) {
  return std::size_t{8} << (random.below(6) + random.below(2) * random.below(5));
}

// Of all functions of this heap; malloc and calloc more often.
inline HeapFunction draw_function(Random& random) {
  for (;;) {
    const std::uint32_t drawn = random.below(16);
    if (drawn < 6) return HeapFunction::kMalloc;
    if (drawn < 9) return HeapFunction::kCalloc;
    // valloc and pvalloc take a whole page each time.
    const auto function = static_cast<HeapFunction>(2 + (drawn - 9));
    const bool page = function == HeapFunction::kValloc || function == HeapFunction::kPvalloc;
    if (page && random.below(8) != 0) continue;
    if (is_of_this_heap(function)) return function;
  }
}

inline Block draw_block(VerifiedHeap& heap, CheckLane& lane, std::size_t most) {
  const HeapFunction function = draw_function(lane.random);
  return heap.allocate(lane, function, draw_size(lane.random, most), draw_alignment(lane.random));
}

}  // namespace stackheap::stress
