// The reference allocator: what a malloc could cost if it had nothing to do but hand out blocks
// from a private list. No checks, no locks, no return to the system up to 32 MiB; blocks stay with
// the thread that freed them. A floor to compare with, never a recommendation.
//
// It is a library of its own, preloaded like any other allocator. C++'s operators are libstdc++'s,
// which call malloc.
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "harness/allocators/reference/cache.hpp"
#include "harness/allocators/reference/size_class.hpp"

namespace stackheap::reference {
namespace {

// Initial-exec: the library is preloaded, so its thread-local block is part of the static one, and
// an access is one instruction instead of a call (which might itself allocate).
#define STACKHEAP_THREAD_LOCAL thread_local __attribute__((tls_model("initial-exec")))
STACKHEAP_THREAD_LOCAL Cache* own_cache = nullptr;
// After the thread's cache was left to others; what still runs then borrows one for each call.
STACKHEAP_THREAD_LOCAL bool thread_has_left = false;

pthread_key_t exit_key;
bool exit_key_exists = false;

void leave_at_exit(void* cache) {
  own_cache = nullptr;
  thread_has_left = true;
  leave_cache(static_cast<Cache*>(cache));
}

__attribute__((constructor)) void create_exit_key() {
  exit_key_exists = ::pthread_key_create(&exit_key, leave_at_exit) == 0;
}

// Before the constructor only the main thread runs; its cache then lasts as long as the process.
Cache* attach_cache() {
  Cache* cache = take_cache();
  if (cache == nullptr) return nullptr;
  own_cache = cache;  // first: pthread_setspecific() may call calloc()
  if (exit_key_exists) ::pthread_setspecific(exit_key, cache);
  return cache;
}

// The calling thread's cache for one call.
class CacheInUse {
 public:
  CacheInUse() : cache_(own_cache) {
    if (cache_ != nullptr) return;
    borrowed_ = thread_has_left;
    cache_ = borrowed_ ? take_cache() : attach_cache();
  }
  ~CacheInUse() {
    if (borrowed_ && cache_ != nullptr) leave_cache(cache_);
  }
  CacheInUse(const CacheInUse&) = delete;
  CacheInUse& operator=(const CacheInUse&) = delete;
  Cache* get() const { return cache_; }

