// The address space ends: every function says so with null and ENOMEM, what was got stays intact,
// and when it is freed all works again. After glibc's tst-malloc-thread-fail, described in our own
// words: nine threads, eight functions, one limit.
//
// The limit is set after start, to what is mapped by then and a margin, because one allocator
// reserves 188 GB at its first call (scudo, measured); under a fixed limit it would not even start.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "harness/base/file.hpp"
#include "harness/measure/spin_barrier.hpp"
#include "harness/worker/check.hpp"
#include "harness/worker/entry_points.hpp"
#include "harness/worker/verified_heap.hpp"
#include "suites/stress/draw.hpp"

namespace stackheap {
namespace {

using namespace stress;

constexpr std::size_t kMargin = std::size_t{96} << 20U;
constexpr std::size_t kSmallMargin = std::size_t{24} << 20U;

// Bytes of address space of this process; read without the heap.
std::uint64_t mapped_bytes() {
  const UniqueFd file(::open("/proc/self/statm", O_RDONLY | O_CLOEXEC));
  char text[128] = {};
  if (!file || ::read(file.get(), text, sizeof text - 1) <= 0) {
    throw CannotRun("/proc/self/statm cannot be read");
  }
  return std::strtoull(text, nullptr, 10) * 4096;
}

// While it lives no more than `margin` bytes of address space can be added.
class AddressLimit {
 public:
  explicit AddressLimit(std::size_t margin) {
    STACKHEAP_CHECK(::getrlimit(RLIMIT_AS, &before_) == 0);
    rlimit limit = before_;
    limit.rlim_cur = std::min<rlim_t>(before_.rlim_max, mapped_bytes() + margin);
    STACKHEAP_CHECK(::setrlimit(RLIMIT_AS, &limit) == 0);
  }
  AddressLimit(const AddressLimit&) = delete;
  AddressLimit& operator=(const AddressLimit&) = delete;
  ~AddressLimit() { ::setrlimit(RLIMIT_AS, &before_); }

 private:
  rlimit before_{};
};

// What one lane got, in memory that was there before the limit.
class Hoard {
 public:
  explicit Hoard(std::size_t most) : blocks_(most) {}

  bool full() const { return count_ == blocks_.size(); }
  std::size_t count() const { return count_; }
  void add(Block block) { blocks_[count_++] = block; }
  Block& last() { return blocks_[count_ - 1]; }
  void verify(CheckLane& lane, VerifiedHeap& heap) {
    for (std::size_t i = 0; i < count_; ++i) heap.verify(lane, blocks_[i]);
  }
  // In random order.
  void release(CheckLane& lane, VerifiedHeap& heap) {
    while (count_ > 0) {
      std::swap(blocks_[lane.random.below(static_cast<std::uint32_t>(count_))],
                blocks_[count_ - 1]);
      heap.release(lane, blocks_[--count_]);
    }
  }

