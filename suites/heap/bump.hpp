// Memory that is already there, for the variants `no-alloc` of workloads whose containers allocate:
// a block is the next few bytes of a mapping, and giving it back only counts. A monotonic
// std::pmr resource would do but for its virtual calls and for the pointer that it puts into every
// container, string and value: these would no longer have the size that the heap's variants have.
//
// Therefore the allocator has no state of its own. It takes from the arena that the calling thread
// has chosen:  bump_arena = &arena;
#pragma once

#include <cstddef>

#include "harness/base/error.hpp"

namespace stackheap {

// A piece of mapped memory that someone else owns.
class BumpArena {
 public:
  BumpArena() = default;
  BumpArena(unsigned char* place, std::size_t bytes)
      : begin_(place), next_(place), end_(place + bytes) {}

  // Aligned and rounded as malloc would. The workload knows how much it needs: too little is a
  // broken invariant.
  void* take(std::size_t bytes) {
    const std::size_t room = (bytes + 15) / 16 * 16;
    STACKHEAP_CHECK(room <= static_cast<std::size_t>(end_ - next_));
    void* const block = next_;
    next_ += room;
    live_bytes_ += bytes;
    return block;
  }
  void give_back(std::size_t bytes) { live_bytes_ -= bytes; }

  // Everything has been given back.
  void reset() { next_ = begin_; }

  std::size_t used_bytes() const { return static_cast<std::size_t>(next_ - begin_); }
  // What was asked for and not given back.
  std::size_t live_bytes() const { return live_bytes_; }

 private:
  unsigned char* begin_ = nullptr;
  unsigned char* next_ = nullptr;
  unsigned char* end_ = nullptr;
  std::size_t live_bytes_ = 0;
};

// Whence the containers of this thread take their memory.
inline constinit thread_local BumpArena* bump_arena = nullptr;

template <class T>
struct BumpAllocator {
  using value_type = T;

  BumpAllocator() = default;
  template <class U>
  BumpAllocator(const BumpAllocator<U>&) {}

  T* allocate(std::size_t count) { return static_cast<T*>(bump_arena->take(count * sizeof(T))); }
  void deallocate(T*, std::size_t count) { bump_arena->give_back(count * sizeof(T)); }

  friend bool operator==(const BumpAllocator&, const BumpAllocator&) { return true; }
};

}  // namespace stackheap
