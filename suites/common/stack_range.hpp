// Where a stack lies, from whoever made it.
#pragma once

#include <pthread.h>

#include <cstddef>
#include <cstdint>

#include "harness/base/error.hpp"

namespace stackheap {

struct StackRange {
  std::uintptr_t low = 0;   // its lowest byte; a guard lies below
  std::uintptr_t high = 0;  // one past its highest
  std::size_t guard_bytes = 0;

  std::size_t bytes() const { return high - low; }
  bool contains(std::uintptr_t address) const { return low <= address && address < high; }
};

// The calling thread's. Asks malloc for a moment (glibc: for the set of CPUs), so not where time is
// measured. The guard of the main thread is the kernel's gap and not told here.
inline StackRange stack_of_this_thread() {
  pthread_attr_t attributes;
  STACKHEAP_CHECK(pthread_getattr_np(pthread_self(), &attributes) == 0);
  void* lowest = nullptr;
  std::size_t bytes = 0;
  std::size_t guard = 0;
  STACKHEAP_CHECK(pthread_attr_getstack(&attributes, &lowest, &bytes) == 0);
  STACKHEAP_CHECK(pthread_attr_getguardsize(&attributes, &guard) == 0);
  STACKHEAP_CHECK(pthread_attr_destroy(&attributes) == 0);
  const auto low = reinterpret_cast<std::uintptr_t>(lowest);
  return {.low = low, .high = low + bytes, .guard_bytes = guard};
}

}  // namespace stackheap
