// One call that needs memory until it returns, once for each place that memory can come from. Used
// by the workloads that ask what such a call costs: with one size (stack/frame) or with a size
// known only at run time (stack/runtime-size).
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <memory_resource>
#include <new>
#include <vector>

#include "harness/worker/workload.hpp"
#include "suites/stack/call_loop.hpp"
#include "suites/stack/thread_arena.hpp"

namespace stackheap {

inline constexpr std::size_t kInlineBytes =
    256;  // of the small buffer; LLVM and Boost use the like

inline unsigned use_scratch(void* memory, std::size_t bytes, unsigned char value) {
  escape(memory);
  touch(memory, bytes, value);
  return first_and_last(memory, bytes);
}

template <std::size_t kSize>
struct LocalArray {
  [[gnu::noinline]] static unsigned call(std::size_t bytes, unsigned char value) {
    unsigned char array[kSize];
    return use_scratch(array, bytes, value);
  }
};

[[gnu::noinline]] inline unsigned call_alloca(std::size_t bytes, unsigned char value) {
  return use_scratch(__builtin_alloca(bytes), bytes, value);
}

[[gnu::noinline]] inline unsigned call_malloc(std::size_t bytes, unsigned char value) {
  void* const memory = std::malloc(bytes);
  if (memory == nullptr) [[unlikely]] {
    throw std::bad_alloc();
  }
  const unsigned result = use_scratch(memory, bytes, value);
  std::free(memory);
  return result;
}

[[gnu::noinline]] inline unsigned call_small_buffer(std::size_t bytes, unsigned char value) {
  unsigned char inline_buffer[kInlineBytes];
  void* const memory = bytes <= kInlineBytes ? inline_buffer : std::malloc(bytes);
  if (memory == nullptr) [[unlikely]] {
    throw std::bad_alloc();
  }
  const unsigned result = use_scratch(memory, bytes, value);
  if (memory != inline_buffer) std::free(memory);
  return result;
}

template <std::size_t kSize>
struct PmrStackBuffer {
  [[gnu::noinline]] static unsigned call(std::size_t bytes, unsigned char value) {
    alignas(std::max_align_t) unsigned char buffer[kSize];
    // Without an upstream: a spill to the heap must fail, not be measured unnoticed.
    std::pmr::monotonic_buffer_resource resource(buffer, kSize, std::pmr::null_memory_resource());
    return use_scratch(resource.allocate(bytes), bytes, value);
  }
};

[[gnu::noinline]] inline unsigned call_thread_arena(std::size_t bytes, unsigned char value) {
  unsigned char* const mark = t_arena.cursor;
  const unsigned result = use_scratch(t_arena.take(bytes), bytes, value);
  t_arena.cursor = mark;
  return result;
}

[[gnu::noinline]] inline unsigned call_unique_ptr(std::size_t bytes, unsigned char value) {
  const auto memory = std::make_unique_for_overwrite<unsigned char[]>(bytes);
  return use_scratch(memory.get(), bytes, value);
}

[[gnu::noinline]] inline unsigned call_vector(std::size_t bytes, unsigned char value) {
  std::vector<unsigned char> memory(bytes);
  return use_scratch(memory.data(), bytes, value);
}

// Uses the thread's arena as plain memory: nothing is taken or given back.
[[gnu::noinline]] inline unsigned call_no_alloc(std::size_t bytes, unsigned char value) {
  return use_scratch(t_arena.begin, bytes, value);
}

}  // namespace stackheap
