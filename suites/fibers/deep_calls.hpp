// A deep call, and the contexts that fibers/first-touch makes it in.
#pragma once

#include <alloca.h>
#include <sys/mman.h>

#include <boost/context/fiber.hpp>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

#include "harness/base/error.hpp"
#include "harness/worker/workload.hpp"
#include "suites/common/posix_thread.hpp"
#include "suites/common/stack_kinds.hpp"

namespace stackheap::first_touch {

// Of each stack, besides the frame; what allocators keep in thread-local storage lies on it too.
inline constexpr std::size_t kHeadroom = std::size_t{64} << 10U;

// MappedStack with all its pages there.
class PopulatedStack {
 public:
  explicit PopulatedStack(std::size_t bytes) : bytes_(MappedStack::round_to_pages(bytes)) {}
  boost::context::stack_context allocate() {
    void* base = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_POPULATE, -1, 0);
    if (base == MAP_FAILED) throw std::bad_alloc();
    boost::context::stack_context stack;
    stack.size = bytes_;
    stack.sp = static_cast<char*>(base) + bytes_;
    return stack;
  }
  void deallocate(boost::context::stack_context& stack) noexcept {
    MappedStack(bytes_).deallocate(stack);
  }

 private:
  std::size_t bytes_;
};

struct Result {
  std::uint64_t runs = 0;
  std::uint64_t sum = 0;  // of what the calls read back from their frames
};

[[gnu::noinline]] inline void call_deep(std::size_t frame_bytes, Result& result) {
  auto* const frame = static_cast<unsigned char*>(alloca(frame_bytes));
  escape(frame);
  touch(frame, frame_bytes, static_cast<unsigned char>(result.runs));
  escape(frame);
  result.sum += frame[0];
  ++result.runs;
}

template <class Stack>
void run_fiber(const Stack& stack, std::size_t frame, Result& result) {
  boost::context::fiber fiber(std::allocator_arg, Stack(stack),
                              [frame, &result](boost::context::fiber&& back) {
                                call_deep(frame, result);
                                return std::move(back);
                              });
  fiber = std::move(fiber).resume();
}

// Each way is made once for each lane, with the size of its frames, and has
//     void run(Result&, n);        n contexts, one after the other
//     std::size_t bytes() const;   of one context's stack

// A stack of its own for each fiber.
template <class Stack>
class NewStacks {
 public:
  explicit NewStacks(std::size_t frame) : frame_(frame), stack_(bytes()) {}
  std::size_t bytes() const { return frame_ + kHeadroom; }
  void run(Result& result, std::uint64_t n) {
    for (std::uint64_t i = 0; i < n; ++i) run_fiber(stack_, frame_, result);
  }

 private:
  std::size_t frame_;
  Stack stack_;
};

// One stack that is lent to each fiber in turn.
template <bool kDiscard>
class OneStack {
 public:
  explicit OneStack(std::size_t frame)
      : frame_(frame), stacks_(bytes()), stack_(stacks_.allocate()) {}
  OneStack(const OneStack&) = delete;
  OneStack& operator=(const OneStack&) = delete;
  ~OneStack() { stacks_.deallocate(stack_); }
  std::size_t bytes() const { return frame_ + kHeadroom; }
  void run(Result& result, std::uint64_t n) {
    for (std::uint64_t i = 0; i < n; ++i) run_fiber(Lent{stack_}, frame_, result);
  }

 private:
  struct Lent {
    boost::context::stack_context stack;
    boost::context::stack_context allocate() const { return stack; }
    void deallocate(boost::context::stack_context& returned) const noexcept {
      forget_frames(returned);
      if constexpr (kDiscard) {
        void* const lowest = static_cast<char*>(returned.sp) - returned.size;
        STACKHEAP_CHECK(::madvise(lowest, returned.size, MADV_DONTNEED) == 0);
      }
    }
  };

  std::size_t frame_;
  MappedStack stacks_;
  boost::context::stack_context stack_;
};

class NewThreads {
 public:
  explicit NewThreads(std::size_t frame) : frame_(frame), attributes_(frame + kHeadroom) {}
  std::size_t bytes() const { return attributes_.stack_bytes(); }
  void run(Result& result, std::uint64_t n) {
    Call call{frame_, &result};
    for (std::uint64_t i = 0; i < n; ++i) join_thread(attributes_.start(&body, &call));
  }

 private:
  struct Call {
    std::size_t frame;
    Result* result;
  };
  static void* body(void* argument) {
    const Call& call = *static_cast<Call*>(argument);
    call_deep(call.frame, *call.result);
    return nullptr;
  }
  std::size_t frame_;
  ThreadAttributes attributes_;
};

class Calls {
 public:
  explicit Calls(std::size_t frame) : frame_(frame) {}
  std::size_t bytes() const { return frame_; }
  void run(Result& result, std::uint64_t n) {
    for (std::uint64_t i = 0; i < n; ++i) call_deep(frame_, result);
  }

 private:
  std::size_t frame_;
};

}  // namespace stackheap::first_touch
