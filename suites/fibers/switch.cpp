// Contexts are resumed one after the other and come back: the price of a switch.
//
// Models a scheduler over `live` suspended sessions: each lane resumes its contexts round robin,
// and each does nothing but count its turn and suspend again. The variants are kinds of context:
// fibers (Boost.Context, after the fast context switch of O. Kowalke's library) that differ in
// where their stacks come from, POSIX threads that pass a futex to and fro, C++20 coroutines,
// ucontext, and a plain call as the floor. Their stacks are 64 KiB, except where the kind says
// otherwise.
//
// Good: the time stays near that of one live context. Bad: it climbs with `live`, as one cache line
// and one TLB entry for each stack no longer fit; page-aligned stacks climb first, because their
// top frames all fall into the same cache sets. Threads pay for the kernel's scheduler: two
// wake-ups an operation, and only the lane's own half of them is in its CPU columns, the rest is
// blocked time. A lane's threads inherit its pinning and so share its CPU; unpinned, they may run
// on another, and the time is that of waking it.
//
// One operation: one resume and the return from it, which is two switches; switch_ns is half of
// ns_per_op.
//
// No tbb-task here: a task runs to its end and cannot be come back to; oneTBB's suspended tasks are
// resumed by its scheduler, not by the caller. The stacks are obtained before the first window, and
// where they lie in memory is what an allocator changes here; threads' stacks are never on the
// heap.
#include <atomic>
#include <optional>
#include <string>
#include <tuple>

#include "harness/worker/fault_hook.hpp"
#include "harness/worker/workload.hpp"
#include "suites/common/kind_choice.hpp"
#include "suites/fibers/turns.hpp"

namespace stackheap {
namespace {

using namespace turns;

// One lane's contexts. Ends those that are still alive with itself.
template <class Turns>
class Crew {
 public:
  Crew(std::size_t live, std::uint64_t seed) : seats_(live), members_(live) {
    for (Seat& seat : seats_) {
      seat.stop = &stop_;
      seat.canary = splitmix64(seed);
    }
  }
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;
  ~Crew() { end_from(0, nullptr); }

  void start(Lane& lane) {
    for (std::size_t i = 0; i < seats_.size(); ++i) {
      members_[i].start(maker_, seats_[i]);
      seats_[i].alive = true;
      lane.allocated(seats_[i].bytes);
    }
  }

  void resume_in_turn(std::uint64_t n) {
    const std::size_t live = members_.size();
    std::size_t member = next_;
    for (std::uint64_t i = 0; i < n; ++i) {
      members_[member].resume();
      if (++member == live) member = 0;
    }
    next_ = member;
    resumes_ += n;
  }

  // What is wrong, or nothing.
  std::string complaint() const {
    for (std::size_t i = 0; i < seats_.size(); ++i) {
      const Local& local = *seats_[i].local;
      if (local.canary != seats_[i].canary) {
        return "the stack of context " + std::to_string(i) + " was overwritten";
      }
      const std::uint64_t due = resumes_ / seats_.size() + (i < next_ ? 1U : 0U);
      if (local.turns != due) {
        return "context " + std::to_string(i) + " counted " + std::to_string(local.turns) +
               " turns of " + std::to_string(due);
      }
    }
    return {};
  }

  Local& local(std::size_t member) { return *seats_[member].local; }

  // `lane` may be null.
  void end_from(std::size_t first, Lane* lane) {
    stop_.store(true, std::memory_order_relaxed);
    for (std::size_t i = first; i < seats_.size(); ++i) {
      if (!seats_[i].alive) continue;
      seats_[i].alive = false;
      members_[i].end(maker_);
      if (lane != nullptr) lane->freed(seats_[i].bytes);
    }
  }

 private:
  typename Turns::Maker maker_;
  MappedArray<Seat> seats_;
  MappedArray<Turns> members_;
  std::size_t next_ = 0;
  std::uint64_t resumes_ = 0;
  alignas(2 * kCacheLine) std::atomic<bool> stop_{false};
};

template <class Turns>
class Switch {
 public:
  explicit Switch(const CellSpec& spec)
      : live_(static_cast<std::size_t>(spec.parameter)), crews_(spec.threads) {
    require_stacks(stack_kind(spec.variant), live_ * spec.threads);
  }

  void setup(Lane& lane) {
    crews_[lane.index].emplace(live_, lane.random());
    crews_[lane.index]->start(lane);
  }
  void step(Lane& lane, std::uint64_t n) { crews_[lane.index]->resume_in_turn(n); }

  void verify(Lane& lane) {
    std::optional<Crew<Turns>>& crew = crews_[lane.index];
    const Fault fault = lane.index == 0 ? planted_fault() : Fault::kNone;
    if (fault == Fault::kFlipByte) crew->local(0).canary ^= 0xffU;
    if (fault == Fault::kDrop) --crew->local(0).turns;
    std::string complaint = crew->complaint();
    crew->end_from(fault == Fault::kSkipFree ? 1 : 0, &lane);
    crew.reset();
    if (complaint.empty() && lane.live_bytes != 0) {
      complaint = std::to_string(lane.live_bytes) + " bytes of stacks were not given back";
    }
    if (!complaint.empty()) throw CheckFailed("fibers/switch: " + complaint);
  }

 private:
  std::size_t live_;
  MappedArray<std::optional<Crew<Turns>>> crews_;
};

constexpr std::tuple kWithoutFiber{
    KindClass<StackTurns<ThreadContext<true>>>{"thread"},
    KindClass<StackTurns<ThreadContext<false>>>{"thread-small-stack"},
    KindClass<CoroutineTurns>{"coroutine"}, KindClass<StackTurns<UcontextContext>>{"ucontext"},
    KindClass<CallTurns>{"call"}};

const Registration kRegistration{
    {
        .name = "fibers/switch",
        .summary = "Contexts are resumed one after the other and come back: the price of a switch.",
        .operation = "one resume and the return from it: two switches",
        .shape = Shape::kWindowed,
        .variants = stack_kind_variants(/*threads_use_heap=*/false, {"tbb-task"}),
        .baseline_variant = "fiber-pooled",
        .parameter =
            ParameterInfo{.name = "live", .unit = "count", .minimum = 1, .maximum = 10'000},
        .smoke = {{.values = {1}, .threads = TierThreads::kOne}},
        .quick = {{.values = {100},
                   .threads = TierThreads::kOne,
                   .allocators = TierAllocators::kBaseline}},
        .standard = {{.values = {1, 100, 10'000},
                      .threads = TierThreads::kOne,
                      .allocators = TierAllocators::kBaseline}},
        .full = {{.values = {1, 10, 100, 1'000, 10'000}, .threads = TierThreads::kOneAndAll}},
        .expected_seconds = 0.08,
        .live_bytes = {.per_thread_and_parameter = kFiberStackBytes},
        .switches_per_operation = 2,
        .roles = {"stack-kinds"},
    },
    make_workload_of_kind<Switch, FiberTurns, kWithoutFiber>};

}  // namespace
}  // namespace stackheap
