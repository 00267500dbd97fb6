// The slots of threads/larson and what is done to them, for every workload that runs the pattern:
// 1,000 slots with blocks of 8 to 1,000 B, uniformly drawn; an operation frees the block of a
// random slot and allocates another in its place (P. Larson and M. Krishnan, ISMM 1998). It stands
// apart because a latency is of interest only beside the throughput of exactly the same pattern.
#pragma once

#include <cstdint>

#include "harness/base/mapped.hpp"
#include "harness/worker/workload.hpp"

namespace stackheap::larson {

inline constexpr std::uint32_t kSlots = 1000;
inline constexpr std::uint32_t kSmallest = 8;
inline constexpr std::uint32_t kLargest = 1000;
inline constexpr double kLiveBytes = kSlots * (kSmallest + kLargest) / 2.0;  // of one estate

struct Slot {
  unsigned char* block = nullptr;
  std::uint32_t size = 0;
  unsigned char mark = 0;  // the block's first and last byte
};

struct Place {
  unsigned char bytes[1024];
};

// What a thread leaves to its successor.
struct alignas(2 * kCacheLine) Estate {
  Slot slots[kSlots]{};
  MappedArray<Place> places;  // `no-alloc`: one for each slot
};

// `Calls` says what stands in the loop for the two calls of an operation:
//   static constexpr bool kUsesHeap;      false: what obtain returns, if anything, is not used
//   static void* obtain(Lane&, std::size_t bytes);          throws std::bad_alloc
//   static void give_back(Lane&, void* block, std::size_t bytes);
template <class Calls>
void obtain(Slot& slot, Lane& lane) {
  const std::uint64_t draw = lane.random();
  slot.size = kSmallest + static_cast<std::uint32_t>(
                              ((draw & 0xffffffffU) * (kLargest - kSmallest + 1)) >> 32U);
  slot.mark = static_cast<unsigned char>(draw >> 56U);
  if constexpr (Calls::kUsesHeap) {
    slot.block = nullptr;  // so that a failing allocation leaves nothing to be freed twice
    slot.block = static_cast<unsigned char*>(Calls::obtain(lane, slot.size));
  } else {
    Calls::obtain(lane, slot.size);
  }
  slot.block[0] = slot.mark;
  slot.block[slot.size - 1] = slot.mark;
  escape(slot.block);
  lane.allocated(slot.size);
}

template <class Calls>
void replace(Estate& estate, Lane& lane, std::uint64_t n) {
  for (std::uint64_t i = 0; i < n; ++i) {
    Slot& slot = estate.slots[lane.random.below(kSlots)];
    lane.freed(slot.size);
    Calls::give_back(lane, slot.block, slot.size);
    obtain<Calls>(slot, lane);
  }
}

template <class Calls>
void fill(Estate& estate, Lane& lane) {
  if constexpr (!Calls::kUsesHeap) {
    estate.places = MappedArray<Place>(kSlots);
    for (std::uint32_t i = 0; i < kSlots; ++i) estate.slots[i].block = estate.places[i].bytes;
  }
  for (Slot& slot : estate.slots) obtain<Calls>(slot, lane);
}

// How many blocks do not hold what was written.
inline std::uint32_t changed_blocks(const Estate& estate) {
  std::uint32_t changed = 0;
  for (const Slot& slot : estate.slots) {
    const bool intact = slot.block[0] == slot.mark && slot.block[slot.size - 1] == slot.mark;
    changed += intact ? 0U : 1U;
  }
  return changed;
}

// `uncounted` of them stay in the lane's books as live, although they are freed: a planted fault
// must fail the check and need not show in a leak checker.
template <class Calls>
void empty(Estate& estate, Lane& lane, std::uint32_t uncounted) {
  for (std::uint32_t i = 0; i < kSlots; ++i) {
    Slot& slot = estate.slots[i];
    if (i >= uncounted) lane.freed(slot.size);
    Calls::give_back(lane, slot.block, slot.size);
    slot.block = nullptr;
  }
}

}  // namespace stackheap::larson
