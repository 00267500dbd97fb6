// Many threads come and go, each with its caches, and leave some of their blocks to the next
//
// Models a server with a thread for each connection, or a pool that shrinks and grows. Allocators
// keep freed memory for the thread that freed it, and each must do something with that when the
// thread ends: glibc flushes the thread's cache and gives its arena to a later thread, others hand
// spans back or abandon heaps until someone adopts them. That long-running servers suffer where
// this goes wrong is the theme of P. Larson and M. Krishnan, "Memory Allocation for Long-Running
// Server Applications", ISMM 1998; threads/larson and threads/churn time it, this one looks at the
// memory.
//
// As many threads as the cell says live at any time, `exits` in all (rounded up to full
// generations). A thread frees what its predecessor has left, allocates its part of 8 MiB in
// objects of 32 to 8,192 B with a frequency that falls as size^-2, waits until the others of its
// generation have too, frees fifteen of every sixteen, and ends; its successor begins when it has
// ended.
//
// Good: rss_per_live_byte as low after a thousand exits as after two, and memory that is given back
// at the end. Bad: it grows with `exits` (dead threads' caches are lost), or stays at its peak.
//
// One operation: one object allocated, touched, checked and freed. None is timed. The threads of
// the lanes take nothing from the heap themselves but for the successors' creation, which belongs
// to it.
//
// Not blocks_migrate: a successor frees what its predecessor left, and at most half a MiB of it.
#include <pthread.h>

#include <algorithm>
#include <cstring>
#include <exception>
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

constexpr std::size_t kBytes = std::size_t{8} << 20U;
constexpr std::uint32_t kLargest = 8192;
constexpr std::uint64_t kLeftOfEvery = 16;

class ThreadExit;

struct alignas(2 * kCacheLine) LaneState {
  ThreadExit* workload = nullptr;
  Script* script = nullptr;
  Lane* lane = nullptr;
  HeldObject* left = nullptr;  // by the thread before
  std::uint64_t made = 0;
  std::uint64_t freed = 0;
  std::uint64_t changed = 0;
  std::exception_ptr failure;
};

class ThreadExit {
 public:
  explicit ThreadExit(const CellSpec& spec)
      : generations_((static_cast<std::size_t>(spec.parameter) + spec.threads - 1) / spec.threads),
        part_(kBytes / spec.threads),
        sizes_(2.0, kSmallestHeld, kLargest),
        states_(spec.threads),
        barrier_(spec.threads) {}

  void run(Script& script) {
    script.run_lanes([&](LaneThread& thread) { carry(script, thread.lane()); });
    watch_.report(script);
    for (const Lane& lane : script.lanes()) verify(lane, states_[lane.index]);
  }

 private:
  // The lane's own thread, which starts the others.
  void carry(Script& script, Lane& lane) {
    const bool leads = lane.index == 0;
    LaneState& state = states_[lane.index];
    state.workload = this;
    state.script = &script;
    state.lane = &lane;
    if (leads) script.mark("come-and-go");
    for (std::size_t i = 0; i < generations_; ++i) live_one_life(state);
    barrier_.arrive_and_wait();
    if (leads) script.mark("free");
    barrier_.arrive_and_wait();
    free_the_rest(lane, state);
    barrier_.arrive_and_wait();
    if (leads) watch_.watch(script);
    // Only now may a thread end, and give its cache back.
    barrier_.arrive_and_wait();
  }

  static void live_one_life(LaneState& state) {
    pthread_t thread;
    const auto entry = [](void* argument) -> void* {
      LaneState& own = *static_cast<LaneState*>(argument);
      try {
        own.workload->live(*own.lane, own);
      } catch (...) {
        own.failure = std::current_exception();
      }
      return nullptr;
    };
    if (const int error = pthread_create(&thread, nullptr, entry, &state); error != 0) {
      throw CannotRun(std::string("cannot start a thread: ") + std::strerror(error) +
                      " (limits: ulimit -u, the cgroup's pids.max, memory)");
    }
    STACKHEAP_CHECK(pthread_join(thread, nullptr) == 0);
    if (state.failure) std::rethrow_exception(state.failure);
  }

  // One thread's life.
  void live(Lane& lane, LaneState& state) {
    free_list(lane, state, std::exchange(state.left, nullptr));
    HeldObject* all = nullptr;
    for (std::size_t left = part_; left >= kSmallestHeld;) {
      const auto bytes =
          static_cast<std::uint32_t>(std::min<std::size_t>(left, sizes_.draw(lane.random)));
      all = make_held(lane, bytes, static_cast<std::uint32_t>(state.made++), all);
      left -= bytes;
    }
    barrier_.arrive_and_wait();
    if (lane.index == 0) {
      std::int64_t bytes = 0;
      for (const Lane& each : state.script->lanes()) bytes += each.live_bytes;
      state.script->note_live_bytes(bytes);
    }
    barrier_.arrive_and_wait();
    for (std::uint64_t i = 0; all != nullptr; ++i) {
      HeldObject* const object = std::exchange(all, all->next);
      if (i % kLeftOfEvery == 0) {
        object->next = state.left;
        state.left = object;
      } else {
        free_one(lane, state, object);
      }
    }
  }

  void free_the_rest(Lane& lane, LaneState& state) const {
    const Fault fault = planted_fault();
    if (fault == Fault::kFlipByte) *state.left->byte(state.left->bytes - 1) ^= 0xffU;
    if (fault == Fault::kSkipFree) lane.allocated(state.left->bytes);
    if (fault == Fault::kDrop) {
      HeldObject* const lost = std::exchange(state.left, state.left->next);
      free_held(lane, lost);
    }
    free_list(lane, state, std::exchange(state.left, nullptr));
  }

  static void free_list(Lane& lane, LaneState& state, HeldObject* object) {
    while (object != nullptr) free_one(lane, state, std::exchange(object, object->next));
  }

  static void free_one(Lane& lane, LaneState& state, HeldObject* object) {
    state.changed += is_intact(*object) ? 0U : 1U;
    ++state.freed;
    free_held(lane, object);
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
    throw CheckFailed("memory/thread-exit: lane " + std::to_string(lane.index) + ": " + what);
  }

  std::size_t generations_;
  std::size_t part_;  // bytes of one thread
  SizeTable sizes_;
  MappedArray<LaneState> states_;  // by lane
  SpinBarrier barrier_;
  WatchAfterFree watch_;
};

const Registration kRegistration{
    {
        .name = "memory/thread-exit",
        .summary =
            "Many threads come and go, each with its caches, and leave some of their blocks to the "
            "next",
        .operation = "one object allocated, touched, checked and freed",
        .shape = Shape::kScripted,
        .variants = {{.name = "malloc", .description = "malloc and free"}},
        .baseline_variant = "malloc",
        .parameter =
            ParameterInfo{.name = "exits", .unit = "count", .minimum = 1, .maximum = 100'000},
        .threads = {.maximum = 256},
        .smoke = {{.values = {8}, .threads = TierThreads::kAll}},
        .standard = {{.values = {64}}},
        .full = {{.values = {2, 64, 1024}, .threads = TierThreads::kSweep}},
        .expected_seconds = 0.12,
        .seconds_per_parameter = 0.003,
        .most_rounds = 3,
        .live_bytes = {.fixed = kBytes * (1.0 + 1.0 / kLeftOfEvery)},
        .piloted = false,
        .timeline = true,
        .ranked_by = "rss_after_free_100ms_bytes",
        .roles = {"memory-timeline", "resident-per-live"},
    },
    make_workload<ThreadExit>};

}  // namespace
}  // namespace stackheap
