// Alignment: every power of two up to 4 MiB times sizes up to three times it, by every function
// that takes one, and of malloc what the standard leaves open.
#include <algorithm>
#include <bit>

#include "harness/worker/check.hpp"
#include "harness/worker/entry_points.hpp"
#include "harness/worker/verified_heap.hpp"
#include "suites/stress/draw.hpp"

namespace stackheap {
namespace {

using namespace stress;

constexpr std::size_t kMostAlignment = std::size_t{4} << 20U;
constexpr std::size_t kHeld = 16;
constexpr HeapFunction kAligning[] = {HeapFunction::kPosixMemalign, HeapFunction::kAlignedAlloc,
                                      HeapFunction::kMemalign};

// The least alignment that many blocks of a small size have.
void record_small_sizes(CheckRun& run) {
  constexpr std::size_t kSizes[] = {1, 2, 4, 8, 9, 15};
  constexpr int kBlocks = 64;
  for (const std::size_t size : kSizes) {
    MappedArray<void*> blocks(kBlocks);
    std::uintptr_t all = 0;
    for (void*& block : blocks) {
      block = heap::malloc(size);
      all |= reinterpret_cast<std::uintptr_t>(block);
    }
    for (void* block : blocks) heap::free(block);
    char name[32];
    std::snprintf(name, sizeof name, "alignment-of-%zu", size);
    run.record(name, "%d", 1 << std::min(std::countr_zero(all), 4));
  }
}

// Some of the blocks stay for a while, so that not all lie in the same place.
class Grid {
 public:
  explicit Grid(CheckRun& run) : heap_(run), held_(kHeld) {}

  void add(CheckLane& lane, HeapFunction function, std::size_t size, std::size_t alignment) {
    lane.operation();
    Block& place = held_[lane.random.below(kHeld)];
    heap_.release(lane, place);
    place = heap_.allocate(lane, function, size, alignment);
  }
  void finish(CheckLane& lane) {
    for (Block& block : held_) heap_.release(lane, block);
  }

 private:
  VerifiedHeap heap_;
  MappedArray<Block> held_;
};

void run_alignment(CheckRun& run) {
  record_small_sizes(run);
  Grid grid(run);
  run.lanes([&](CheckLane& lane) {
    for (std::size_t alignment = sizeof(void*); alignment <= kMostAlignment; alignment *= 2) {
      const std::size_t sizes[] = {1,
                                   alignment / 2,
                                   alignment - 1,
                                   alignment,
                                   alignment + 1,
                                   2 * alignment - 1,
                                   2 * alignment,
                                   3 * alignment};
      for (const std::size_t size : sizes) {
        for (const HeapFunction function : kAligning) grid.add(lane, function, size, alignment);
      }
    }
    grid.finish(lane);
  });
}

// Many calls with small alignments: for what is wrong once in a thousand.
void run_often(CheckRun& run) {
  Grid grid(run);
  run.lanes([&](CheckLane& lane) {
    while (lane.time_left()) {
      const HeapFunction function = kAligning[lane.random.below(3)];
      if (lane.random.below(64) == 0) {
        const std::size_t large = std::size_t{8192} << lane.random.below(7);
        grid.add(lane, function, large / 2 + lane.random.below(65'536), large);
      } else {
        const std::size_t alignment = std::size_t{16} << lane.random.below(9);
        grid.add(lane, function, draw_size(lane.random, 2048), alignment);
      }
    }
    grid.finish(lane);
  });
}

const CheckRegistration kGrid{
    {.name = "blocks/alignment",
     .summary = "every power of two up to 4 MiB times sizes to three times it; small sizes' own",
     .source = "C11 7.22.3, 7.22.3.1; POSIX posix_memalign",
     .rank = 22,
     .quick_seconds = 0.01,
     .seconds = 0.01,
     .threads = {CheckThreads::kOne}},
    run_alignment};
const CheckRegistration kOften{
    {.name = "blocks/aligned",
     .summary =
         "many blocks of small and some of large alignments, from each function that takes one",
     .source = "C11 7.22.3.1; POSIX posix_memalign",
     .rank = 24,
     .randomised = true,
     .quick_seconds = 0.03,
     .seconds = 0.3,
     .threads = {CheckThreads::kOne}},
    run_often};

}  // namespace
}  // namespace stackheap
