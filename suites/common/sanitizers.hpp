// What sanitizer builds have to know of stacks that they did not make. ThreadSanitizer cannot
// follow a switch in user space; AddressSanitizer can, but a context that ends by switching away
// leaves its last frames marked, and whoever is given that memory next would be accused.
#pragma once

#include <boost/context/stack_context.hpp>

#include "harness/base/sanitizers.hpp"

#if defined(STACKHEAP_ADDRESS_SANITIZER)
#include <sanitizer/asan_interface.h>
#endif

namespace stackheap {

// Before a dead context's stack goes back; nothing outside AddressSanitizer.
inline void forget_frames([[maybe_unused]] const boost::context::stack_context& stack) {
#if defined(STACKHEAP_ADDRESS_SANITIZER)
  ASAN_UNPOISON_MEMORY_REGION(static_cast<char*>(stack.sp) - stack.size, stack.size);
#endif
}

// A stack allocator of Boost.Context that does so.
template <class Stack>
class Forgetting : public Stack {
 public:
  using Stack::Stack;
  void deallocate(boost::context::stack_context& stack) noexcept {
    forget_frames(stack);
    Stack::deallocate(stack);
  }
};

}  // namespace stackheap
