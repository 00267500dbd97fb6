// Live bytes stay the same while the sizes drift from small to large to mixed
//
// Models a cache or a server whose load changes through the day: it holds as much as before, but of
// other sizes, and a few old objects lie between the new ones. What is freed cannot serve what is
// asked for, although there is enough of it: fragmentation (P. Wilson et al., "Dynamic Storage
// Allocation: A Survey and Critical Review", IWMM 1995; M. Johnstone and P. Wilson, "The Memory
// Fragmentation Problem: Solved?", ISMM 1998). A cache of constant size that goes on with values of
// another size is Redis's test of its defragmentation, and the one of B. Powers et al., "Mesh",
// PLDI 2019.
//
// `live` MiB are held, divided among the threads. Each phase allocates twice as much as is live:
// `small` objects of 32 to 256 B, `large` ones of 4 to 32 KiB, `mixed` ones of 32 B to 32 KiB, each
// with a frequency that falls as size^-2. Lifetimes are bimodal: 9 of 10 objects live briefly (half
// of the live bytes; a random one is freed when there is no room), 1 of 10 lives nine times as long
// (the other half; the oldest is freed), through more than one phase.
//
// Good: resident memory near what is live, the whole time (rss_per_live_byte near 1). Bad: a step
// up at the start of `large` or `mixed`: pages that a few long-lived small objects hold, or that
// only serve their old size class. The timeline shows it, and what is given back 100 ms after the
// end.
//
// One operation: one object allocated, touched, checked and freed. None is timed. Nothing else is
// resident: the tables of objects are mapped before the baseline is taken.
#include <algorithm>
#include <string>

#include "harness/base/mapped.hpp"
#include "harness/measure/spin_barrier.hpp"
#include "harness/worker/distributions.hpp"
#include "harness/worker/fault_hook.hpp"
#include "harness/worker/script.hpp"
#include "harness/worker/variant.hpp"
#include "harness/worker/workload.hpp"
#include "suites/memory/held_object.hpp"
#include "suites/memory/watch.hpp"

namespace stackheap {
namespace {

constexpr std::size_t kMebibyte = std::size_t{1} << 20U;
constexpr std::size_t kLeastPart = kMebibyte / 2;  // of a lane: enough for several large objects
constexpr std::uint32_t kLongLivedPercent = 10;
constexpr std::size_t kTurnover = 2;  // what a phase allocates, over what is live
constexpr std::uint32_t kLargest = 32768;

struct PhaseSizes {
  std::string_view name;
  std::uint32_t smallest;
  std::uint32_t largest;
};
constexpr PhaseSizes kPhases[] = {
    {"small", kSmallestHeld, 256}, {"large", 4096, kLargest}, {"mixed", kSmallestHeld, kLargest}};

// Objects of one kind of lifetime, as many as fit into `budget` bytes, in mapped memory.
class Store {
 public:
  Store() = default;
  explicit Store(std::size_t budget) : budget_(budget), objects_(budget / kSmallestHeld + 1) {}

  bool is_empty() const { return count_ == 0; }
  bool has_room(std::size_t bytes) const { return bytes_ + bytes <= budget_; }
  // Requires room.
  void add(HeldObject* object) {
    objects_[(first_ + count_++) % objects_.size()] = object;
    bytes_ += object->bytes;
  }
  HeldObject* take_oldest() {
    HeldObject* const oldest = objects_[first_];
    first_ = (first_ + 1) % objects_.size();
    return taken(oldest);
  }
  HeldObject* take_random(Random& random) {
    HeldObject*& place = objects_[random.below(static_cast<std::uint32_t>(count_))];
    // Only the long-lived are taken in order, so the others' first is always at 0.
    return taken(std::exchange(place, objects_[count_ - 1]));
  }

 private:
  HeldObject* taken(HeldObject* object) {
    --count_;
    bytes_ -= object->bytes;
    return object;
  }

  std::size_t budget_ = 0;
  MappedArray<HeldObject*> objects_;
  std::size_t first_ = 0;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
};

struct alignas(2 * kCacheLine) LaneState {
  Store brief;
  Store lasting;
  std::uint64_t made = 0;
  std::uint64_t freed = 0;
  std::uint64_t changed = 0;
};

class Fragmentation {
 public:
  explicit Fragmentation(const CellSpec& spec)
      : part_(std::max(static_cast<std::size_t>(spec.parameter) * kMebibyte / spec.threads,
                       kLeastPart)),
        states_(spec.threads),
        barrier_(spec.threads) {
    for (LaneState& state : states_) {
      state.brief = Store(part_ / 2);
      state.lasting = Store(part_ / 2);
    }
  }

  void run(Script& script) {
    script.take_memory_baseline();
    script.run_lanes([&](LaneThread& thread) { live(script, thread.lane()); });
    watch_.report(script);
    for (const Lane& lane : script.lanes()) verify(lane, states_[lane.index]);
  }

