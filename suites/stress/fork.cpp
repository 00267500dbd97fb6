// fork while other threads allocate: the child, which has one thread, allocates and frees by a
// deadline. POSIX lets a child of many threads call async-signal-safe functions only, but programs
// rely on more, and allocators provide it: a deviation is nonconforming, not unsafe. What the child
// finds in its blocks is.
#include <array>
#include <cstring>

#include "harness/worker/block_contents.hpp"
#include "harness/worker/check.hpp"
#include "harness/worker/check_child.hpp"
#include "harness/worker/entry_points.hpp"
#include "harness/worker/verified_heap.hpp"
#include "suites/stress/draw.hpp"

namespace stackheap {
namespace {

using namespace stress;

constexpr double kDeadlineSeconds = 0.15;
constexpr int kConfirmations = 100;
constexpr int kDamaged = 3;
constexpr int kNull = 4;

// The child's work. Exit codes, since it must not speak for the check.
int allocate_in_child(std::uint64_t seed) {
  constexpr std::size_t kBlocks = 64;
  struct Own {
    void* address;
    std::size_t size;
  } own[kBlocks] = {};
  Random random(seed);
  for (std::uint64_t i = 0; i < 2 * kBlocks; ++i) {
    Own& block = own[random.below(kBlocks)];
    if (block.address != nullptr) {
      const auto id = reinterpret_cast<std::uintptr_t>(block.address);
      if (!contents::intact(block.address, block.size, id)) return kDamaged;
      heap::free(block.address);
    }
    block.size = draw_size(random, 8192);
    block.address = random.below(2) == 0 ? heap::malloc(block.size) : heap::calloc(1, block.size);
    if (block.address == nullptr) return kNull;
    contents::fill(block.address, block.size, reinterpret_cast<std::uintptr_t>(block.address));
  }
  for (const Own& block : own) heap::free(block.address);
  return 0;
}

void fork_once(CheckRun& run, CheckLane& lane, const Block& from_before, std::uint64_t& hangs) {
  lane.operation();
  const std::uint64_t seed = lane.random();
  const ChildEnd end = in_child(kDeadlineSeconds, [&] {
    // What the parent had is here too.
    if (!contents::intact(from_before.address, from_before.size, from_before.id)) return kDamaged;
    heap::free(from_before.address);
    return allocate_in_child(seed);
  });
  if (end.exited_with(0)) return;
  if (end.timed_out()) {
    // On a machine without time for it the child is not held up by a lock.
    if (end.waited_seconds > kDeadlineSeconds / 4) return;
    if (++hangs < 2) return;
    run.nonconforming("hang-after-fork",
                      "of %ju children of fork that allocate, while other threads did, 2 hang",
                      static_cast<std::uintmax_t>(lane.operations));
    return;
  }
  if (end.exited_with(kDamaged)) lane.unsafe("a block changed in the child of fork");
  if (end.exited_with(kNull)) lane.unsafe("an allocation in the child of fork fails");
  run.nonconforming("end-after-fork", "a child of fork that allocates ends with %s: %s",
                    end_text(end).text, end.message);
}

// Allocates many small blocks and frees them all.
void churn(CheckLane& lane) {
  lane.operation();
  std::array<void*, 256> blocks;
  const std::size_t size = 1 + lane.random.below(64);
  for (void*& block : blocks) block = heap::malloc(size);
  for (void* const block : blocks) heap::free(block);
}

void run_fork(CheckRun& run) {
  VerifiedHeap heap(run);
  std::atomic<bool> done{false};
  // One more: it forks.
  run.lanes(run.threads() + 1, [&](CheckLane& lane) {
    if (lane.index == 0) {
      std::uint64_t hangs = 0;
      Block block = heap.allocate(lane, HeapFunction::kMalloc, 500);
      // The first hang may use up the budget; it is to be confirmed all the same.
      int confirmations = 0;
      do {
        fork_once(run, lane, block, hangs);
        confirmations += hangs == 1 ? 1 : 0;
      } while (hangs < 2 && (run.time_left() || (hangs == 1 && confirmations < kConfirmations)));
      heap.release(lane, block);
      done.store(true, std::memory_order_release);
      return;
    }
    // Many without bookkeeping, so that a thread is inside the heap most of the time, and more of
    // them than a thread's cache holds; between them one of any size, verified.
    Block blocks[32];
    while (!done.load(std::memory_order_acquire)) {
      churn(lane);
      Block& block = blocks[lane.random.below(32)];
      heap.release(lane, block);
      block = draw_block(heap, lane, 20'000);
    }
    for (Block& block : blocks) heap.release(lane, block);
  });
}

const CheckRegistration kFork{
    {.name = "threads/fork",
     .summary = "a child of fork allocates while its parent's other threads did",
     .source = "de facto; POSIX fork allows less",
     .rank = 17,
     .randomised = true,
     .quick_seconds = 0.08,
     .seconds = 0.5,
     .threads = {CheckThreads::kCpus}},
    run_fork};

}  // namespace
}  // namespace stackheap
