// A second healthy allocator, of another make than glibc's, for faults written a second time:
// checks must find what is wrong, and not how it was written here. Size classes, central lists
// under one lock, a cache for each thread.
//
// The faults stand where a programmer would make them, each behind one constant of `Fault`.
#pragma once

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>

#include "tests/mutants/fork_lock.hpp"
#include "tests/mutants/own/layout.hpp"
#include "tests/mutants/seed.hpp"

namespace mutant {

struct NoFault {
  static constexpr bool kPopsWithoutUnlinking = false;  // 1 time in 64
  static constexpr bool kShortStride = false;           // the class of 512 bytes
  static constexpr bool kGrowsInPlace = false;          // by up to a quarter
  static constexpr bool kTrustsRecycledZeroes = false;
  static constexpr bool kCopiesTooLittle = false;  // by 8 bytes
  static constexpr bool kAlignsOffsets = false;    // within the mapping, instead of addresses
  static constexpr bool kLosesRemoteFrees = false;
  static constexpr bool kTakesNoLock = false;
  static constexpr bool kAbandonsCaches = false;
  static constexpr bool kForgetsFork = false;
};

struct FreeBlock {
  FreeBlock* next;
};

struct Cache {
  static constexpr std::uint32_t kMost = 32;  // of each class
  FreeBlock* free[kClasses] = {};
  std::uint32_t count[kClasses] = {};
  Cache* next = nullptr;
};
MUTANT_THREAD_LOCAL Cache* own_cache = nullptr;
MUTANT_THREAD_LOCAL bool has_ended = false;

// What is shared by all threads of one class.
struct Central {
  FreeBlock* free = nullptr;
  char* fresh = nullptr;  // untouched blocks of the newest unit
  char* fresh_end = nullptr;
};

inline void* out_of_memory() {
  errno = ENOMEM;
  return nullptr;
}

template <class Fault>
class OwnHeap {
 public:
  static void* allocate(std::size_t bytes) {
    if (bytes > kLargestSmall) return map_block(16, bytes);
    const std::size_t index = class_of(bytes);
    Cache* const cache = this_cache();
    if (cache == nullptr || cache->free[index] == nullptr) return take_central(index);
    FreeBlock* const block = cache->free[index];
    if (Fault::kPopsWithoutUnlinking && later_one_in(64)) return block;
    cache->free[index] = block->next;
    --cache->count[index];
    return block;
  }

  static void release(void* block) {
    Header* const header = header_of(block);
    const std::size_t index = header->size_class;
    if (index == kClasses) {
      ::munmap(header->mapping, header->mapping_bytes);
      return;
    }
    Cache* const cache = this_cache();
    if (Fault::kLosesRemoteFrees && header->owner != cache) return;
    auto* const freed = reinterpret_cast<FreeBlock*>(begin_of(header, block));
    if (cache == nullptr || cache->count[index] == Cache::kMost) {
      return give_central(index, freed);
    }
    freed->next = cache->free[index];
    cache->free[index] = freed;
    ++cache->count[index];
  }

  static void* zeroed(std::size_t count, std::size_t size) {
    std::size_t bytes = 0;
    if (__builtin_mul_overflow(count, size, &bytes)) return out_of_memory();
    void* const block = allocate(bytes);
    if (block != nullptr && !Fault::kTrustsRecycledZeroes) ::memset(block, 0, bytes);
    return block;
  }

  static void* resize(void* block, std::size_t bytes) {
    if (bytes == 0) {
      release(block);
      return nullptr;
    }
    const std::size_t old = usable(block);
    if (old / 2 <= bytes && bytes <= old) return block;
    if (Fault::kGrowsInPlace && old < bytes && bytes <= old + old / 4) return block;
    void* const moved = allocate(bytes);
    if (moved == nullptr) return nullptr;
    const std::size_t kept = bytes < old ? bytes : old;
    ::memcpy(moved, block, Fault::kCopiesTooLittle && kept >= 8 ? kept - 8 : kept);
    release(block);
    return moved;
  }

  // A part of a block that is larger by the alignment.
  static void* aligned(std::size_t alignment, std::size_t bytes) {
    if (alignment <= 16) return allocate(bytes);
    if (alignment > kLargestSmall / 2 || bytes > kLargestSmall / 2) {
      return map_block(alignment, bytes);
    }
    void* const block = allocate(bytes + alignment);
    return block == nullptr ? nullptr : round_up(static_cast<char*>(block), alignment);
  }

  static std::size_t usable(void* block) { return usable_bytes(block); }