 private:
  MappedArray<Block> blocks_;
  std::size_t count_ = 0;
};

void expect_enomem(CheckRun& run, HeapFunction function, int error) {
  if (error == ENOMEM) return;
  char name[64];
  std::snprintf(name, sizeof name, "errno-of-exhausted-%s", name_of(function));
  run.nonconforming(name, "%s fails for lack of memory with errno %d instead of ENOMEM",
                    name_of(function), error);
}

struct Exhaustion {
  explicit Exhaustion(CheckRun& run)
      : heap(run, VerifiedHeap::OnNull::kAllowed), barrier(run.threads()) {}
  VerifiedHeap heap;
  SpinBarrier barrier;
  std::optional<AddressLimit> limit;
  std::atomic<std::size_t> got{0};
  std::atomic<unsigned> had_some{0};
  std::atomic<unsigned> had_again{0};
};

// Blocks of 16 KiB to 256 KiB by the lane's function until null; three nulls, since another lane
// may have freed a moment ago.
void exhaust(CheckRun& run, Exhaustion& shared, CheckLane& lane, HeapFunction function,
             Hoard& hoard) {
  unsigned nulls = 0;
  while (nulls < 3 && !hoard.full()) {
    lane.operation();
    const std::size_t size = 16'384 + lane.random.below(240'000);
    errno = 0;
    const Block block =
        shared.heap.allocate(lane, function, size, std::size_t{16} << lane.random.below(9));
    if (block) {
      hoard.add(block);
      continue;
    }
    expect_enomem(run, function, errno);
    ++nulls;
    // Growing may fail as well, and leaves what there is.
    if (hoard.count() != 0) shared.heap.reallocate(lane, hoard.last(), std::size_t{4} << 20U);
  }
  shared.got.fetch_add(hoard.count(), std::memory_order_relaxed);
}

void again(Exhaustion& shared, CheckLane& lane, HeapFunction function, std::size_t size) {
  Block block = shared.heap.allocate(lane, function, size);
  if (!block) {
    lane.unsafe("%s(%zu) fails although everything was freed: %s", name_of(function), size,
                strerrordesc_np(errno));
  }
  shared.heap.release(lane, block);
}

void run_threads(CheckRun& run) {
  // Twice what the margin can hold of the smallest.
  const std::size_t most_blocks = 2 * kMargin / 16'384 / run.threads() + 1;
  Exhaustion shared(run);
  run.lanes([&](CheckLane& lane) {
    Hoard hoard(most_blocks);
    HeapFunction function = HeapFunction::kMalloc;
    const auto wanted = static_cast<HeapFunction>(lane.index % kHeapFunctions);
    if (is_of_this_heap(wanted)) function = wanted;
    // The heap has seen every thread before its space ends.
    Block first = shared.heap.allocate(lane, function, 1000);
    shared.barrier.arrive_and_wait();
    if (lane.index == 0) shared.limit.emplace(kMargin);
    shared.barrier.arrive_and_wait();
    exhaust(run, shared, lane, function, hoard);
    shared.barrier.arrive_and_wait();
    hoard.verify(lane, shared.heap);
    // Still under the limit, threads get once more what they had. Not any size, and not those that
    // had nothing: heaps may keep freed memory for its size and for its thread. And not each of
    // them: what one thread freed may be a little too small to be aligned anew (jemalloc's large
    // blocks), or go to a neighbour in the same arena.
    const bool had_any = hoard.count() != 0;
    const std::size_t had = had_any ? hoard.last().size : 0;
    shared.barrier.arrive_and_wait();
    hoard.release(lane, shared.heap);
    shared.heap.release(lane, first);
    shared.barrier.arrive_and_wait();
    if (had_any) {
      shared.had_some.fetch_add(1, std::memory_order_relaxed);
      Block block = shared.heap.allocate(lane, function, had);
      if (block) shared.had_again.fetch_add(1, std::memory_order_relaxed);
      shared.heap.release(lane, block);
    }
    shared.barrier.arrive_and_wait();
    if (lane.index == 0) {
      shared.limit.reset();
      if (2 * shared.had_again.load() < shared.had_some.load()) {
        lane.unsafe("everything was freed, and of %u threads only %u get once more what they had",
                    shared.had_some.load(), shared.had_again.load());
      }
    }
    shared.barrier.arrive_and_wait();
    // Without the limit, any thread gets any size.
    for (int i = 0; i < 8; ++i) {
      again(shared, lane, function, 1 + lane.random.below(300'000));
    }
  });
  run.own_bytes(shared.heap.registry().own_bytes() + run.threads() * most_blocks * sizeof(Block));
  if (shared.got.load() == 0) run.unsafe("not one block was to be had within a margin of 96 MiB");
}

// Small blocks until the end, from one thread and from several; freed, they must be there again.
void run_small(CheckRun& run) {
  constexpr std::size_t kMostBlocks = kSmallMargin / 64;
  VerifiedHeap heap(run, VerifiedHeap::OnNull::kAllowed);
  SpinBarrier barrier(run.threads());
  std::optional<AddressLimit> limit;
  std::array<std::atomic<std::size_t>, 2> had{};  // blocks, by round
  run.lanes([&](CheckLane& lane) {
    Hoard hoard(kMostBlocks);
    Block first = heap.allocate(lane, HeapFunction::kMalloc, 64);
    barrier.arrive_and_wait();
    if (lane.index == 0) limit.emplace(kSmallMargin);
    barrier.arrive_and_wait();
    for (std::size_t round = 0; round < 2; ++round) {
      while (!hoard.full()) {
        lane.operation();
        const HeapFunction function =
            lane.random.below(2) == 0 ? HeapFunction::kMalloc : HeapFunction::kCalloc;
        errno = 0;
        const Block block = heap.allocate(lane, function, 16 + 16 * lane.random.below(31));
        if (!block) {
          expect_enomem(run, function, errno);
          break;
        }
        hoard.add(block);
      }
      hoard.verify(lane, heap);
      // Of all threads together: how they share is the machine's affair.
      had[round].fetch_add(hoard.count());
      barrier.arrive_and_wait();
      // A quarter, because heaps may keep small pages for the sizes that they first served.
      if (round == 1 && had[1].load() < had[0].load() / 4) {
        lane.unsafe("%zu small blocks were to be had, and after all were freed only %zu",
                    had[0].load(), had[1].load());
      }
      hoard.release(lane, heap);
      barrier.arrive_and_wait();
    }
    heap.release(lane, first);
    barrier.arrive_and_wait();
    if (lane.index == 0) limit.reset();
  });
  run.own_bytes(heap.registry().own_bytes() + run.threads() * kMostBlocks * sizeof(Block));
}

const CheckRegistration kThreadsExhausted{
    {.name = "exhaustion/threads",
     .summary = "the address space ends under 9 threads and all functions; then all works again",
     .source = "C11 7.22.3; POSIX malloc (ENOMEM); glibc's tst-malloc-thread-fail",
     .rank = 35,
     .quick_seconds = 0.01,
     .seconds = 0.01,
     .threads = {CheckThreads::kNine}},
    run_threads};
const CheckRegistration kSmallExhausted{{.name = "exhaustion/small",
                                         .summary = "small blocks until the end, freed, and again",
                                         .source = "C11 7.22.3; POSIX malloc (ENOMEM)",
                                         .rank = 46,
                                         .seconds = 0.01,
                                         .threads = {CheckThreads::kOne, CheckThreads::kCpus}},
                                        run_small};

}  // namespace
}  // namespace stackheap
