// realloc: keeps min(old, new) over a grid of sizes and alignments, also of blocks from memalign; a
// failed one leaves the old block alone; one that grows in place does not grow into a neighbour.
#include <cerrno>
#include <cstdint>

#include "harness/worker/block_contents.hpp"
#include "harness/worker/check.hpp"
#include "harness/worker/entry_points.hpp"
#include "harness/worker/verified_heap.hpp"
#include "suites/stress/draw.hpp"

namespace stackheap {
namespace {

using namespace stress;

constexpr std::size_t kSizes[] = {1,    7,    8,     16,     17,     24,      33,       64,
                                  100,  128,  255,   512,    1000,   1024,    1025,     4000,
                                  4096, 8192, 20000, 65'536, 70'000, 262'144, 1'048'576};
constexpr std::size_t kAlignments[] = {16, 64, 4096};

void run_grid(CheckRun& run) {
  VerifiedHeap heap(run);
  run.lanes([&](CheckLane& lane) {
    for (const std::size_t alignment : kAlignments) {
      const HeapFunction function =
          alignment == 16 ? HeapFunction::kMalloc : HeapFunction::kMemalign;
      for (const std::size_t from : kSizes) {
        for (const std::size_t to : kSizes) {
          lane.operation();
          Block block = heap.allocate(lane, function, from, alignment);
          // It must not grow into this one.
          Block neighbour = heap.allocate(lane, HeapFunction::kMalloc, from);
          heap.reallocate(lane, block, to, lane.random.below(4) == 0);
          heap.verify(lane, neighbour);
          heap.release(lane, block);
          heap.release(lane, neighbour);
        }
      }
    }
  });
}

// Rows of blocks of one size that grow and shrink a little: where an allocator may resize in place.
void run_steps(CheckRun& run) {
  constexpr std::size_t kRow = 32;
  VerifiedHeap heap(run);
  MappedArray<Block> row(kRow);
  run.lanes([&](CheckLane& lane) {
    while (lane.time_left()) {
      const std::size_t size = draw_size(lane.random, 8192);
      for (Block& block : row) {
        heap.release(lane, block);
        block = heap.allocate(lane, HeapFunction::kMalloc, size);
      }
      for (std::size_t i = 0; i < 2 * kRow; ++i) {
        lane.operation();
        Block& block = row[lane.random.below(kRow)];
        const std::size_t step = std::size_t{8} << lane.random.below(8);
        const bool grows = block.size <= step || lane.random.below(3) != 0;
        heap.reallocate(lane, block, grows ? block.size + step : block.size - step);
        heap.verify(lane, row[lane.random.below(kRow)]);
      }
    }
    for (Block& block : row) heap.release(lane, block);
  });
}

// After a failed realloc the old block is still the caller's: it has its contents, nobody else gets
// it, and it can be resized and freed.
void run_failed(CheckRun& run) {
  constexpr std::size_t kFollowers = 24;
  constexpr std::size_t kHuge[] = {PTRDIFF_MAX, SIZE_MAX / 2 + 2, SIZE_MAX - 4096, SIZE_MAX};
  constexpr std::size_t kOld[] = {16, 24, 64, 100, 512, 1024, 5000, 40'000, 300'000};
  VerifiedHeap heap(run, VerifiedHeap::OnNull::kAllowed);
  run.lanes([&](CheckLane& lane) {
    for (const std::size_t old : kOld) {
      for (const std::size_t huge : kHuge) {
        for (const bool array : {false, true}) {
          lane.operation();
          Block block = heap.allocate(lane, HeapFunction::kMalloc, old);
          if (!block) lane.unsafe("malloc(%zu) is null: %s", old, strerrordesc_np(errno));
          errno = 0;
          if (heap.reallocate(lane, block, huge, array)) {
            lane.unsafe("realloc to %zu B succeeded", huge);
          }
          if (errno != ENOMEM) {
            run.nonconforming(array ? "errno-of-failed-reallocarray" : "errno-of-failed-realloc",
                              "%s to %zu B fails with errno %d instead of ENOMEM",
                              array ? "reallocarray" : "realloc", huge, errno);
          }
          // Were it free, one of these would get it.
          Block followers[kFollowers];
          for (Block& follower : followers) {
            follower = heap.allocate(lane, HeapFunction::kMalloc, old);
          }
          heap.verify(lane, block);
          if (!heap.reallocate(lane, block, old + 1)) {
            lane.unsafe("after a failed realloc one to %zu B fails too", old + 1);
          }
          heap.release(lane, block);
          for (Block& follower : followers) heap.release(lane, follower);
        }
      }
    }
  });
}

// C23 leaves realloc(p, 0) undefined; C17 let implementations choose. Whichever it is, the block is
// then either gone or freed here, so nothing may be lost by it.
void run_zero(CheckRun& run) {
  run.lanes(1, [&](CheckLane& lane) {
    lane.operation();
    void* block = heap::malloc(100);
    if (block == nullptr) lane.unsafe("malloc(100) is null");
    errno = 0;
    void* result = heap::realloc(block, 0);
    const int error = errno;
    run.record("realloc-to-0", "%s, errno %d", result == nullptr ? "null" : "a block", error);
    heap::free(result);
  });
}

const CheckRegistration kGrid{
    {.name = "blocks/realloc",
     .summary = "keeps min(old, new) over a grid of sizes and alignments, beside a neighbour",
     .source = "C11 7.22.3.5; POSIX realloc, posix_memalign",
     .rank = 30,
     .quick_seconds = 0.01,
     .seconds = 0.01,
     .threads = {CheckThreads::kOne}},
    run_grid};
const CheckRegistration kSteps{
    {.name = "blocks/resize",
     .summary = "rows of blocks grow and shrink by small steps, between live neighbours",
     .source = "C11 7.22.3.5",
     .rank = 25,
     .randomised = true,
     .quick_seconds = 0.03,
     .seconds = 0.3,
     .threads = {CheckThreads::kOne}},
    run_steps};
const CheckRegistration kFailed{
    {.name = "blocks/failed-realloc",
     .summary = "a realloc that fails leaves the old block as it was, and nobody else gets it",
     .source = "C11 7.22.3.5; POSIX realloc (ENOMEM)",
     .rank = 12,
     .quick_seconds = 0.01,
     .seconds = 0.01,
     .threads = {CheckThreads::kOne}},
    run_failed};
const CheckRegistration kZero{{.name = "blocks/realloc-zero",
                               .summary = "what realloc(p, 0) does",
                               .source = "C23 7.24.3.7: undefined; C17 7.22.3.5: either",
                               .gravest = CheckVerdict::kRecorded,
                               .rank = 40,
                               .quick_seconds = 0.01,
                               .seconds = 0.01,
                               .threads = {CheckThreads::kOne}},
                              run_zero};

}  // namespace
}  // namespace stackheap
