// Unequal threads exchange objects through shared slots, verify every word, and are replaced
//
// Models a server whose objects change hands without any order: caches, connection tables, message
// buses. The pattern is the stress test of mimalloc (D. Leijen, test-stress, 2018), which
// mimalloc-bench runs as mstress; its numbers and its code are in suites/common/shared_slots.hpp.
// Threads of different weight make objects of a power of two words with rare huge ones, exchange
// some with 1,000 slots that all share, and free some of what they find, every word of it compared.
// A thread ends after its generation and starts a successor: its caches must be reused.
//
// One operation is one object made, and the frees and exchanges that go with it. A lane of weight
// w, 1 to 8, has 1,500 w operations a generation; all lanes do the same number of operations in a
// window, the light ones in more generations. Ending a generation (its frees, the thread, every
// second object of its part of the shared slots) is in the number, as published.
//
// Good: a time that stays as threads are added. Bad: blocked time (foreign frees take the owner's
// lock), CPU time that grows (contended free lists), or page faults in every window (huge objects
// go back to the kernel, and dead threads' memory is not adopted).
//
// Uncounted operations are those of short generations of their own, on the same thread, so that the
// counted ones are the same at every speed. What is left differs: at starting a window the slots
// hold what these have exchanged.
//
// There is no `no-alloc`: objects of any size go to any thread, and what hands them out again there
// would be an allocator. Writing and comparing the words is in the number.
//
// blocks_migrate: who frees an object is as random as the threads' speeds.
#include <algorithm>
#include <cstdint>

#include "harness/worker/script.hpp"
#include "harness/worker/workload.hpp"
#include "suites/common/shared_slots.hpp"
#include "suites/threads/succession.hpp"

namespace stackheap {
namespace {

using namespace shared_slots;

constexpr std::uint32_t kUncountedPlayed = 400;  // of an uncounted generation, at most
constexpr std::uint32_t kUncountedKept = 200;

// What passes from thread to thread.
struct alignas(2 * kCacheLine) Line {
  bool in_window = false;
  std::uint64_t left = 0;  // operations of the window
  Holdings holdings;
  Holdings uncounted;
  Succession threads;
};

class SharedSlotsWorkload {
 public:
  explicit SharedSlotsWorkload(const CellSpec& spec)
      : lines_(spec.threads), objects_(policy_, spec.threads) {}

  void run(Script& script) {
    script.run_lanes([&](LaneThread& first) {
      Line& line = lines_[first.lane().index];
      const std::uint32_t weight = weight_of(first.lane().index);
      line.holdings = Holdings(kPlayed * weight, kKept * weight);
      line.holdings.begin(kPlayed * weight, kKept * weight);
      line.uncounted = Holdings(kUncountedPlayed, kUncountedKept);
      line.threads.run("threads/shared-slots", script, first, [&](const LaneThread& thread) {
        return live(line, thread, script.windows());
      });
    });
    objects_.finish("threads/shared-slots", script.lanes()[0]);
  }

 private:
  // One thread's life: what is left of the generation, over as many windows as that takes. Returns
  // whether a successor follows.
  bool live(Line& line, const LaneThread& thread, WindowLoop& windows) {
    Lane& lane = thread.lane();
    for (;;) {
      if (line.left == 0) {
        if (line.in_window) close(line, thread, windows);
        if (windows.done()) {
          objects_.release(lane, line.holdings);
          return false;
        }
        windows.open(lane, thread.probe());
        line.in_window = true;
        line.left = windows.lane_share(lane);
      }
      line.left -= objects_.run(lane, line.holdings, line.left);
      if (line.holdings.is_complete()) {
        objects_.release(lane, line.holdings);
        objects_.thin_out(lane);
        const std::uint32_t weight = weight_of(lane.index);
        line.holdings.begin(kPlayed * weight, kKept * weight);
        return true;
      }
    }
  }

  void close(Line& line, const LaneThread& thread, WindowLoop& windows) {
    Lane& lane = thread.lane();
    const auto chunk = static_cast<std::uint32_t>(std::min<std::uint64_t>(
        WindowLoop::uncounted_chunk(windows.lane_share(lane)), kUncountedPlayed + kUncountedKept));
    const Random random = lane.random;
    windows.close(lane, thread.probe());
    while (windows.others_work_on(lane)) {
      line.uncounted.begin(chunk - chunk / 3, chunk / 3);
      objects_.run(lane, line.uncounted, chunk);
      objects_.release(lane, line.uncounted);
    }
    lane.random = random;
    line.in_window = false;
  }

  Plain policy_;
  MappedArray<Line> lines_;  // by lane
  SharedSlots<Plain> objects_;
};

const Registration kRegistration{
    {
        .name = "threads/shared-slots",
        .summary =
            "Unequal threads exchange objects through shared slots, verify every word, and are "
            "replaced",
        .operation = "one object made, and the frees and exchanges that go with it",
        .shape = Shape::kScripted,
        .variants = {{.name = "malloc", .description = "calloc and free"}},
        .baseline_variant = "malloc",
        .smoke = {{.threads = TierThreads::kAll}},
        .standard = {{}},
        .full = {{.threads = TierThreads::kSweep}},
        .expected_seconds = 0.11,
        .live_bytes = {.fixed = kSlots * 8 * mean_words(kPlayedPowers),
                       .per_thread = kMostWeight * kBytesOfWeight},
        .blocks_migrate = true,
        .roles = {"scaling", "ratio", "contention"},
    },
    make_workload<SharedSlotsWorkload>};

}  // namespace
}  // namespace stackheap
