// All entry points of malloc over the six operations of `mutant::Mutant`, which whoever includes
// this has defined: at the end of a mutant's file. They conform to C17 and POSIX also where glibc
// does not, so that a mutant deviates by its fault alone. None calls another by its public name:
// that call would go to whichever library comes first in the process.
#pragma once

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

namespace mutant {

constexpr bool is_power_of_two(size_t value) {
  return value != 0 && (value & (value - 1)) == 0;
}

inline void* resize_or_allocate(void* block, size_t bytes) {
  return block == nullptr ? Mutant::allocate(bytes) : Mutant::resize(block, bytes);
}

inline void* aligned_or_invalid(size_t alignment, size_t bytes) {
  if (is_power_of_two(alignment)) return Mutant::aligned(alignment, bytes);
  errno = EINVAL;
  return nullptr;
}

}  // namespace mutant

#pragma GCC visibility push(default)
extern "C" {

void* malloc(size_t bytes) noexcept {
  return mutant::Mutant::allocate(bytes);
}

void free(void* block) noexcept {
  if (block != nullptr) mutant::Mutant::release(block);
}

void* calloc(size_t count, size_t size) noexcept {
  return mutant::Mutant::zeroed(count, size);
}

void* realloc(void* block, size_t bytes) noexcept {
  return mutant::resize_or_allocate(block, bytes);
}

void* reallocarray(void* block, size_t count, size_t size) noexcept {
  size_t bytes = 0;
  if (__builtin_mul_overflow(count, size, &bytes)) return mutant::out_of_memory();
  return mutant::resize_or_allocate(block, bytes);
}

void* memalign(size_t alignment, size_t bytes) noexcept {
  return mutant::aligned_or_invalid(alignment, bytes);
}

void* aligned_alloc(size_t alignment, size_t bytes) noexcept {
  return mutant::aligned_or_invalid(alignment, bytes);
}

int posix_memalign(void** result, size_t alignment, size_t bytes) noexcept {
  if (!mutant::is_power_of_two(alignment) || alignment % sizeof(void*) != 0) return EINVAL;
  const int saved = errno;
  void* const block = mutant::Mutant::aligned(alignment, bytes);
  errno = saved;
  if (block == nullptr) return ENOMEM;
  *result = block;
  return 0;
}

void* valloc(size_t bytes) noexcept {
  return mutant::Mutant::aligned(4096, bytes);
}

void* pvalloc(size_t bytes) noexcept {
  constexpr size_t kPageMask = 4095;
  if (bytes > SIZE_MAX - kPageMask) return mutant::out_of_memory();
  return mutant::Mutant::aligned(kPageMask + 1, (bytes + kPageMask) & ~kPageMask);
}

size_t malloc_usable_size(void* block) noexcept {
  return block == nullptr ? 0 : mutant::Mutant::usable(block);
}

}  // extern "C"
#pragma GCC visibility pop
