// Each operator new and delete of threads/larson is timed by itself
//
// Models what the requests of a long-running server see of its allocator, whose mean threads/larson
// shows: P. Larson and M. Krishnan, ISMM 1998. Each thread replaces random blocks of 8 to 1,000 B
// in 1,000 slots. After a generation of 10,000 operations it leaves its slots, lying in wait for
// whoever ends a generation next, and inherits those that were left last: so most blocks that a
// generation frees first were allocated by another thread. What is done to the slots is exactly
// that of threads/larson: see suites/common/larson.hpp.
//
// No thread ends here, unlike in threads/larson: what starting a thread and its first allocations
// cost would be a third kind of operation, and the few of them would drown among the others. The
// slots change hands with one atomic exchange; there is one set of slots more than threads, so
// nobody waits. With one thread the two sets alternate.
//
// One operation is one free and one allocation; each is a timed operation of its own, `delete` and
// `new` in latency.csv. A call's time is from call to return: the first touch of new memory is not
// in it. The loop is closed: these are service times.
//
// Good: quantiles near the median up to p9999, at any number of threads. Bad: a `delete` whose p99
// leaves its median as threads are added, which is a lock on the arena that a block came from.
//
// `no-alloc` times nothing in both places, within the same loop. ns_per_op holds two timed pairs
// per operation: compare it with no other workload's.
//
// blocks_migrate: a set of slots passes from thread to thread, and uncounted operations are as many
// as a thread's speed allows, so one may free more of a size than it ever allocates.
#include <atomic>
#include <new>
#include <string>

#include "harness/worker/fault_hook.hpp"
#include "harness/worker/latency.hpp"
#include "harness/worker/variant.hpp"
#include "harness/worker/workload.hpp"
#include "suites/common/larson.hpp"

namespace stackheap {
namespace {

using namespace larson;

constexpr std::uint64_t kGeneration = 10'000;  // operations

enum class Timed { kNew, kDelete };  // the order of timed_operations

struct NewDelete {
  static constexpr bool kUsesHeap = true;
  static void* obtain(Lane& lane, std::size_t bytes) {
    return timed(lane, Timed::kNew, [&] { return ::operator new(bytes); });
  }
  static void give_back(Lane& lane, void* block, std::size_t) {
    timed(lane, Timed::kDelete, [&] { ::operator delete(block); });
  }
};

struct NoAlloc {
  static constexpr bool kUsesHeap = false;
  static void obtain(Lane& lane, std::size_t bytes) {
    timed(lane, Timed::kNew, [&] { escape(bytes); });
  }
  static void give_back(Lane& lane, void* block, std::size_t) {
    timed(lane, Timed::kDelete, [&] { escape(block); });
  }
};

// Whether the blocks come from the heap.
constexpr VariantName<bool> kVariants[] = {{"new-delete", true}, {"no-alloc", false}};

struct alignas(2 * kCacheLine) LaneState {
  Estate* estate = nullptr;
  std::uint64_t age = 0;  // operations of this generation
  std::uint64_t replaced = 0;
  std::uint64_t asked = 0;
};

class LarsonLatency {
 public:
  explicit LarsonLatency(const CellSpec& spec)
      : uses_heap_(variant_of(spec, kVariants)),
        states_(spec.threads),
        estates_(std::size_t{spec.threads} + 1) {
    left_.store(&estates_[spec.threads], std::memory_order_relaxed);
  }
  LarsonLatency(const LarsonLatency&) = delete;
  LarsonLatency& operator=(const LarsonLatency&) = delete;
  // What a verify that threw has left.
  ~LarsonLatency() {
    if (!uses_heap_) return;
    for (Estate& estate : estates_) {
      for (Slot& slot : estate.slots) ::operator delete(slot.block);
    }
  }

  void setup(Lane& lane) { uses_heap_ ? prepare<NewDelete>(lane) : prepare<NoAlloc>(lane); }

