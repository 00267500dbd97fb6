// A bump arena that each thread owns, on mapped memory: what a program uses that wants the stack's
// speed for sizes or lifetimes that the stack does not allow. std::pmr::monotonic_buffer_resource
// does not do here, since it cannot go back to a mark.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

namespace stackheap {

struct ThreadArena {
  unsigned char* begin = nullptr;  // not owned
  unsigned char* cursor = nullptr;
  unsigned char* end = nullptr;

  // Room for `bytes`, aligned to 16; throws std::bad_alloc where the arena is used up.
  void* take(std::size_t bytes) {
    const std::size_t rounded = (bytes + 15) & ~std::size_t{15};
    if (rounded > static_cast<std::size_t>(end - cursor)) [[unlikely]] {
      throw std::bad_alloc();
    }
    unsigned char* const taken = cursor;
    cursor += rounded;
    return taken;
  }
};

// constinit: a thread_local that might need a constructor is reached through a wrapper function.
constinit inline thread_local ThreadArena t_arena;

}  // namespace stackheap
