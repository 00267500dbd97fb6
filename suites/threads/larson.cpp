// Threads replace random blocks and leave them to a successor.
//
// Models a long-running server: P. Larson and M. Krishnan, "Memory Allocation for Long-Running
// Server Applications", ISMM 1998. Each thread holds 1,000 slots with blocks of 8 to 1,000 B,
// uniformly drawn. An operation frees the block of a random slot and allocates another in its
// place. After a fixed number of operations the thread starts a successor, which inherits the
// slots, and ends: blocks outlive the thread that allocated them, and its caches must be reused.
//
// A generation here is half of a window's operations; the two hand-overs lie at a quarter and at
// three quarters of each window, so that none falls on a window's edge. (The paper fixes the
// operations; a fixed fraction keeps the number of threads per window the same on every machine.)
// Uncounted operations lengthen the generation that does them. A successor is pinned like its
// predecessor and joins it before it starts a successor of its own. Starting it is in the number
// (some ten microseconds twice a window); until it runs, the lane waits for a CPU, which is counted
// as run queue.
//
// Good: the time at many threads is near the time at one, and resident memory stays flat. Bad:
// blocked time (threads share an arena that a dead thread left), or memory that grows with the
// generations (caches of dead threads are not adopted).
//
// One operation: one free and one allocation.
//
// Not blocks_migrate: a lane's blocks are freed by its next thread, which allocates as many again,
// and at most 1,000 a lane are live. An allocator that keeps a freed block on the freeing thread
// stays bounded if it hands a dead thread's cache to a later one, as `reference` does.
//
// The slots are in suites/common/larson.hpp: latency/larson times the calls of the same pattern.
#include <new>
#include <string>

#include "harness/worker/fault_hook.hpp"
#include "harness/worker/script.hpp"
#include "harness/worker/variant.hpp"
#include "harness/worker/workload.hpp"
#include "suites/common/larson.hpp"
#include "suites/threads/succession.hpp"

namespace stackheap {
namespace {

using namespace larson;

constexpr std::uint64_t kHandOversPerWindow = 2;

struct NewDelete {
  static constexpr bool kUsesHeap = true;
  static void* obtain(Lane&, std::size_t bytes) { return ::operator new(bytes); }
  static void give_back(Lane&, void* block, std::size_t) { ::operator delete(block); }
};

struct SizedDelete {
  static constexpr bool kUsesHeap = true;
  static void* obtain(Lane&, std::size_t bytes) { return ::operator new(bytes); }
  static void give_back(Lane&, void* block, std::size_t bytes) { ::operator delete(block, bytes); }
};

struct NoAlloc {
  static constexpr bool kUsesHeap = false;
  static void obtain(Lane&, std::size_t) {}
  static void give_back(Lane&, void*, std::size_t) {}
};

enum class Variant { kNewDelete, kSizedDelete, kNoAlloc };
constexpr VariantName<Variant> kVariants[] = {{"new-delete", Variant::kNewDelete},
                                              {"sized-delete", Variant::kSizedDelete},
                                              {"no-alloc", Variant::kNoAlloc}};

// What passes from thread to thread: a lane, its slots, and how far its window has come.
struct alignas(2 * kCacheLine) Lineage {
  enum class Stretch { kOpening, kMiddle, kClosing };

  Stretch next = Stretch::kOpening;
  std::uint64_t windows = 0;
  std::uint64_t hand_overs = 0;
  Succession threads;
  Estate estate;
};

class Larson {
 public:
  explicit Larson(const CellSpec& spec)
      : variant_(variant_of(spec, kVariants)), lines_(spec.threads) {}

  void run(Script& script) {
    switch (variant_) {
      case Variant::kNewDelete:
        return run_with<NewDelete>(script);
      case Variant::kSizedDelete:
        return run_with<SizedDelete>(script);
      case Variant::kNoAlloc:
        return run_with<NoAlloc>(script);
    }
  }

