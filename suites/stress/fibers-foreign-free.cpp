// A fiber allocates on one thread and frees on another.
//
// Fibers wander: any thread resumes any of them. At each stay a fiber verifies and frees one of the
// blocks that it allocated on other threads, allocates another, and now and then resizes one. What
// an allocator keeps for the thread must be looked up at each call, and free() must find the
// block's owner: the stack that calls it says nothing.
#include <atomic>

#include "harness/worker/verified_heap.hpp"
#include "suites/stress/watched_fibers.hpp"

namespace stackheap {
namespace {

using namespace fiber_checks;

constexpr std::size_t kFibersPerThread = 8;
constexpr std::size_t kCarried = 16;  // blocks of each fiber
constexpr std::uint32_t kLargest = 2000;
constexpr std::uint32_t kLarge = 100'000;  // 1 in 64

// Told anew at each stay: nothing of a thread may be kept across a switch.
struct Traveller {
  VerifiedHeap* heap = nullptr;
  CheckLane* here = nullptr;
  bool stop = false;
  Block carried[kCarried];
  BorrowingFiber fiber;

  template <class Suspend>
  void operator()(Suspend&& suspend) {
    while (!stop) {
      stay();
      suspend();
    }
    for (Block& block : carried) heap->release(*here, block);
  }
  [[gnu::noinline]] void stay() {
    CheckLane& lane = *here;
    Block& block = carried[lane.random.below(kCarried)];
    const std::size_t size = 1 + lane.random.below((lane.random() & 63U) == 0 ? kLarge : kLargest);
    if (block && (lane.random() & 3U) == 0) {
      if (!heap->reallocate(lane, block, size)) lane.unsafe("realloc to %zu B failed", size);
    } else {
      heap->release(lane, block);
      block = heap->allocate(
          lane, (lane.random() & 7U) == 0 ? HeapFunction::kCalloc : HeapFunction::kMalloc, size);
    }
    lane.operation();
  }
};

void wander(CheckRun& run) {
  for_each_fiber_kind(run, [](const auto&) {});  // unsupported where there can be none
  VerifiedHeap heap(run);
  const std::size_t count = kFibersPerThread * run.threads();
  const StackSet<MappedStack> stacks(count, kFiberStackBytes);
  MappedArray<Traveller> travellers(count);
  // Where each waits; null while it is resumed.
  struct alignas(kCacheLine) Place {
    std::atomic<Traveller*> waiting{nullptr};
  };
  MappedArray<Place> places(count);
  run.lanes([&](CheckLane& lane) {
    for (std::size_t i = lane.index; i < count; i += lane.count) {
      Traveller& traveller = travellers[i];
      traveller.heap = &heap;
      traveller.here = &lane;
      traveller.fiber.start(stacks[i], traveller);
      places[i].waiting.store(&traveller, std::memory_order_release);
    }
    while (lane.time_left()) {
      Place& place = places[lane.random.below(static_cast<std::uint32_t>(count))];
      Traveller* const traveller = place.waiting.exchange(nullptr, std::memory_order_acquire);
      if (traveller == nullptr) continue;
      traveller->here = &lane;
      traveller->fiber.resume();
      place.waiting.store(traveller, std::memory_order_release);
      lane.disturb();
    }
  });
  // All on one thread: what others allocated comes home, or does not.
  run.lanes(1, [&](CheckLane& lane) {
    for (Traveller& traveller : travellers) {
      traveller.here = &lane;
      traveller.stop = true;
      traveller.fiber.resume();
      if (!traveller.fiber.has_ended()) lane.unsafe("a fiber did not come to its end");
    }
  });
}

const CheckRegistration kForeignFree{
    {.name = "fibers/foreign-free",
     .summary = "Fibers that allocate on one thread, are resumed on another and free there",
     .source = "C11 7.22.3: what one thread allocated, any may free",
     .blocks_migrate = true,
     .rank = 110,
     .randomised = true,
     .quick_seconds = 0.05,
     .seconds = 0.5,
     .threads = {CheckThreads::kPair, CheckThreads::kMany}},
    wander};

}  // namespace
}  // namespace stackheap
