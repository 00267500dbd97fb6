// What a task of threads/tasks does to its items, and the places its items come from. An item is a
// small object with a stamp of its own; a batch of them is made and linked, later checked and given
// back, by the same task or by another.
#pragma once

#include <oneapi/tbb/cache_aligned_allocator.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

#include "harness/base/mapped.hpp"
#include "harness/base/random.hpp"
#include "harness/worker/workload.hpp"

namespace stackheap::tasks {

inline constexpr std::uint64_t kBatch = 32;  // items that a task holds at once, at most
inline constexpr std::uint32_t kSmallest = 24;
inline constexpr std::uint32_t kLargest = 256;

struct Item {
  Item* next;
  std::uint64_t stamp;  // its lowest byte is also the item's last byte
};
static_assert(sizeof(Item) < kSmallest);

// The item's stamp follows from its index, its size from its stamp: so every way of sharing items
// out makes the same ones.
inline std::uint64_t stamp_of(std::uint64_t seed, std::uint64_t index) {
  std::uint64_t state = seed + index * 0x9e3779b97f4a7c15U;
  return splitmix64(state);
}
inline std::uint32_t size_of(std::uint64_t stamp) {
  return kSmallest +
         static_cast<std::uint32_t>(((stamp >> 32U) * (kLargest - kSmallest + 1)) >> 32U);
}

inline unsigned char* last_byte(Item* item) {
  return reinterpret_cast<unsigned char*>(item) + size_of(item->stamp) - 1;
}

struct Tally {
  std::uint64_t items = 0;
  std::uint64_t stamps = 0;
  void add(std::uint64_t stamp) {
    ++items;
    stamps += stamp;
  }
  void add(const Tally& other) {
    items += other.items;
    stamps += other.stamps;
  }
  friend bool operator==(const Tally&, const Tally&) = default;
};

struct Place {
  alignas(std::max_align_t) unsigned char bytes[kLargest];
};

// The books of one lane: only the thread that holds the lane writes them.
struct alignas(2 * kCacheLine) Books {
  Tally made;
  Tally given_up;
  std::uint64_t damaged = 0;
  std::int64_t largest_batch_bytes = 0;
  MappedArray<Place> places;  // of no-alloc: one for each item of a batch

  void add(const Books& other) {
    made.add(other.made);
    given_up.add(other.given_up);
    damaged += other.damaged;
    largest_batch_bytes += other.largest_batch_bytes;
  }
};

// Each has
//     void* obtain(Books&, std::size_t bytes, std::uint64_t index) const;   throws std::bad_alloc
//     void give_back(void* block, std::size_t bytes) const;
// `index` is that of the item in its batch.
struct FromMalloc {
  void* obtain(Books&, std::size_t bytes, std::uint64_t) const {
    void* block = std::malloc(bytes);
    if (block == nullptr) throw std::bad_alloc();
    return block;
  }
  void give_back(void* block, std::size_t) const { std::free(block); }
};

// What tbb::scalable_allocator calls; found by symbol, since linking its library would load it
// into every process.
struct FromScalable {
  void* (*scalable_malloc)(std::size_t) = nullptr;
  void (*scalable_free)(void*) = nullptr;
  void* obtain(Books&, std::size_t bytes, std::uint64_t) const {
    void* block = scalable_malloc(bytes);
    if (block == nullptr) throw std::bad_alloc();
    return block;
  }
  void give_back(void* block, std::size_t) const { scalable_free(block); }
};

struct FromCacheAligned {
  using Allocator = oneapi::tbb::cache_aligned_allocator<unsigned char>;
  void* obtain(Books&, std::size_t bytes, std::uint64_t) const {
    return Allocator().allocate(bytes);
  }
  void give_back(void* block, std::size_t bytes) const {
    Allocator().deallocate(static_cast<unsigned char*>(block), bytes);
  }
};

struct FromPlaces {
  void* obtain(Books& books, std::size_t, std::uint64_t index) const {
    return books.places[index].bytes;
  }
  void give_back(void* block, std::size_t) const { escape(block); }
};

// The items first ... last - 1, at most kBatch of them, linked.
template <class Source>
Item* make_batch(const Source& source, Lane& lane, Books& books, std::uint64_t seed,
                 std::uint64_t first, std::uint64_t last) {
  Item* head = nullptr;
  std::int64_t bytes = 0;
  for (std::uint64_t index = first; index != last; ++index) {
    const std::uint64_t stamp = stamp_of(seed, index);
    const std::uint32_t size = size_of(stamp);
    void* block = source.obtain(books, size, index - first);
    head = new (block) Item{head, stamp};
    *last_byte(head) = static_cast<unsigned char>(stamp);
    escape(head);
    bytes += size;
    books.made.add(stamp);
  }
  lane.live_bytes += bytes;
  if (bytes > books.largest_batch_bytes) books.largest_batch_bytes = bytes;
  return head;
}

// Checks the items and gives them back.
template <class Source>
void end_batch(const Source& source, Lane& lane, Books& books, Item* head) {
  while (head != nullptr) {
    Item* const item = head;
    head = item->next;
    const std::uint64_t stamp = item->stamp;
    const std::uint32_t size = size_of(stamp);
    const bool intact = *last_byte(item) == static_cast<unsigned char>(stamp);
    books.damaged += intact ? 0U : 1U;
    books.given_up.add(stamp);
    lane.freed(size);
    source.give_back(item, size);
  }
}

}  // namespace stackheap::tasks
