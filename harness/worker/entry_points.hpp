// The heap's functions as a check calls them. Calling them plainly would not do: malloc's
// attributes let a compiler assume that its result overlaps nothing and that calloc's is zero, and
// then it removes the very comparisons that would find a broken allocator.
#pragma once

#include <malloc.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace stackheap::heap {

// The same value, of which the compiler knows nothing; memory is as it is at this point.
template <class T>
[[gnu::always_inline]] inline T opaque(T value) {
  asm volatile("" : "+r"(value) : : "memory");
  return value;
}

inline void* malloc(std::size_t size) {
  return opaque(std::malloc(opaque(size)));
}
inline void* calloc(std::size_t count, std::size_t size) {
  return opaque(std::calloc(opaque(count), opaque(size)));
}
inline void* realloc(void* block, std::size_t size) {
  return opaque(std::realloc(opaque(block), opaque(size)));
}
inline void* reallocarray(void* block, std::size_t count, std::size_t size) {
  return opaque(::reallocarray(opaque(block), opaque(count), opaque(size)));
}
inline int posix_memalign(void** result, std::size_t alignment, std::size_t size) {
  const int error = ::posix_memalign(opaque(result), opaque(alignment), opaque(size));
  return opaque(error);
}
inline void* aligned_alloc(std::size_t alignment, std::size_t size) {
  return opaque(::aligned_alloc(opaque(alignment), opaque(size)));
}
inline void* memalign(std::size_t alignment, std::size_t size) {
  return opaque(::memalign(opaque(alignment), opaque(size)));
}
inline void* valloc(std::size_t size) {
  return opaque(::valloc(opaque(size)));
}
inline void* pvalloc(std::size_t size) {
  return opaque(::pvalloc(opaque(size)));
}
inline std::size_t usable_size(void* block) {
  return opaque(::malloc_usable_size(opaque(block)));
}
inline void free(void* block) {
  std::free(opaque(block));
}

}  // namespace stackheap::heap
