// How many bytes a stack really has, and what one more does
//
// Models the claim "the stack has a fixed size; more cannot be had", and its silent half: what
// happens then. A child process descends through frames of 256 bytes on the stack in question until
// a signal or a canary stops it. The parent reports the bytes it could use and the outcome:
// `guard_hit` (a fault right below the stack), `silent_corruption` (no fault, and another's bytes
// overwritten) or `crashed_elsewhere`.
//
// Stacks without a guard are tried among others of their kind, as a program with many fibers has
// them: 16 are made and filled with canaries, and the one tried has another below it. The descent
// ends in that neighbour, and nothing but the child is harmed. An allocator may keep its own
// records between the two, which are overwritten first, or unmapped pages, and then the fault shows
// as guard_hit.
//
// glibc gives a thread a dead one's stack, if that is not over four times as large; here none is
// dead that would do.
//
// For `main` the frames of the program above the descent, the environment and the arguments are not
// usable; for threads, the C library's record and thread-local storage are not.
//
// One operation is one descent to the end; none is timed. Good: `guard_hit`, and nearly all of the
// size. Bad: `silent_corruption`: the program goes on with a neighbour's data overwritten.
//
// Each frame is checked from the end up: its number and its distance to the next.
#include <sys/syscall.h>

#include <array>
#include <boost/context/fiber.hpp>
#include <boost/context/preallocated.hpp>
#include <string>

#include "harness/worker/script.hpp"
#include "harness/worker/variant.hpp"
#include "suites/common/posix_thread.hpp"
#include "suites/common/stack_kinds.hpp"
#include "suites/stack/overflow.hpp"

namespace stackheap {
namespace {

using overflow::Ending;
using overflow::Place;
using overflow::Report;

constexpr std::size_t kSmallThreadStack = std::size_t{256} << 10U;
constexpr std::size_t kNeighbours = 16;
// Between two blocks of malloc: its records, and what is lost to size classes.
constexpr std::size_t kMostGap = std::size_t{128} << 10U;
constexpr std::size_t kOverrun = 4096;                   // into the neighbour, which has 64 KiB
constexpr std::size_t kMainGap = std::size_t{1} << 20U;  // stack_guard_gap: 256 pages
constexpr std::uint64_t kMostMainStack = std::uint64_t{1} << 30U;

// A stack that somebody else gives back.
struct Borrowed {
  void deallocate(boost::context::stack_context&) noexcept {}
};

void try_main_stack() {
  rlimit limit{};
  STACKHEAP_CHECK(::getrlimit(RLIMIT_STACK, &limit) == 0);
  if (limit.rlim_cur > kMostMainStack) {
    throw CannotRun(
        "the main thread's stack has no limit below 1 GiB here (ulimit -s): its end would be the "
        "machine's memory; set one, e.g. ulimit -s 8192");
  }
  // A fork's only thread runs on the stack of the one that forked.
  if (::syscall(SYS_gettid) != ::getpid()) throw CannotRun("the script is not on the main thread");
  const StackRange stack = stack_of_this_thread();
  if (!stack.contains(reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)))) {
    throw CannotRun("the script does not run on the main thread's stack");
  }
  overflow::try_stack({.stack = stack, .guard_low = stack.low - kMainGap});
}

void try_thread_stack(std::size_t bytes) {
  const ThreadAttributes attributes(bytes);
  const auto body = [](void*) -> void* {
    const StackRange stack = stack_of_this_thread();
    overflow::try_stack({.stack = stack, .guard_low = stack.low - stack.guard_bytes});
    return nullptr;
  };
  join_thread(attributes.start(body, nullptr));
}

StackRange range_of(const boost::context::stack_context& stack) {
  const auto high = reinterpret_cast<std::uintptr_t>(stack.sp);
  return {.low = high - stack.size, .high = high};
}

// Of `stacks`, full of canaries, the one that lies closest above another.
template <std::size_t kCount>
std::size_t choose_above_neighbour(const std::array<boost::context::stack_context, kCount>& stacks,
                                   Place& place) {
  std::size_t chosen = kCount;
  std::size_t smallest_gap = kMostGap + 1;
  for (std::size_t i = 0; i < kCount; ++i) {
    for (std::size_t j = 0; j < kCount; ++j) {
      const StackRange upper = range_of(stacks[i]);
      const StackRange lower = range_of(stacks[j]);
      if (i == j || lower.high > upper.low || upper.low - lower.high >= smallest_gap) continue;
      smallest_gap = upper.low - lower.high;
      chosen = i;
      place.stack = upper;
      place.stop_below = lower.high - kOverrun;
      place.canary = reinterpret_cast<const unsigned char*>(lower.low);
      place.canary_bytes = lower.bytes();
    }
  }
  return chosen;
}

template <StackAllocator Stack>
void try_fiber_stack(bool has_guard) {
  Stack stacks(kFiberStackBytes);
  std::array<boost::context::stack_context, kNeighbours> made;
  for (auto& stack : made) stack = stacks.allocate();
  std::size_t chosen = 0;
  Place place{};
  const std::size_t page = MappedStack::page_bytes();
  if (has_guard) {
    place.stack = range_of(made[0]);
    place.guard_low = place.stack.low;
    place.stack.low += page;  // Boost.Context counts the guard as a part of the stack
    place.stack.guard_bytes = page;
    // Where there is no guard after all, the descent must end too.
    place.stop_below = place.guard_low - kOverrun;
  } else {
    for (const auto& stack : made) {
      std::memset(static_cast<char*>(stack.sp) - stack.size, overflow::kCanary, stack.size);
    }
    chosen = choose_above_neighbour(made, place);
    if (chosen == kNeighbours) {
      throw CannotRun("none of " + std::to_string(kNeighbours) +
                      " stacks lies closely above another: an overflow would not be seen");
    }
    place.guard_low = place.stack.low - 2 * page;
  }
  boost::context::fiber fiber(
      std::allocator_arg,
      boost::context::preallocated(made[chosen].sp, made[chosen].size, made[chosen]), Borrowed{},
      [&place](boost::context::fiber&& back) {
        overflow::try_stack(place);
        return std::move(back);
      });
  std::move(fiber).resume();
}