 private:
  Cache* cache_;
  bool borrowed_ = false;
};

void* pop(Cache& cache, unsigned size_class) {
  FreeBlock* block = cache.free[size_class];
  if (block != nullptr) cache.free[size_class] = block->next;
  return block;
}

void push(Cache& cache, unsigned size_class, void* block) {
  auto* free_block = static_cast<FreeBlock*>(block);
  free_block->next = cache.free[size_class];
  cache.free[size_class] = free_block;
}

// Not std::has_single_bit(): without -march it calls into libgcc, one more library to load.
constexpr bool is_power_of_two(std::size_t value) {
  return value != 0 && (value & (value - 1)) == 0;
}

void* out_of_memory() {
  errno = ENOMEM;
  return nullptr;
}

struct Block {
  void* address;
  bool zero;  // known to be zero
};

// Everything but a recycled block of the thread's own list. errno is set where it fails.
[[gnu::noinline]] Block allocate_slowly(std::size_t size) {
  if (size > kLargestKept) {
    void* block = map_block(size, kQuantum);
    return {block != nullptr ? block : out_of_memory(), true};
  }
  const CacheInUse in_use;
  if (in_use.get() == nullptr) return {out_of_memory(), true};
  const unsigned size_class = class_of_size(size);
  if (void* block = pop(*in_use.get(), size_class)) return {block, false};
  void* block = fresh_block(*in_use.get(), size_class);
  return {block != nullptr ? block : out_of_memory(), true};
}

inline Block allocate(std::size_t size) {
  Cache* cache = own_cache;
  if (cache != nullptr && size <= kLargestKept) [[likely]] {
    void* block = pop(*cache, class_of_size(size));
    if (block != nullptr) [[likely]] {
      return {block, false};
    }
  }
  return allocate_slowly(size);
}

[[gnu::noinline]] void release_slowly(UnitHeader* header, void* block) {
  if (header->size_class == kClasses) {
    // Fails only where the mapping's halves would exceed the limit on mappings, and it is whole.
    ::munmap(header->mapping, header->mapping_size);
    return;
  }
  const CacheInUse in_use;
  // Without a cache there is no list to put it on; it is lost, as memory has run out anyway.
  if (in_use.get() != nullptr) push(*in_use.get(), header->size_class, block);
}

inline void release(void* block) {
  UnitHeader* header = header_of(block);
  Cache* cache = own_cache;
  if (cache != nullptr && header->size_class != kClasses) [[likely]] {
    push(*cache, header->size_class, block);
  } else {
    release_slowly(header, block);
  }
}

// `alignment` is a power of two. A class whose size is a multiple of the alignment has all of its
// blocks aligned (see start_run); large blocks are page-aligned; the rest is mapped by itself.
void* allocate_aligned(std::size_t alignment, std::size_t size) {
  if (alignment <= kQuantum) return allocate(size).address;
  if (alignment <= kLargestSmall && size <= kLargestSmall) {
    unsigned size_class = class_of_size(std::max(size, alignment));
    while (size_of_class(size_class) % alignment != 0) ++size_class;
    return allocate(size_of_class(size_class)).address;
  }
  constexpr std::size_t kPage = 4096;
  if (alignment <= kPage && size <= kLargestKept) {
    return allocate(std::max(size, kLargestSmall + 1)).address;
  }
  void* block = map_block(size, alignment);
  return block != nullptr ? block : out_of_memory();
}

void* reallocate(void* block, std::size_t size) {
  const std::size_t capacity = header_of(block)->capacity;
  // Shrinking by less than half, and growing into what the class has to spare, stays in place; so
  // does what is small already.
  if (size <= capacity && (size >= capacity / 2 || capacity <= kLinearClasses * kQuantum)) {
    return block;
  }
  void* moved = allocate(size).address;
  if (moved == nullptr) return nullptr;
  ::memcpy(moved, block, std::min(size, capacity));
  release(block);
  return moved;
}

// realloc(). Of nothing it allocates; to nothing it frees and returns null, as glibc's does.
void* resize(void* block, std::size_t size) {
  if (block == nullptr) return allocate(size).address;
  if (size != 0) return reallocate(block, size);
  release(block);
  return nullptr;
}

void* allocate_if_aligned(std::size_t alignment, std::size_t size) {
  if (is_power_of_two(alignment)) return allocate_aligned(alignment, size);
  errno = EINVAL;
  return nullptr;
}

}  // namespace
}  // namespace stackheap::reference

namespace reference = stackheap::reference;

// Everything else of the library is hidden. None of these calls another: that call would go to
// whichever library comes first in the process.
#pragma GCC visibility push(default)
extern "C" {

void* malloc(size_t size) noexcept {
  return reference::allocate(size).address;
}

void free(void* block) noexcept {
  if (block != nullptr) reference::release(block);
}

void* calloc(size_t count, size_t size) noexcept {
  size_t bytes = 0;
  if (__builtin_mul_overflow(count, size, &bytes)) return reference::out_of_memory();
  const reference::Block block = reference::allocate(bytes);
  if (block.address != nullptr && !block.zero) memset(block.address, 0, bytes);
  return block.address;
}

void* realloc(void* block, size_t size) noexcept {
  return reference::resize(block, size);
}

void* reallocarray(void* block, size_t count, size_t size) noexcept {
  size_t bytes = 0;
  if (__builtin_mul_overflow(count, size, &bytes)) return reference::out_of_memory();
  return reference::resize(block, bytes);
}

void* memalign(size_t alignment, size_t size) noexcept {
  return reference::allocate_if_aligned(alignment, size);
}

void* aligned_alloc(size_t alignment, size_t size) noexcept {
  return reference::allocate_if_aligned(alignment, size);
}

int posix_memalign(void** result, size_t alignment, size_t size) noexcept {
  if (!reference::is_power_of_two(alignment) || alignment % sizeof(void*) != 0) return EINVAL;
  const int saved = errno;
  void* block = reference::allocate_aligned(alignment, size);
  errno = saved;
  if (block == nullptr) return ENOMEM;
  *result = block;
  return 0;
}

void* valloc(size_t size) noexcept {
  return reference::allocate_aligned(4096, size);
}

void* pvalloc(size_t size) noexcept {
  constexpr size_t kPageMask = 4095;
  if (size > SIZE_MAX - kPageMask) return reference::out_of_memory();
  return reference::allocate_aligned(kPageMask + 1, (size + kPageMask) & ~kPageMask);
}

size_t malloc_usable_size(void* block) noexcept {
  return block == nullptr ? 0 : reference::header_of(block)->capacity;
}

}  // extern "C"
#pragma GCC visibility pop
