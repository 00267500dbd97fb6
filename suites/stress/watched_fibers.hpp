// Fibers whose stacks a check looks at from outside, and the descent that uses a stack up from
// inside. The workloads' FiberContext hides where the stack is: here that is the point.
#pragma once

#include <boost/context/fiber.hpp>
#include <boost/context/preallocated.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

#include "harness/worker/check.hpp"
#include "harness/worker/workload.hpp"
#include "suites/common/stack_kinds.hpp"

namespace stackheap::fiber_checks {

inline constexpr std::size_t kPage = 4096;

// The bytes that a fiber may use.
struct Bytes {
  std::uintptr_t low = 0;
  std::uintptr_t high = 0;
  std::size_t size() const { return high - low; }
};

inline bool has_guard(std::string_view kind) {
  return kind == "fiber-protected" || kind == "fiber-guarded";
}

// The lowest page of a guarded stack is its guard.
inline Bytes usable_bytes(const boost::context::stack_context& stack, bool guarded) {
  const auto high = reinterpret_cast<std::uintptr_t>(stack.sp);
  return {high - stack.size + (guarded ? kPage : 0), high};
}

// Runs on a stack that somebody else owns. Body: void operator()(Suspend&&).
class BorrowingFiber {
 public:
  template <class Body>
  void start(const boost::context::stack_context& stack, Body& body) {
    namespace ctx = boost::context;
    fiber_ = ctx::fiber(std::allocator_arg, ctx::preallocated(stack.sp, stack.size, stack),
                        Borrowed(), [&body](ctx::fiber&& back) {
                          body([&back] { back = std::move(back).resume(); });
                          return std::move(back);
                        });
    resume();
  }
  void resume() { fiber_ = std::move(fiber_).resume(); }
  bool has_ended() const { return !fiber_; }

 private:
  struct Borrowed {
    void deallocate(boost::context::stack_context&) noexcept {}
  };
  boost::context::fiber fiber_;
};

// One frame of a descent: small against a page, so that it cannot step over a guard.
struct Frame {
  std::uint64_t words[32];
};

// Goes down, frame by frame, until a frame begins below `limit`, and checks on the way back that
// each holds what was written. Returns how many do not.
[[gnu::noinline]] inline std::uint64_t descend(std::uintptr_t limit, std::uint64_t id) {
  Frame frame;
  for (std::uint64_t& word : frame.words) word = id;
  escape(&frame);
  std::uint64_t wrong = 0;
  if (reinterpret_cast<std::uintptr_t>(&frame) >= limit) wrong = descend(limit, id + 1);
  escape(&frame);
  std::uint64_t difference = 0;
  for (const std::uint64_t word : frame.words) difference |= word ^ id;
  return wrong + (difference != 0 ? 1 : 0);
}

// Calls visit(FiberStack<...>) for each kind of fiber that this kernel and this build can have.
template <class Visit>
void for_each_fiber_kind(CheckRun& run, Visit&& visit) {
  if (kBuiltWithThreadSanitizer) {
    run.unsupported("ThreadSanitizer cannot follow stacks that are switched in user space");
  }
  std::apply(
      [&](const auto&... rows) {
        const auto one = [&](const auto& row) {
          if (row.kind != "fiber-guarded" || GuardedStack::is_supported()) visit(row);
        };
        (one(rows), ...);
      },
      kFiberStacks);
}

// `count` stacks of one kind, given back at the end.
template <StackAllocator Stack>
class StackSet {
 public:
  StackSet(std::size_t count, std::size_t bytes) : maker_(bytes), stacks_(count) {
    for (auto& row : stacks_) row.stack = maker_.allocate();
  }
  StackSet(const StackSet&) = delete;
  StackSet& operator=(const StackSet&) = delete;
  ~StackSet() {
    for (auto& row : stacks_) maker_.deallocate(row.stack);
  }
  std::size_t size() const { return stacks_.size(); }
  const boost::context::stack_context& operator[](std::size_t i) const { return stacks_[i].stack; }

 private:
  struct Row {
    boost::context::stack_context stack;
  };
  Stack maker_;
  MappedArray<Row> stacks_;
};

}  // namespace stackheap::fiber_checks
