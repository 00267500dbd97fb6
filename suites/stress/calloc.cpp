// calloc gives zeroes: on fresh memory, on what was full of other bytes and freed a moment ago, in
// every size class, and on large and mapped blocks.
#include <algorithm>

#include "harness/worker/check.hpp"
#include "harness/worker/verified_heap.hpp"
#include "suites/stress/draw.hpp"

namespace stackheap {
namespace {

using namespace stress;

constexpr std::size_t kBatch = 8;
constexpr std::size_t kLargest = std::size_t{8} << 20U;

// Blocks of the size are filled and freed, then as many come from calloc, of this size and of some
// that end within a word.
void recycle(VerifiedHeap& heap, CheckLane& lane, std::size_t size, std::size_t batch) {
  Block blocks[kBatch];
  for (int round = 0; round < 2; ++round) {
    for (std::size_t i = 0; i < batch; ++i) {
      const HeapFunction function = round == 0 ? HeapFunction::kMalloc : HeapFunction::kCalloc;
      const std::size_t less = round == 0 ? 0 : std::min(size - 1, i);
      lane.operation();
      blocks[i] = heap.allocate(lane, function, size - less);
    }
    // The last in is the first out, in every second batch.
    const bool reversed = lane.random.below(2) == 0;
    for (std::size_t i = 0; i < batch; ++i) {
      heap.release(lane, blocks[reversed ? batch - 1 - i : i]);
    }
  }
}

void run_calloc(CheckRun& run) {
  VerifiedHeap heap(run);
  run.lanes([&](CheckLane& lane) {
    for (std::size_t size = 1; size <= 1024; size += size < 128 ? 1 : 8) {
      recycle(heap, lane, size, kBatch);
    }
    // Two sizes between neighbouring powers of two, and one that ends within a word.
    for (std::size_t size = 1024; size <= kLargest; size *= 2) {
      for (const std::size_t more : {size / 4, size / 2, size - 3}) {
        recycle(heap, lane, size + more, size <= 65'536 ? kBatch : 2);
      }
    }
  });
}

const CheckRegistration kCalloc{
    {.name = "blocks/calloc",
     .summary = "zeroes on fresh and on recycled memory, in every size class, large and mapped",
     .source = "C11 7.22.3.2",
     .rank = 32,
     .quick_seconds = 0.01,
     .seconds = 0.01,
     .threads = {CheckThreads::kOne}},
    run_calloc};

}  // namespace
}  // namespace stackheap
