// Blocks that are freed by another thread than the one they came from: handed round a ring, and
// from many to one. Contents and ranges are verified; and since what is live is bounded, the
// process must be.
#include <algorithm>
#include <atomic>

#include "harness/base/clock.hpp"
#include "harness/worker/check.hpp"
#include "harness/worker/verified_heap.hpp"
#include "suites/stress/draw.hpp"
#include "suites/stress/growth.hpp"

namespace stackheap {
namespace {

using namespace stress;

// More than this, gained without end, is a leak; what is live is less than a quarter of it. But
// threads' caches may fill slowly: gperftools lets them have 32 MiB in all
// (TCMALLOC_MAX_TOTAL_THREAD_CACHE_BYTES), and took 11 MiB in 3 s of 16 threads. So a hundredth of
// what was passed may stay as well, up to what no cache is known to keep.
constexpr std::int64_t kAllowedGrowth = std::int64_t{6} << 20U;
constexpr std::int64_t kAllowedCaches = std::int64_t{64} << 20U;
constexpr std::int64_t kPassedForEachCached = 100;

// From one lane to one other.
class Queue {
 public:
  bool push(const Block& block) {
    const std::uint32_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - head_.load(std::memory_order_acquire) == kCapacity) return false;
    blocks_[tail % kCapacity] = block;
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }
  Block pop() {
    const std::uint32_t head = head_.load(std::memory_order_relaxed);
    if (head == tail_.load(std::memory_order_acquire)) return {};
    const Block block = blocks_[head % kCapacity];
    head_.store(head + 1, std::memory_order_release);
    return block;
  }

 private:
  static constexpr std::uint32_t kCapacity = 128;
  alignas(2 * kCacheLine) std::atomic<std::uint32_t> head_{0};
  alignas(2 * kCacheLine) std::atomic<std::uint32_t> tail_{0};
  Block blocks_[kCapacity];
};

Block make(VerifiedHeap& heap, CheckLane& lane) {
  return heap.allocate(lane,
                       lane.random.below(4) == 0 ? HeapFunction::kCalloc : HeapFunction::kMalloc,
                       16 + 16 * lane.random.below(48));
}

struct Passing {
  explicit Passing(CheckRun& run) : heap(run), queues(run.threads()) {}
  VerifiedHeap heap;
  MappedArray<Queue> queues;  // by the lane that writes
  GrowthWatch growth;
  std::atomic<unsigned> writers{0};
  std::atomic<std::int64_t> passed_bytes{0};  // each lane adds its own at its end
};

std::int64_t allowed_growth(const Passing& passing) {
  return kAllowedGrowth +
         std::min(kAllowedCaches, passing.passed_bytes.load() / kPassedForEachCached);
}

void look(CheckRun& run, Passing& passing, const CheckLane& lane) {
  if (lane.index != 0 || lane.operations % 64 != 0) return;
  passing.growth.look(run.elapsed_seconds() / run.seconds(), passing.heap.registry().own_bytes());
}

void judge(CheckRun& run, const Passing& passing) {
  run.own_bytes(passing.heap.registry().own_bytes() + run.threads() * sizeof(Queue));
  if (const auto bytes = passing.growth.sustained(allowed_growth(passing))) {
    run.unsafe(
        "the process grew by %jd KiB while less than %zu KiB were live and %jd KiB were passed on, "
        "and did not stop: what other threads free is not used again",
        static_cast<std::intmax_t>(*bytes / 1024), run.threads() * std::size_t{96},
        static_cast<std::intmax_t>(passing.passed_bytes.load() / 1024));
  }
}

// Each lane frees what the one before it made.
void run_ring(CheckRun& run) {
  Passing passing(run);
  passing.writers.store(run.threads());
  run.lanes([&](CheckLane& lane) {
    Queue& own = passing.queues[lane.index];
    Queue& before = passing.queues[(lane.index + lane.count - 1) % lane.count];
    Block waiting;
    std::int64_t passed = 0;
    while (lane.time_left()) {
      lane.operation();
      lane.disturb();
      if (!waiting) waiting = make(passing.heap, lane);
      if (own.push(waiting)) waiting = {};
      Block received = before.pop();
      if (!received && waiting) sched_yield();
      passed += static_cast<std::int64_t>(received.size);
      passing.heap.release(lane, received);
      look(run, passing, lane);
    }
    passing.heap.release(lane, waiting);
    passing.passed_bytes.fetch_add(passed);
    passing.writers.fetch_sub(1, std::memory_order_acq_rel);
    while (passing.writers.load(std::memory_order_acquire) != 0) sched_yield();
    for (Block left = before.pop(); left; left = before.pop()) passing.heap.release(lane, left);
  });
  judge(run, passing);
}

// The first lane frees what all others make.
void run_to_one(CheckRun& run) {
  Passing passing(run);
  passing.writers.store(run.threads() - 1);
  run.lanes([&](CheckLane& lane) {
    if (lane.index != 0) {
      Queue& own = passing.queues[lane.index];
      while (lane.time_left()) {
        lane.operation();
        lane.disturb();
        const Block block = make(passing.heap, lane);
        while (!own.push(block)) sched_yield();
      }
      passing.writers.fetch_sub(1, std::memory_order_acq_rel);
      return;
    }
    std::int64_t passed = 0;
    for (;;) {
      const bool last = passing.writers.load(std::memory_order_acquire) == 0;
      bool any = false;
      for (unsigned i = 1; i < lane.count; ++i) {
        for (Block block = passing.queues[i].pop(); block; block = passing.queues[i].pop()) {
          any = true;
          lane.operation();
          lane.disturb();
          passed += static_cast<std::int64_t>(block.size);
          passing.heap.release(lane, block);
          look(run, passing, lane);
        }
      }
      if (!any && last) break;
      if (!any) sched_yield();
    }
    passing.passed_bytes.fetch_add(passed);
  });
  judge(run, passing);
}

const CheckRegistration kRing{
    {.name = "threads/ring",
     .summary =
         "each thread frees what its neighbour made; what is live is bounded, so is the process",
     .source = "C11 7.22.3.3: free works on any thread",
     .blocks_migrate = true,
     .rank = 18,
     .randomised = true,
     .quick_seconds = 0.08,
     .seconds = 0.6,
     .threads = {CheckThreads::kCpus, CheckThreads::kMany}},
    run_ring};
const CheckRegistration kToOne{
    {.name = "threads/to-one",
     .summary = "one thread frees what all others make; what is live is bounded, so is the process",
     .source = "C11 7.22.3.3: free works on any thread",
     .blocks_migrate = true,
     .rank = 24,
     .randomised = true,
     .quick_seconds = 0.06,
     .seconds = 0.6,
     .threads = {CheckThreads::kCpus, CheckThreads::kMany}},
    run_to_one};

}  // namespace
}  // namespace stackheap
