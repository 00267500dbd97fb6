// The healthy allocator that the mutants wrap: glibc's, by the names that it keeps for itself. A
// mutant derives from it and hides the one operation that it gets wrong.
#pragma once

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include <cstddef>
#include <cstdint>

#include "tests/mutants/seed.hpp"

extern "C" {
void* __libc_malloc(std::size_t bytes);
void __libc_free(void* block);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* block, std::size_t bytes);
void* __libc_memalign(std::size_t alignment, std::size_t bytes);
}

namespace mutant {

// All entry points are made of these (entry_points.hpp). errno is set where null is returned.
struct Healthy {
  static void* allocate(std::size_t bytes) { return __libc_malloc(bytes); }
  static void release(void* block) { __libc_free(block); }  // not null
  static void* zeroed(std::size_t count, std::size_t size) { return __libc_calloc(count, size); }
  static void* resize(void* block, std::size_t bytes) { return __libc_realloc(block, bytes); }
  // The alignment is a power of two.
  static void* aligned(std::size_t alignment, std::size_t bytes) {
    return __libc_memalign(alignment, bytes);
  }
  static std::size_t usable(void* block);  // not null
};

// The one that glibc has under no other name. Found when the library is loaded: dlsym() must not be
// called from within malloc.
inline std::size_t (*g_usable)(void*) = nullptr;
[[gnu::constructor(101)]] static void find_usable() {
  g_usable = reinterpret_cast<std::size_t (*)(void*)>(::dlsym(RTLD_NEXT, "malloc_usable_size"));
}
inline std::size_t Healthy::usable(void* block) {
  return g_usable(block);
}

inline void* out_of_memory() {
  errno = ENOMEM;
  return nullptr;
}

// realloc() by moving, for mutants whose blocks glibc does not know. The old block stays where
// there is no room.
template <class Allocator>
void* resize_by_moving(void* block, std::size_t bytes) {
  const std::size_t usable = Allocator::usable(block);
  void* const moved = Allocator::allocate(bytes);
  if (moved == nullptr) return nullptr;
  ::memcpy(moved, block, bytes < usable ? bytes : usable);
  Allocator::release(block);
  return moved;
}

}  // namespace mutant
