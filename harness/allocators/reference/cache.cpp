#include "harness/allocators/reference/cache.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <new>

namespace stackheap::reference {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kChunk = std::size_t{4} << 20U;  // asked of the system at once
constexpr std::size_t kDirect = kChunk / 4;            // larger classes are mapped one by one
constexpr std::uint32_t kMostCaches = 1U << 16U;       // threads alive at once

char* map(std::size_t bytes, int more_flags = 0) {
  void* address = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | more_flags, -1, 0);
  return address == MAP_FAILED ? nullptr : static_cast<char*>(address);
}

char* align_up(char* address, std::size_t alignment) {
  return reinterpret_cast<char*>((reinterpret_cast<std::uintptr_t>(address) + alignment - 1) &
                                 ~(std::uintptr_t{alignment} - 1));
}

// The unused end of the old chunk is given up: address space that nobody has touched.
char* take_units(Cache& cache, std::size_t count) {
  const std::size_t bytes = count * kUnit;
  if (static_cast<std::size_t>(cache.units_end - cache.units) < bytes) {
    char* chunk = map(kChunk + kUnit);
    if (chunk == nullptr) return nullptr;
    cache.units = align_up(chunk, kUnit);
    cache.units_end = cache.units + kChunk;
  }
  char* units = cache.units;
  cache.units += bytes;
  return units;
}

// The first block of a run lies so that every block is aligned to the lowest bit of the class's
// size: a class whose size is a multiple of an alignment serves that alignment.
void* start_run(Cache& cache, unsigned size_class) {
  char* unit = take_units(cache, 1);
  if (unit == nullptr) return nullptr;
  const std::size_t size = size_of_class(size_class);
  auto* header = new (unit) UnitHeader;
  header->size_class = size_class;
  header->capacity = size;
  const std::size_t first = std::max(sizeof(UnitHeader), size & (~size + 1));
  const std::size_t start = (first + kQuantum - 1) & ~(kQuantum - 1);
  const std::size_t blocks = (kUnit - start) / size;
  cache.fresh[size_class] = unit + start + size;
  cache.fresh_end[size_class] = unit + start + blocks * size;
  return unit + start;
}

// Large blocks begin one page into their units, so that each serves alignments up to a page.
void* large_block(Cache& cache, unsigned size_class) {
  const std::size_t size = size_of_class(size_class);
  if (size > kDirect) {
    void* block = map_block(size, kPage);
    if (block != nullptr) header_of(block)->size_class = size_class;
    return block;
  }
  char* units = take_units(cache, (kPage + size + kUnit - 1) / kUnit);
  if (units == nullptr) return nullptr;
  auto* header = new (units) UnitHeader;
  header->size_class = size_class;
  header->capacity = size;
  return units + kPage;
}

// All caches, in one reservation that is touched as they are used; never unmapped.
std::atomic<Cache*> all_caches{nullptr};
std::atomic<std::uint32_t> caches_used{0};
// The abandoned ones as a stack: in the low half 1 + the top's index, in the high half a count of
// changes, so that a top that was taken and left again meanwhile is noticed.
std::atomic<std::uint64_t> abandoned{0};

constexpr std::uint64_t kIndexMask = 0xffffffffU;
constexpr std::uint64_t kOneChange = std::uint64_t{1} << 32U;

Cache* cache_table() {
  Cache* table = all_caches.load(std::memory_order_acquire);
  if (table != nullptr) return table;
  char* mapped = map(kMostCaches * sizeof(Cache), MAP_NORESERVE);
  if (mapped == nullptr) return nullptr;
  auto* mine = reinterpret_cast<Cache*>(mapped);
  if (all_caches.compare_exchange_strong(table, mine, std::memory_order_acq_rel)) return mine;
  ::munmap(mapped, kMostCaches * sizeof(Cache));
  return table;
}

}  // namespace

void* fresh_block(Cache& cache, unsigned size_class) {
  char* block = cache.fresh[size_class];
  if (block != cache.fresh_end[size_class]) {
    cache.fresh[size_class] = block + size_of_class(size_class);
    return block;
  }
  return size_of_class(size_class) <= kLargestSmall ? start_run(cache, size_class)
                                                    : large_block(cache, size_class);
}

void* map_block(std::size_t size, std::size_t alignment) {
  const std::size_t aligned = std::max(alignment, kPage);
  std::size_t bytes = 0;
  if (__builtin_add_overflow(size, kUnit + kPage, &bytes) ||
      __builtin_add_overflow(bytes, aligned, &bytes) || bytes > PTRDIFF_MAX) {
    return nullptr;
  }
  char* mapping = map(bytes);
  if (mapping == nullptr) return nullptr;
  // One unit from the start, so that the header's unit, which begins below the block, is mapped.
  char* block = align_up(mapping + kUnit, aligned);
  auto* header = new (header_of(block)) UnitHeader;
  header->size_class = kClasses;
  header->capacity = size;
  header->mapping = mapping;
  header->mapping_size = bytes;
  return block;
}

Cache* take_cache() {
  Cache* table = cache_table();
  if (table == nullptr) return nullptr;
  std::uint64_t top = abandoned.load(std::memory_order_acquire);
  while ((top & kIndexMask) != 0) {
    Cache* cache = &table[(top & kIndexMask) - 1];
    // May read a cache that another thread has just taken; the count of changes tells then.
    const std::uint64_t next = __atomic_load_n(&cache->next_abandoned, __ATOMIC_RELAXED);
    const std::uint64_t changed = ((top & ~kIndexMask) + kOneChange) | next;
    if (abandoned.compare_exchange_weak(top, changed, std::memory_order_acq_rel,
                                        std::memory_order_acquire)) {
      return cache;
    }
  }
  std::uint32_t index = caches_used.load(std::memory_order_relaxed);
  do {
    if (index == kMostCaches) return nullptr;
  } while (!caches_used.compare_exchange_weak(index, index + 1, std::memory_order_relaxed));
  return new (&table[index]) Cache;
}

void leave_cache(Cache* cache) {
  const std::uint64_t index = static_cast<std::uint64_t>(cache - cache_table()) + 1;
  std::uint64_t top = abandoned.load(std::memory_order_relaxed);
  std::uint64_t changed = 0;
  do {
    __atomic_store_n(&cache->next_abandoned, static_cast<std::uint32_t>(top & kIndexMask),
                     __ATOMIC_RELAXED);
    changed = ((top & ~kIndexMask) + kOneChange) | index;
  } while (!abandoned.compare_exchange_weak(top, changed, std::memory_order_release,
                                            std::memory_order_relaxed));
}

}  // namespace stackheap::reference