  static void start() { g_has_exit = ::pthread_key_create(&g_exit, leave_cache) == 0; }

 private:
  // Its own lock, which nobody looks after at fork.
  static inline pthread_mutex_t g_unguarded = PTHREAD_MUTEX_INITIALIZER;
  struct Unguarded {
    Unguarded() { ::pthread_mutex_lock(&g_unguarded); }
    ~Unguarded() { ::pthread_mutex_unlock(&g_unguarded); }
  };
  struct Unlocked {
    Unlocked() = default;
    ~Unlocked() {}
  };
  using Lock = std::conditional_t<Fault::kTakesNoLock, Unlocked,
                                  std::conditional_t<Fault::kForgetsFork, Unguarded, Locked>>;

  static inline Central g_central[kClasses];
  static inline char* g_units = nullptr;
  static inline char* g_units_end = nullptr;
  static inline Cache* g_unused_caches = nullptr;
  static inline pthread_key_t g_exit;
  static inline bool g_has_exit = false;

  static Cache* this_cache() {
    // Without caches, so that the lock is taken as often as in allocators that have none.
    if (Fault::kForgetsFork) return nullptr;
    if (own_cache != nullptr || has_ended) return own_cache;
    {
      const Lock lock;
      own_cache = g_unused_caches;
      if (own_cache != nullptr) g_unused_caches = own_cache->next;
    }
    if (own_cache == nullptr) {
      char* const memory = map_memory(sizeof(Cache));
      if (memory == nullptr) return nullptr;
      own_cache = new (memory) Cache;
    }
    // Last: it may allocate.
    if (g_has_exit) ::pthread_setspecific(g_exit, own_cache);
    return own_cache;
  }

  static void leave_cache(void* argument) {
    own_cache = nullptr;
    has_ended = true;
    if (Fault::kAbandonsCaches) return;
    auto* const cache = static_cast<Cache*>(argument);
    for (std::size_t index = 0; index < kClasses; ++index) {
      while (FreeBlock* const block = cache->free[index]) {
        cache->free[index] = block->next;
        give_central(index, block);
      }
      cache->count[index] = 0;
    }
    const Lock lock;
    cache->next = g_unused_caches;
    g_unused_caches = cache;
  }

  static void* take_central(std::size_t index) {
    const Lock lock;
    Central& central = g_central[index];
    if (FreeBlock* const block = central.free) {
      // A race that is never lost on a busy machine would show nothing.
      if (Fault::kTakesNoLock && one_in(256)) ::sched_yield();
      central.free = block->next;
      return block;
    }
    if (central.fresh == central.fresh_end && !cut_unit(index)) return out_of_memory();
    char* const block = central.fresh;
    central.fresh += header_of(block)->stride;
    return block;
  }

  static void give_central(std::size_t index, FreeBlock* block) {
    const Lock lock;
    block->next = g_central[index].free;
    g_central[index].free = block;
  }

  // Under the lock.
  static bool cut_unit(std::size_t index) {
    constexpr std::size_t kAtOnce = 64 * kUnit;
    if (g_units == g_units_end) {
      char* const memory = map_memory(kAtOnce + kUnit);
      if (memory == nullptr) return false;
      g_units = round_up(memory, kUnit);
      g_units_end = g_units + kAtOnce;
    }
    auto* const header = new (g_units) Header;
    header->size_class = index;
    const std::size_t size = size_of_class(index);
    header->stride = Fault::kShortStride && size == 512 ? size - 16 : size;
    header->owner = own_cache;
    char* const first = g_units + kHeaderBytes;
    g_central[index].fresh = first;
    g_central[index].fresh_end = first + (kUnit - kHeaderBytes) / size * header->stride;
    g_units += kUnit;
    return true;
  }

  static void* map_block(std::size_t alignment, std::size_t bytes) {
    const std::size_t extra = alignment + 2 * kUnit;
    if (bytes > PTRDIFF_MAX - extra || alignment > PTRDIFF_MAX / 2) return out_of_memory();
    char* const mapping = map_memory(bytes + extra);
    if (mapping == nullptr) return out_of_memory();
    char* const unit = round_up(mapping, kUnit);
    const std::size_t step = alignment < kHeaderBytes ? kHeaderBytes : alignment;
    char* const block = Fault::kAlignsOffsets ? unit + step : round_up(unit + kHeaderBytes, step);
    auto* const header = new (header_of(block)) Header;
    header->mapping = mapping;
    header->mapping_bytes = bytes + extra;
    return block;
  }
};

}  // namespace mutant
