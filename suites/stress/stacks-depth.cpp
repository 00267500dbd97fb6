// A stack has all the bytes that were promised: deep recursion gets to within a page of the limit.
//
// Of 128 stacks of each kind every page is tried by a system call that writes into it, and then the
// stack is really used: frame by frame down into its last page, each verified on the way back. So
// are a thread's default and a small stack.
#include <fcntl.h>
#include <unistd.h>

#include "harness/base/file.hpp"
#include "suites/common/posix_thread.hpp"
#include "suites/common/stack_range.hpp"
#include "suites/stress/watched_fibers.hpp"

namespace stackheap {
namespace {

using namespace fiber_checks;

constexpr std::size_t kStacks = 128;
constexpr std::size_t kSmallThreadStack = std::size_t{256} << 10U;

void expect_all_pages(CheckRun& run, const char* kind, int zeros, Bytes bytes) {
  for (std::uintptr_t page = bytes.low; page < bytes.high; page += kPage) {
    if (::read(zeros, reinterpret_cast<void*>(page), 8) == 8) continue;
    run.unsafe("%s: a stack of %zu B at 0x%zx is shorter than promised: nothing is at offset %zu",
               kind, bytes.size(), bytes.low, static_cast<std::size_t>(page - bytes.low));
  }
}

struct Deep {
  CheckRun& run;
  const char* kind;
  Bytes bytes;

  template <class Suspend>
  void operator()(Suspend&&) {
    go_down();
  }
  void go_down() const {
    if (descend(bytes.low + kPage, bytes.low) == 0) return;
    run.unsafe("%s: frames on a stack of %zu B at 0x%zx did not hold what was written", kind,
               bytes.size(), bytes.low);
  }
};

void go_down_on_thread(CheckRun& run, const char* kind, std::size_t stack_bytes) {
  const ThreadAttributes attributes(stack_bytes);
  Deep deep{run, kind, {}};
  join_thread(attributes.start(
      [](void* argument) -> void* {
        auto& self = *static_cast<Deep*>(argument);
        const StackRange stack = stack_of_this_thread();
        self.bytes = {stack.low, stack.high};
        self.go_down();
        return nullptr;
      },
      &deep));
  run.count(1);
}

void go_deep(CheckRun& run) {
  const UniqueFd zeros(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
  if (!zeros) run.unsupported("/dev/zero cannot be opened");
  for_each_fiber_kind(run, [&](const auto& row) {
    using Stack = typename std::decay_t<decltype(row)>::Allocator;
    const StackSet<Stack> stacks(kStacks, kFiberStackBytes);
    for (std::size_t i = 0; i < kStacks; ++i) {
      Deep deep{run, row.kind.data(), usable_bytes(stacks[i], has_guard(row.kind))};
      expect_all_pages(run, deep.kind, zeros.get(), deep.bytes);
      BorrowingFiber fiber;
      fiber.start(stacks[i], deep);
      if (!fiber.has_ended()) run.unsafe("%s: a fiber did not come to its end", deep.kind);
      run.count(1);
    }
  });
  go_down_on_thread(run, "thread", 0);
  go_down_on_thread(run, "thread-small-stack", kSmallThreadStack);
}

const CheckRegistration kDepth{
    {.name = "stacks/depth",
     .summary = "Deep recursion gets to within a page of the end of every kind of stack",
     .source = "Boost.Context, stack allocators; pthread_attr_setstacksize(3)",
     .rank = 21,
     .quick_seconds = 0.1,
     .seconds = 0.1,
     .threads = {CheckThreads::kOne}},
    go_deep};

}  // namespace
}  // namespace stackheap
