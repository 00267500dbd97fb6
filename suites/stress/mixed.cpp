// All functions in random order on blocks of all sizes, with everything verified: alignment,
// ranges, contents, zeroes, what realloc keeps. On several threads half of the blocks change hands
// through slots that all share, so that they are freed, resized and verified by others.
//
// Where a thread is alone, its seed fixes every operation. The names differ in what is stressed:
// blocks/mixed one thread and all sizes; threads/mixed the same on many; threads/hot small blocks
// only, so that there are as many calls as possible: for what goes wrong once in a million;
// threads/signals interrupts the calls at any instruction.
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>

#include <atomic>
#include <cerrno>
#include <utility>

#include "harness/worker/check.hpp"
#include "harness/worker/verified_heap.hpp"
#include "suites/stress/draw.hpp"

namespace stackheap {
namespace {

using namespace stress;

constexpr std::size_t kOwn = 512;     // blocks that a lane may hold
constexpr std::size_t kShared = 256;  // that may be on their way

struct Mixture {
  std::size_t most_bytes = std::size_t{2} << 20U;
  std::size_t own = kOwn;
  bool mostly_malloc = false;
};

// A block that any lane may take or exchange. The flag is held for a few instructions only.
struct alignas(kCacheLine) Slot {
  std::atomic<bool> taken{false};
  Block block;
};

class Mixed {
 public:
  Mixed(CheckRun& run, Mixture mixture)
      : mixture_(mixture), heap_(run), own_(run.threads() * mixture.own), shared_(kShared) {}

  void live(CheckLane& lane) {
    const std::span<Block> own = own_.span().subspan(lane.index * mixture_.own, mixture_.own);
    while (lane.time_left()) {
      lane.operation();
      if (!mixture_.mostly_malloc || lane.operations % 8 == 0) lane.disturb();
      operate(lane, own[lane.random.below(static_cast<std::uint32_t>(own.size()))]);
    }
    for (Block& block : own) heap_.release(lane, block);
  }

  // When no other lane runs.
  void finish(CheckRun& run) {
    run.lanes(1, [&](CheckLane& lane) {
      for (Slot& slot : shared_) heap_.release(lane, slot.block);
      // All is freed: what comes now lies where something lay before.
      for (int i = 0; i < 64; ++i) {
        Block block = draw_block(heap_, lane, 4096);
        heap_.release(lane, block);
      }
    });
    if (heap_.registry().live_bytes() != 0) run.unsafe("the registry is not empty at the end");
    run.own_bytes(heap_.registry().own_bytes());
  }

 private:
  void operate(CheckLane& lane, Block& block) {
    if (!block) {
      block = mixture_.mostly_malloc && lane.random.below(8) != 0
                  ? heap_.allocate(
                        lane, HeapFunction::kMalloc,
                        1 + lane.random.below(static_cast<std::uint32_t>(mixture_.most_bytes)))
                  : draw_block(heap_, lane, mixture_.most_bytes);
      return;
    }
    std::uint32_t what = lane.random.below(16);
    // More calls of malloc and free among all operations.
    if (mixture_.mostly_malloc && what < 12) what &= 7U;
    if (what < 8) {
      heap_.release(lane, block);
    } else if (what < 11) {
      heap_.reallocate(lane, block, draw_size(lane.random, mixture_.most_bytes), what == 8);
    } else if (what < 13) {
      heap_.verify(lane, block);
    } else {
      exchange(lane, block);
    }
  }

  void exchange(CheckLane& lane, Block& block) {
    Slot& slot = shared_[lane.random.below(kShared)];
    if (slot.taken.exchange(true, std::memory_order_acquire)) return;
    std::swap(slot.block, block);
    slot.taken.store(false, std::memory_order_release);
  }

