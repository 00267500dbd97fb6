// Signals that arrive while fibers run are handled on the alternate stack, and the fibers do not
// notice.
//
// One thread runs eight fibers in turn; the first one, from its own stack, tells the kernel where
// the alternate stack is. Another thread sends signals, one after the other is handled, at seeded
// delays. The handler writes 8 KiB, of which no fiber has that much to spare, and looks where it
// runs. Then each fiber signals itself: these cannot miss it.
#include <signal.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>

#include "suites/stress/watched_fibers.hpp"

namespace stackheap {
namespace {

using namespace fiber_checks;

constexpr std::size_t kFibers = 8;
constexpr std::size_t kHandlerBytes = 8192;

struct Shared {
  Bytes alternate;
  std::atomic<std::uint64_t> handled{0};
  std::atomic<std::uint64_t> elsewhere{0};  // handled on another stack
  std::atomic<pthread_t> target{};          // 0 until it is there, and when it has left
  std::atomic<bool> done{false};
};
Shared g_shared;

void on_signal(int) {
  unsigned char filling[kHandlerBytes];
  touch(filling, sizeof filling, 0x5a);
  escape(filling);
  const auto here = reinterpret_cast<std::uintptr_t>(&filling);
  const bool inside = g_shared.alternate.low <= here && here < g_shared.alternate.high;
  if (!inside) g_shared.elsewhere.fetch_add(1);
  g_shared.handled.fetch_add(1);
}

// Runs on a fiber's stack.
void install_alternate_stack() {
  stack_t alternate{};
  alternate.ss_sp = reinterpret_cast<void*>(g_shared.alternate.low);
  alternate.ss_size = g_shared.alternate.size();
  STACKHEAP_CHECK(::sigaltstack(&alternate, nullptr) == 0);
}

struct Worker {
  Bytes bytes;
  std::uint64_t id = 0;
  std::uint64_t wrong = 0;
  bool installs = false;
  bool signals_itself = false;
  bool stop = false;
  BorrowingFiber fiber;

  template <class Suspend>
  void operator()(Suspend&& suspend) {
    if (installs) install_alternate_stack();
    while (!stop) {
      // Into the last page: a handler that ran here would not fit.
      wrong += descend(bytes.low + kPage, id);
      if (signals_itself) STACKHEAP_CHECK(::raise(SIGUSR1) == 0);
      suspend();
    }
  }
};

void run_fibers(CheckLane& lane, const StackSet<MappedStack>& stacks) {
  MappedArray<Worker> workers(kFibers);
  for (std::size_t i = 0; i < kFibers; ++i) {
    workers[i].bytes = usable_bytes(stacks[i], false);
    workers[i].id = lane.random();
    workers[i].installs = i == 0;
    workers[i].fiber.start(stacks[i], workers[i]);
  }
  const auto round = [&] {
    for (Worker& worker : workers) {
      worker.fiber.resume();
      lane.operation();
      if (worker.wrong != 0) {
        lane.unsafe("frames of a fiber on the stack at 0x%zx changed under a signal",
                    worker.bytes.low);
      }
    }
  };
  g_shared.target.store(::pthread_self());
  while (lane.time_left()) round();
  g_shared.target.store(pthread_t{});
  while (!g_shared.done.load()) round();  // a last signal may be on its way
  const std::uint64_t before = g_shared.handled.load();
  for (Worker& worker : workers) worker.signals_itself = true;
  round();
  if (g_shared.handled.load() != before + kFibers) {
    lane.unsafe("of %zu signals that fibers raised, %zu were handled", kFibers,
                static_cast<std::size_t>(g_shared.handled.load() - before));
  }
  for (Worker& worker : workers) {
    worker.stop = true;
    worker.fiber.resume();
  }
}

void send_signals(CheckLane& lane) {
  pthread_t target{};
  while ((target = g_shared.target.load()) == pthread_t{}) {
    if (!lane.time_left()) break;
  }
  while (g_shared.target.load() != pthread_t{}) {
    const std::uint64_t handled = g_shared.handled.load();
    STACKHEAP_CHECK(::pthread_kill(target, SIGUSR1) == 0);
    while (g_shared.handled.load() == handled) {
    }
    lane.operation();
    lane.disturb();
  }
  g_shared.done.store(true);
}

void signal_fibers(CheckRun& run) {
  for_each_fiber_kind(run, [](const auto&) {});  // unsupported where there can be none
  const std::size_t bytes = ::getauxval(AT_MINSIGSTKSZ) + (std::size_t{64} << 10U);
  const MappedArray<std::byte> alternate(bytes);
  g_shared.alternate.low = reinterpret_cast<std::uintptr_t>(alternate.begin());
  g_shared.alternate.high = g_shared.alternate.low + bytes;
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_ONSTACK;
  STACKHEAP_CHECK(::sigaction(SIGUSR1, &action, nullptr) == 0);
  const StackSet<MappedStack> stacks(kFibers, kFiberStackBytes);
  run.lanes(2, [&](CheckLane& lane) {
    if (lane.index == 0) {
      run_fibers(lane, stacks);
    } else {
      send_signals(lane);
    }
  });
  if (const std::uint64_t elsewhere = g_shared.elsewhere.load(); elsewhere != 0) {
    run.unsafe("%zu of %zu signals were handled on another stack than the alternate one",
               static_cast<std::size_t>(elsewhere),
               static_cast<std::size_t>(g_shared.handled.load()));
  }
}

const CheckRegistration kSignalStack{
    {.name = "fibers/signal-stack",
     .summary = "Signals are handled on the alternate stack while fibers run on theirs",
     .source = "POSIX, sigaltstack",
     .uses_heap = false,
     .rank = 103,
     .randomised = true,
     .quick_seconds = 0.05,
     .seconds = 0.3,
     .threads = {CheckThreads::kOne}},
    signal_fibers};

}  // namespace
}  // namespace stackheap
