// Whoever runs over the end of a guarded stack runs into its guard.
//
// Of 256 stacks of each kind that has a guard, each guard is tried by a system call that would
// write into it: it fails where a program would end. One stack of each kind is then really overrun,
// in a child, frame by frame; so are a thread's default and a small stack. The fault must come
// right below the stack, and its handler must get to run, on an alternate stack.
#include <fcntl.h>
#include <signal.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <algorithm>

#include "harness/base/file.hpp"
#include "harness/worker/check_child.hpp"
#include "suites/common/posix_thread.hpp"
#include "suites/common/stack_range.hpp"
#include "suites/stress/watched_fibers.hpp"

namespace stackheap {
namespace {

using namespace fiber_checks;

constexpr std::size_t kStacks = 256;
constexpr std::size_t kSmallThreadStack = std::size_t{256} << 10U;
constexpr double kChildSeconds = 10;
enum Exit : int { kGuardHit = 40, kFaultElsewhere, kWentOn };

Bytes g_guard;  // of the stack that the child overruns

void on_fault(int, siginfo_t* info, void*) {
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  ::_exit(g_guard.low <= address && address < g_guard.high ? kGuardHit : kFaultElsewhere);
}

// In the child, on the thread that will run into it. The size is asked of the kernel: with wide
// vector registers one signal frame is larger than the constant SIGSTKSZ.
void watch_guard(Bytes guard) {
  g_guard = guard;
  const std::size_t bytes = ::getauxval(AT_MINSIGSTKSZ) + (std::size_t{64} << 10U);
  stack_t alternate{};
  alternate.ss_sp = map_pages(bytes);
  alternate.ss_size = bytes;
  STACKHEAP_CHECK(::sigaltstack(&alternate, nullptr) == 0);
  struct sigaction action {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  for (const int signal : {SIGSEGV, SIGBUS}) {
    STACKHEAP_CHECK(::sigaction(signal, &action, nullptr) == 0);
  }
}

// To a page below the guard: what gets there has met none.
void overrun() {
  descend(g_guard.low - kPage, 1);
  ::_exit(kWentOn);
}

int overrun_fiber(const boost::context::stack_context& stack) {
  const Bytes bytes = usable_bytes(stack, true);
  watch_guard({bytes.low - kPage, bytes.low});
  const auto body = [](auto&&) { overrun(); };
  BorrowingFiber fiber;
  fiber.start(stack, body);
  return kWentOn;
}

int overrun_thread(std::size_t bytes) {
  const ThreadAttributes attributes(bytes);
  join_thread(attributes.start(
      [](void*) -> void* {
        const StackRange stack = stack_of_this_thread();
        watch_guard({stack.low - stack.guard_bytes, stack.low});
        overrun();
        return nullptr;
      },
      nullptr));
  return kWentOn;
}

void expect_guard_hit(CheckRun& run, const char* kind, const ChildEnd& end) {
  run.count(1);
  if (end.exited_with(kGuardHit)) return;
  run.unsafe("overrunning a stack of kind %s: %s instead of a fault in its guard", kind,
             end.exited_with(kFaultElsewhere) ? "a fault elsewhere"
             : end.exited_with(kWentOn)       ? "nothing stopped it"
                                              : end_text(end).text);
}

// The kernel can write there, so a program could.
bool is_writable(int zeros, std::uintptr_t page) {
  return ::read(zeros, reinterpret_cast<void*>(page), 8) == 8;
}

void hit_guards(CheckRun& run) {
  const UniqueFd zeros(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
  if (!zeros) run.unsupported("/dev/zero cannot be opened");
  Random random(run.seed());
  for_each_fiber_kind(run, [&](const auto& row) {
    if (!has_guard(row.kind)) return;
    using Stack = typename std::decay_t<decltype(row)>::Allocator;
    const StackSet<Stack> stacks(kStacks, kFiberStackBytes);
    for (std::size_t i = 0; i < kStacks; ++i) {
      const Bytes bytes = usable_bytes(stacks[i], true);
      run.count(1);
      if (is_writable(zeros.get(), bytes.low - kPage)) {
        run.unsafe(
            "%s: stack %zu of %zu, %zu B at 0x%zx, has no guard: what lies below can be written",
            row.kind.data(), i, kStacks, bytes.size(), bytes.low);
      }
    }
    const auto& chosen = stacks[random.below(kStacks)];
    expect_guard_hit(run, row.kind.data(),
                     in_child(kChildSeconds, [&] { return overrun_fiber(chosen); }));
  });
  for (const std::size_t bytes : {std::size_t{0}, kSmallThreadStack}) {
    expect_guard_hit(run, bytes == 0 ? "thread" : "thread-small-stack",
                     in_child(kChildSeconds, [bytes] { return overrun_thread(bytes); }));
  }
}

const CheckRegistration kGuards{
    {.name = "stacks/guard",
     .summary = "Overrunning a guarded stack, of fibers and threads, faults in its guard",
     .source = "pthread_attr_setguardsize(3); Boost.Context, protected_fixedsize_stack",
     .rank = 21,
     .quick_seconds = 0.1,
     .seconds = 0.1,
     .threads = {CheckThreads::kOne}},
    hit_guards};

}  // namespace
}  // namespace stackheap
