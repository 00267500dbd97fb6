// Where a block comes from and goes back to: one small type per interface, with the same two
// functions, so that a workload's loop is written once and compiled for each. std::allocator_traits
// would do but for sized, aligned and foreign interfaces, which are the point here.
//
// A source is copied into the loop. obtain() never returns null: it throws std::bad_alloc. The
// block's alignment is at least `alignment_of<Source>(bytes)`.
#pragma once

#include <oneapi/tbb/cache_aligned_allocator.h>
#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory_resource>
#include <new>

#include "harness/base/mapped.hpp"
#include "harness/worker/workload.hpp"

namespace stackheap {

inline void* or_bad_alloc(void* block) {
  if (block == nullptr) [[unlikely]] {
    throw std::bad_alloc();
  }
  return block;
}

struct MallocSource {
  void* obtain(std::size_t bytes) const { return or_bad_alloc(std::malloc(bytes)); }
  void give_back(void* block, std::size_t) const { std::free(block); }
};

struct OperatorNewSource {
  void* obtain(std::size_t bytes) const { return ::operator new(bytes); }
  void give_back(void* block, std::size_t) const { ::operator delete(block); }
};

struct SizedDeleteSource {
  void* obtain(std::size_t bytes) const { return ::operator new(bytes); }
  void give_back(void* block, std::size_t bytes) const { ::operator delete(block, bytes); }
};

struct CallocSource {
  static constexpr bool kZeroed = true;
  void* obtain(std::size_t bytes) const { return or_bad_alloc(std::calloc(1, bytes)); }
  void give_back(void* block, std::size_t) const { std::free(block); }
};

// posix_memalign, because aligned_alloc may refuse a size that is no multiple of the alignment.
template <std::size_t kBoundary>
struct AlignedSource {
  static constexpr std::size_t kAlignment = kBoundary;
  void* obtain(std::size_t bytes) const {
    void* block = nullptr;
    if (::posix_memalign(&block, kBoundary, bytes) != 0) [[unlikely]] {
      throw std::bad_alloc();
    }
    return block;
  }
  void give_back(void* block, std::size_t) const { std::free(block); }
};

// oneTBB's scalable_malloc and scalable_free.
struct ScalableSource {
  void* (*scalable_malloc)(std::size_t) = nullptr;
  void (*scalable_free)(void*) = nullptr;
  void* obtain(std::size_t bytes) const { return or_bad_alloc(scalable_malloc(bytes)); }
  void give_back(void* block, std::size_t) const { scalable_free(block); }
};

// The public C++ allocator: libtbb, which is no allocator under test, finds libtbbmalloc itself.
struct CacheAlignedSource {
  static constexpr std::size_t kAlignment = kCacheLine;
  void* obtain(std::size_t bytes) const {
    return oneapi::tbb::cache_aligned_allocator<unsigned char>().allocate(bytes);
  }
  void give_back(void* block, std::size_t bytes) const {
    oneapi::tbb::cache_aligned_allocator<unsigned char>().deallocate(
        static_cast<unsigned char*>(block), bytes);
  }
};

template <class Pool>
struct PmrSource {
  Pool* pool = nullptr;
  void* obtain(std::size_t bytes) const { return pool->allocate(bytes); }
  void give_back(void* block, std::size_t bytes) const { pool->deallocate(block, bytes); }
};

// A first-class heap of mimalloc, for the thread that made it.
struct MimallocHeapSource {
  void* heap = nullptr;
  void* (*mi_heap_malloc)(void*, std::size_t) = nullptr;
  void (*mi_free)(void*) = nullptr;
  void* obtain(std::size_t bytes) const { return or_bad_alloc(mi_heap_malloc(heap, bytes)); }
  void give_back(void* block, std::size_t) const { mi_free(block); }
};

// An arena and an explicit thread cache of jemalloc, chosen by flags at each call.
struct JemallocArenaSource {
  int allocate_flags = 0;
  int free_flags = 0;
  void* (*mallocx)(std::size_t, int) = nullptr;
  void (*dallocx)(void*, int) = nullptr;
  void* obtain(std::size_t bytes) const { return or_bad_alloc(mallocx(bytes, allocate_flags)); }
  void give_back(void* block, std::size_t) const { dallocx(block, free_flags); }
};

// The same memory every time: what is left of a loop without an allocator.
struct SameBlockSource {
  void* block = nullptr;
  void* obtain(std::size_t) const { return block; }
  void give_back(void* returned, std::size_t) const { escape(returned); }
};

// What C demands of a block of this size, or what the interface was asked for. Blocks too small
// for a fundamental type of some alignment need not have that alignment.
template <class Source>
constexpr std::size_t alignment_of(std::size_t bytes) {
  if constexpr (requires { Source::kAlignment; }) {
    return Source::kAlignment;
  } else {
    return std::bit_floor(std::min(bytes, alignof(std::max_align_t)));
  }
}

// Every byte; for checks outside of windows.
inline bool holds_only(const void* block, std::size_t bytes, unsigned char value) {
  const auto* byte = static_cast<const unsigned char*>(block);
  return std::all_of(byte, byte + bytes, [value](unsigned char other) { return other == value; });
}

}  // namespace stackheap