 private:
  template <class Calls>
  void run_with(Script& script) {
    script.run_lanes([&](LaneThread& first) {
      Lineage& line = lines_[first.lane().index];
      fill<Calls>(line.estate, first.lane());
      line.threads.run("threads/larson", script, first, [&](const LaneThread& thread) {
        return live<Calls>(line, thread, script.windows());
      });
    });
  }

  // One thread's life: half a window in the middle of one, or the last quarter of one and the first
  // of the next. Returns whether a successor follows.
  template <class Calls>
  bool live(Lineage& line, const LaneThread& thread, WindowLoop& windows) {
    Lane& lane = thread.lane();
    const ThreadProbe& probe = thread.probe();
    if (line.next == Lineage::Stretch::kMiddle) {
      replace<Calls>(line.estate, lane, windows.lane_share(lane) / 2);
      line.next = Lineage::Stretch::kClosing;
      ++line.hand_overs;
      return true;
    }
    if (line.next == Lineage::Stretch::kClosing) {
      const std::uint64_t share = windows.lane_share(lane);
      replace<Calls>(line.estate, lane, share - share / 4 - share / 2);
      windows.close(lane, probe);
      const std::uint64_t chunk = WindowLoop::uncounted_chunk(share);
      while (windows.others_work_on(lane)) replace<Calls>(line.estate, lane, chunk);
      ++line.windows;
    }
    if (windows.done()) {
      verify<Calls>(line, lane);
      return false;
    }
    windows.open(lane, probe);
    replace<Calls>(line.estate, lane, windows.lane_share(lane) / 4);
    line.next = Lineage::Stretch::kMiddle;
    ++line.hand_overs;
    return true;
  }

  template <class Calls>
  void verify(Lineage& line, Lane& lane) {
    const Fault fault = lane.index == 0 ? planted_fault() : Fault::kNone;
    if (fault == Fault::kFlipByte) line.estate.slots[0].block[0] ^= 0xffU;
    if (fault == Fault::kDrop) --line.hand_overs;
    const std::uint32_t changed = changed_blocks(line.estate);
    empty<Calls>(line.estate, lane, fault == Fault::kSkipFree ? 1 : 0);
    if (changed != 0) fail(lane, std::to_string(changed) + " blocks changed while they were held");
    if (line.hand_overs != kHandOversPerWindow * line.windows) {
      fail(lane, std::to_string(line.hand_overs) + " hand-overs in " +
                     std::to_string(line.windows) + " windows instead of two in each");
    }
    if (lane.live_bytes != 0) {
      fail(lane, std::to_string(lane.live_bytes) + " bytes are still live after all was freed");
    }
  }

  [[noreturn]] static void fail(const Lane& lane, const std::string& what) {
    throw CheckFailed("threads/larson: lane " + std::to_string(lane.index) + ": " + what);
  }

  Variant variant_;
  MappedArray<Lineage> lines_;
};

const Registration kRegistration{
    {
        .name = "threads/larson",
        .summary = "Threads replace random blocks and leave them to a successor.",
        .operation = "one free and one allocation",
        .shape = Shape::kScripted,
        .variants = {{.name = "new-delete", .description = "operator new and operator delete"},
                     {.name = "sized-delete",
                      .description = "operator delete is told the block's size"},
                     {.name = "no-alloc",
                      .description = "the same threads and touching on blocks that stay",
                      .uses_heap = false}},
        .baseline_variant = "new-delete",
        .smoke = {{.threads = TierThreads::kAll}},
        .quick = {{.variants = {"new-delete"}, .threads = TierThreads::kAll}},
        .standard = {{}},
        .full = {{.threads = TierThreads::kSweep}},
        .expected_seconds = 0.08,
        .live_bytes = {.per_thread = kLiveBytes},
        .roles = {"scaling", "ratio", "contention", "pareto"},
    },
    make_workload<Larson>};

}  // namespace
}  // namespace stackheap