class Limit {
 public:
  explicit Limit(const CellSpec& spec) : variant_(spec.variant) {
    if (kBuiltWithAddressSanitizer || kBuiltWithThreadSanitizer) {
      throw CannotRun(
          "a sanitizer moves frames, and handles the faults that this workload waits for: run it "
          "in another build");
    }
    if (is_fiber()) require_stacks(stack_kind(variant_), kNeighbours);
  }

  void run(Script& script) {
    overflow::SharedReport shared;
    Report& report = shared.report();
    report.fault = planted_fault();
    const int status = overflow::run_in_child(report, [&] { try_variant(); });
    check(report, status);
    const std::string_view outcome = overflow::outcome_of(report, status);
    const std::uintptr_t lowest = std::max(report.lowest(), report.place.stack.low);
    script.report_text("usable_stack_bytes", std::to_string(report.top - lowest));
    script.report_text("overflow", outcome);
  }

 private:
  bool is_fiber() const { return variant_.starts_with("fiber-"); }

  void try_variant() const {
    if (variant_ == "main") try_main_stack();
    if (variant_ == "pthread-default") try_thread_stack(0);
    if (variant_ == "pthread-256k") try_thread_stack(kSmallThreadStack);
    const bool has_guard = variant_ == "fiber-protected" || variant_ == "fiber-guarded";
    visit_fiber_stack(variant_, [&](const auto& row) {
      try_fiber_stack<typename std::decay_t<decltype(row)>::Allocator>(has_guard);
    });
  }

  static void check(const Report& report, int status) {
    const auto fail = [](const std::string& what) { throw CheckFailed("stack/limit: " + what); };
    if (WIFSIGNALED(status) && WTERMSIG(status) != SIGSEGV && WTERMSIG(status) != SIGBUS) {
      fail("the child was ended by signal " + std::to_string(WTERMSIG(status)));
    }
    if (report.top == 0 || report.frames == 0) fail("the child ended before its descent");
    if (WIFSIGNALED(status)) return;  // before it could look at its frames
    if (WEXITSTATUS(status) != 0 || report.ending == Ending::kNone) {
      fail("the child ended with status " + std::to_string(status));
    }
    if (report.intact != report.frames) {
      fail("of " + std::to_string(report.frames) + " frames, " + std::to_string(report.intact) +
           " were found intact and at equal distances from the end up");
    }
    const StackRange& stack = report.place.stack;
    if (!stack.contains(report.top)) fail("the descent did not begin on the stack");
    if (report.ending == Ending::kWentOn && report.place.canary_bytes != 0 &&
        report.changed_canaries == 0) {
      fail("the descent left its stack, yet no neighbour's byte has changed");
    }
    if (overflow::outcome_of(report, status) == "guard_hit" &&
        report.lowest() > stack.low + 2 * report.distance) {
      fail("the guard was hit " + std::to_string(report.lowest() - stack.low) +
           " B below the last frame");
    }
  }

  std::string_view variant_;
};

const Registration kRegistration{
    {
        .name = "stack/limit",
        .summary = "How many bytes a stack really has, and what one more does",
        .operation = "one descent to the stack's end, in a child process",
        .shape = Shape::kScripted,
        .variants =
            {
                {.name = "main",
                 .description = "the main thread's stack, which grows up to ulimit -s",
                 .uses_heap = false},
                {.name = "pthread-default",
                 .description = "a POSIX thread with the default stack size (ulimit -s)",
                 .uses_heap = false},
                {.name = "pthread-256k",
                 .description = "a POSIX thread with a stack of 256 KiB",
                 .uses_heap = false},
                {.name = "fiber-fixedsize", .description = "a 64 KiB stack by malloc, no guard"},
                {.name = "fiber-pooled",
                 .description = "a 64 KiB stack from a pool which mallocs in bulk, no guard"},
                {.name = "fiber-protected",
                 .description = "a 64 KiB stack by mmap, guard page by mprotect",
                 .uses_heap = false},
                {.name = "fiber-guarded",
                 .description = "a 64 KiB stack by mmap, guard page by MADV_GUARD_INSTALL",
                 .uses_heap = false},
                {.name = "fiber-mmap",
                 .description = "a 64 KiB stack by mmap, no guard",
                 .uses_heap = false},
            },
        .baseline_variant = "pthread-default",
        .threads = {.maximum = 1},
        .smoke = {{.threads = TierThreads::kOne}},
        .quick = {},
        .standard = {{.threads = TierThreads::kOne}},
        .full = {{.threads = TierThreads::kOne}},
        .expected_seconds = 0.005,
        .most_rounds = 8,  // its results hardly differ; enough for an interval
        .live_bytes = {.fixed = 16.0 * (1U << 20U)},
        .piloted = false,
        .ranked_by = "usable_stack_bytes",
        .roles = {"stack-kinds"},
        .claims = {opening(
                       said(3, {}, "overflow", "guard_hit", "going beyond the end ended as {}")),
                   told(3, {}, "usable_stack_bytes", "usable were {}")},
    },
    make_workload<Limit>};

}  // namespace
}  // namespace stackheap