 private:
  void live(Script& script, Lane& lane) {
    LaneState& state = states_[lane.index];
    const bool leads = lane.index == 0;
    if (leads) script.mark("grow");
    grow(lane, state);
    for (const PhaseSizes& phase : kPhases) {
      barrier_.arrive_and_wait();
      if (leads) {
        note_live(script);
        script.mark(phase.name);
      }
      barrier_.arrive_and_wait();
      churn(lane, state, phase);
    }
    barrier_.arrive_and_wait();
    if (leads) {
      note_live(script);
      script.mark("free");
    }
    barrier_.arrive_and_wait();
    free_all(lane, state);
    barrier_.arrive_and_wait();
    if (leads) watch_.watch(script);
    // Only now may a thread end, and give its cache back.
    barrier_.arrive_and_wait();
  }

  static void note_live(Script& script) {
    std::int64_t bytes = 0;
    for (const Lane& lane : script.lanes()) bytes += lane.live_bytes;
    script.note_live_bytes(bytes);
  }

  HeldObject* make(Lane& lane, LaneState& state, std::uint32_t bytes) const {
    const auto mark =
        static_cast<std::uint32_t>(state.made++ * 37 + std::uint64_t{lane.index} * 101);
    return make_held(lane, bytes, mark);
  }

  static void free_one(Lane& lane, LaneState& state, HeldObject* object) {
    state.changed += is_intact(*object) ? 0U : 1U;
    ++state.freed;
    free_held(lane, object);
  }

  // Both stores side by side, so that brief and lasting objects are neighbours from the start.
  void grow(Lane& lane, LaneState& state) const {
    const SizeTable sizes(2.0, kPhases[0].smallest, kPhases[0].largest);
    for (bool any = true; any;) {
      any = false;
      for (Store* store : {&state.brief, &state.lasting}) {
        const std::uint32_t bytes = sizes.draw(lane.random);
        if (!store->has_room(bytes)) continue;
        store->add(make(lane, state, bytes));
        any = true;
      }
    }
  }

  void churn(Lane& lane, LaneState& state, const PhaseSizes& phase) const {
    const SizeTable sizes(2.0, phase.smallest, phase.largest);
    for (std::size_t done = 0; done < kTurnover * part_;) {
      const std::uint32_t bytes = sizes.draw(lane.random);
      const bool lasts = lane.random.below(100) < kLongLivedPercent;
      Store& store = lasts ? state.lasting : state.brief;
      while (!store.has_room(bytes)) {
        free_one(lane, state, lasts ? store.take_oldest() : store.take_random(lane.random));
      }
      store.add(make(lane, state, bytes));
      done += bytes;
    }
  }

  void free_all(Lane& lane, LaneState& state) const {
    const Fault fault = planted_fault();
    HeldObject* const first = state.lasting.take_oldest();
    if (fault == Fault::kFlipByte) *first->byte(first->bytes - 1) ^= 0xffU;
    if (fault == Fault::kSkipFree) lane.allocated(first->bytes);
    if (fault == Fault::kDrop) {
      free_held(lane, first);
    } else {
      free_one(lane, state, first);
    }
    while (!state.brief.is_empty()) free_one(lane, state, state.brief.take_random(lane.random));
    while (!state.lasting.is_empty()) free_one(lane, state, state.lasting.take_oldest());
  }

  // After all threads have gone, so that a failing lane lets none wait at the barrier.
  static void verify(const Lane& lane, const LaneState& state) {
    if (state.freed != state.made) {
      fail(lane,
           std::to_string(state.freed) + " objects were freed of " + std::to_string(state.made));
    }
    if (state.changed != 0) {
      fail(lane, std::to_string(state.changed) + " objects do not hold what was written");
    }
    if (lane.live_bytes != 0) fail(lane, std::to_string(lane.live_bytes) + " bytes are still live");
  }

  [[noreturn]] static void fail(const Lane& lane, const std::string& what) {
    throw CheckFailed("memory/fragmentation: lane " + std::to_string(lane.index) + ": " + what);
  }

  std::size_t part_;               // bytes of one lane
  MappedArray<LaneState> states_;  // by lane
  SpinBarrier barrier_;
  WatchAfterFree watch_;
};

const Registration kRegistration{
    {
        .name = "memory/fragmentation",
        .summary = "Live bytes stay the same while the sizes drift from small to large to mixed",
        .operation = "one object allocated, touched, checked and freed",
        .shape = Shape::kScripted,
        .variants = {{.name = "malloc", .description = "malloc and free"}},
        .baseline_variant = "malloc",
        .parameter = ParameterInfo{.name = "live", .unit = "MiB", .minimum = 4, .maximum = 4096},
        .threads = {.maximum = 256},
        .smoke = {{.values = {8}, .threads = TierThreads::kAll}},
        .standard = {{.values = {64}}},
        .full = {{.values = {64, 256}, .threads = TierThreads::kSweep}},
        .expected_seconds = 0.15,
        .seconds_per_parameter = 0.012,
        .most_rounds = 3,
        // And two tables of pointers to as many objects as the smallest size allows.
        .live_bytes = {.per_thread = double{kLeastPart} * 1.25,
                       .per_parameter = double{kMebibyte} * 1.25},
        .piloted = false,
        .timeline = true,
        .ranked_by = "rss_per_live_byte",
        .roles = {"memory-timeline", "resident-per-live"},
    },
    make_workload<Fragmentation>};

}  // namespace
}  // namespace stackheap