  Mixture mixture_;
  VerifiedHeap heap_;
  MappedArray<Block> own_;
  MappedArray<Slot> shared_;
};

void run_mixture(CheckRun& run, Mixture mixture) {
  Mixed mixed(run, mixture);
  run.lanes([&](CheckLane& lane) { mixed.live(lane); });
  mixed.finish(run);
}

void run_mixed(CheckRun& run) {
  run_mixture(run, {});
}
void run_hot(CheckRun& run) {
  run_mixture(run, {.most_bytes = 256, .own = 64, .mostly_malloc = true});
}

// What a profiler or a garbage collector does to a program: signals at any time, on every thread,
// whose handler touches errno and takes its time, but leaves the heap alone.
std::atomic<std::uint64_t> signals_taken{0};

void on_alarm(int) {
  const int saved = errno;
  errno = EINTR;
  signals_taken.fetch_add(1, std::memory_order_relaxed);
  for (volatile int left = 200; left > 0;) left = left - 1;
  errno = saved;
}

void run_signals(CheckRun& run) {
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = on_alarm;
  action.sa_flags = SA_RESTART | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  STACKHEAP_CHECK(::sigaction(SIGUSR1, &action, &before) == 0);
  Mixed mixed(run, {.most_bytes = 65'536, .own = 128});
  MappedArray<std::atomic<pthread_t>> threads(run.threads());
  // One lane more: it does no work but to interrupt the others.
  const unsigned workers = run.threads();
  std::atomic<unsigned> left{workers};
  run.lanes(workers + 1, [&](CheckLane& lane) {
    if (lane.index < workers) {
      threads[lane.index].store(::pthread_self(), std::memory_order_release);
      mixed.live(lane);
      left.fetch_sub(1, std::memory_order_acq_rel);
      // Until nobody sends signals to this thread any more.
      while (left.load(std::memory_order_acquire) != UINT32_MAX) sched_yield();
      return;
    }
    while (left.load(std::memory_order_acquire) != 0) {
      const pthread_t thread = threads[lane.random.below(workers)].load(std::memory_order_acquire);
      if (thread != pthread_t{}) STACKHEAP_CHECK(::pthread_kill(thread, SIGUSR1) == 0);
      const timespec wait{0, static_cast<long>(10'000 + lane.random.below(100'000))};
      ::nanosleep(&wait, nullptr);
    }
    left.store(UINT32_MAX, std::memory_order_release);
  });
  mixed.finish(run);
  STACKHEAP_CHECK(::sigaction(SIGUSR1, &before, nullptr) == 0);
  if (signals_taken.load() == 0) run.unsupported("no signal arrived");
}

const CheckRegistration kHot{{.name = "threads/hot",
                              .summary = "small blocks at the highest rate, through shared slots",
                              .source = "C11 7.22.3: lifetimes are disjoint",
                              .blocks_migrate = true,
                              .rank = 10,
                              .randomised = true,
                              .quick_seconds = 0.24,
                              .seconds = 0.7,
                              .threads = {CheckThreads::kCpus}},
                             run_hot};
const CheckRegistration kBlocks{
    {.name = "blocks/mixed",
     .summary = "all functions on blocks of all sizes: alignment, ranges, contents, zeroes",
     .source = "C11 7.22.3; POSIX malloc, posix_memalign",
     .rank = 11,
     .randomised = true,
     .quick_seconds = 0.05,
     .seconds = 0.6,
     .threads = {CheckThreads::kOne}},
    run_mixed};
const CheckRegistration kThreads{
    {.name = "threads/mixed",
     .summary = "all functions on blocks of all sizes that pass from thread to thread",
     .source = "C11 7.22.3; POSIX malloc, posix_memalign",
     .blocks_migrate = true,
     .rank = 23,
     .randomised = true,
     .quick_seconds = 0.06,
     .seconds = 0.8,
     .threads = {CheckThreads::kCpus, CheckThreads::kMany}},
    run_mixed};
const CheckRegistration kSignals{
    {.name = "threads/signals",
     .summary = "the same while signals interrupt every thread",
     .source = "POSIX 2.4.3: a handler that leaves the heap alone must not disturb it",
     .blocks_migrate = true,
     .rank = 34,
     .randomised = true,
     .quick_seconds = 0.05,
     .seconds = 0.4,
     .threads = {CheckThreads::kCpus}},
    run_signals};

}  // namespace
}  // namespace stackheap