  void step(Lane& lane, std::uint64_t n) {
    uses_heap_ ? run<NewDelete>(lane, n) : run<NoAlloc>(lane, n);
  }

  // The last lane verifies the set that lies in wait, too.
  void verify(Lane& lane) {
    uses_heap_ ? check<NewDelete>(lane) : check<NoAlloc>(lane);
    live_bytes_ += lane.live_bytes;
  }

  void finish() const {
    if (live_bytes_ != 0) {
      throw CheckFailed("latency/larson: " + std::to_string(live_bytes_.load()) +
                        " bytes are still live after everything was freed");
    }
  }

 private:
  template <class Calls>
  void prepare(Lane& lane) {
    LaneState& state = states_[lane.index];
    state.estate = &estates_[lane.index];
    // Lanes come to their first generation's end at different times.
    state.age = kGeneration * lane.index / lane.count;
    fill<Calls>(*state.estate, lane);
    if (lane.index + 1 == lane.count) fill<Calls>(estates_[lane.count], lane);
    if (lane.index == 0 && planted_fault() == Fault::kDrop) --state.replaced;
  }

  template <class Calls>
  void run(Lane& lane, std::uint64_t n) {
    LaneState& state = states_[lane.index];
    state.asked += n;
    while (n > 0) {
      const std::uint64_t some = std::min(n, kGeneration - state.age);
      replace<Calls>(*state.estate, lane, some);
      state.replaced += some;
      state.age += some;
      n -= some;
      if (state.age < kGeneration) continue;
      state.age = 0;
      state.estate = left_.exchange(state.estate, std::memory_order_acq_rel);
    }
  }

  template <class Calls>
  void check(Lane& lane) {
    LaneState& state = states_[lane.index];
    const Fault fault = lane.index == 0 ? planted_fault() : Fault::kNone;
    if (fault == Fault::kFlipByte) state.estate->slots[0].block[0] ^= 0xffU;
    std::uint32_t changed = changed_blocks(*state.estate);
    empty<Calls>(*state.estate, lane, fault == Fault::kSkipFree ? 1 : 0);
    if (lane.index + 1 == lane.count) {
      Estate& left = *left_.load(std::memory_order_acquire);
      changed += changed_blocks(left);
      empty<Calls>(left, lane, 0);
    }
    const std::string who = "latency/larson: lane " + std::to_string(lane.index) + ": ";
    if (changed != 0) {
      throw CheckFailed(who + std::to_string(changed) + " blocks changed while they were held");
    }
    if (state.replaced != state.asked) throw CheckFailed(who + "operations were lost");
  }

  bool uses_heap_;
  MappedArray<LaneState> states_;  // by lane
  MappedArray<Estate> estates_;    // one more than lanes
  alignas(2 * kCacheLine) std::atomic<Estate*> left_{nullptr};
  alignas(2 * kCacheLine) std::atomic<std::int64_t> live_bytes_{0};
};

const Registration kRegistration{
    {
        .name = "latency/larson",
        .summary = "Each operator new and delete of threads/larson is timed by itself",
        .operation = "one free and one allocation",
        .shape = Shape::kHistogram,
        .variants =
            {
                {.name = "new-delete",
                 .description = "operator new and operator delete, each call timed"},
                {.name = "no-alloc",
                 .description = "the same loop with nothing in the timed places",
                 .uses_heap = false},
            },
        .baseline_variant = "new-delete",
        // A lane's histograms take 237 KiB, which must stay small beside the machine's memory.
        .threads = {.maximum = 1024},
        .smoke = {{.threads = TierThreads::kAll}},
        .standard = {{}},
        .full = {{.threads = TierThreads::kSweep}},
        .expected_seconds = 0.1,
        .live_bytes = {.fixed = kLiveBytes, .per_thread = kLiveBytes},
        .blocks_migrate = true,
        .timed_operations = {"new", "delete"},
        .ranked_by = "p99",
        .roles = {"latency"},
    },
    make_workload<LarsonLatency>};

}  // namespace
}  // namespace stackheap
