// A thread's private memory: a free list and a piece of untouched memory for each size class. A
// thread that ends leaves its cache to the next thread that begins, so threads that come and go
// cost no more than as many as live at once. No locks anywhere: nothing to hold across fork().
#pragma once

#include <cstddef>
#include <cstdint>

#include "harness/allocators/reference/size_class.hpp"

namespace stackheap::reference {

// Blocks are found back by their address: memory is divided into units of 64 KiB, and the header
// at the start of a block's unit tells its class. A block never begins at a unit's start; where
// one must (an alignment of 64 KiB and more), it belongs to the unit that ends there.
inline constexpr std::size_t kUnit = std::size_t{64} << 10U;

struct UnitHeader {
  unsigned size_class = 0;   // kClasses: a mapping of its own, returned when freed
  std::size_t capacity = 0;  // usable bytes of a block
  void* mapping = nullptr;   // of kClasses: what to unmap
  std::size_t mapping_size = 0;
};

inline UnitHeader* header_of(const void* block) {
  return reinterpret_cast<UnitHeader*>((reinterpret_cast<std::uintptr_t>(block) - 1) &
                                       ~(std::uintptr_t{kUnit} - 1));
}

struct FreeBlock {
  FreeBlock* next;
};

struct alignas(128) Cache {
  FreeBlock* free[kClasses] = {};
  // Untouched blocks of the class's newest run, all zero.
  char* fresh[kClasses] = {};
  char* fresh_end[kClasses] = {};
  // Units not yet given to any class, all zero.
  char* units = nullptr;
  char* units_end = nullptr;
  std::uint32_t next_abandoned = 0;  // 1 + index of the next abandoned cache, 0 at the end
};

// A block that no list holds, of untouched memory: all zero. Null where the system has no more.
void* fresh_block(Cache& cache, unsigned size_class);

// A block with a mapping of its own, all zero. `alignment` is a power of two >= 16. Null where the
// system has no more.
void* map_block(std::size_t size, std::size_t alignment);

// A cache that nobody holds; null where the system has no more.
Cache* take_cache();
// Leaves it to whoever takes one next.
void leave_cache(Cache* cache);

}  // namespace stackheap::reference
