// Each thread, fiber and coroutine has a stack of its own: disjoint, at what price
//
// Models the claim "each thread has its own stack". All lanes together make 256 contexts of one
// kind, at least one each, that are alive at once and wait with one page (4 KiB) of their stack
// written. Where each stack lies is asked of whoever made it: pthread_getattr_np for threads, the
// stack allocator for fibers, operator new of the promise for a coroutine's frame. No two of the
// ranges overlap, the lanes' own stacks among them, each context's page is in its own range, and
// holds what it wrote when it is resumed.
//
// One operation is one context; its making (until its page is written), its memory and its end are
// reported as create_ns, destroy_ns and rss_per_stack_bytes, the price of one more. One context is
// made and ended before, so what a library does once is not in it; glibc keeps that thread's stack
// for the next. Resident bytes are counted page by page, process-wide; the kernel's own share is
// not in them.
//
// Good: a coroutine, whose frame is what it needs (4 KiB and a little), and mapped stacks, of which
// two pages are resident: the array of 4 KiB does not begin at a page. Stacks from malloc or a pool
// add the pages that hold the heap's or the pool's own links. Bad: much more resident than the page
// in use, or a creation that takes as long as the work it is for. Ranges that overlap fail the
// check.
#include <algorithm>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "harness/base/clock.hpp"
#include "harness/measure/memory.hpp"
#include "harness/measure/spin_barrier.hpp"
#include "harness/worker/fault_hook.hpp"
#include "harness/worker/script.hpp"
#include "harness/worker/workload.hpp"
#include "suites/common/kind_choice.hpp"
#include "suites/common/stack_kinds.hpp"
#include "suites/stack/occupants.hpp"

namespace stackheap {
namespace {

constexpr unsigned kContexts = 256;  // of all lanes
constexpr unsigned kMostLanes = 256;

template <class Home>
class Own {
 public:
  explicit Own(const CellSpec& spec)
      : each_(std::max(1U, kContexts / spec.threads)),
        lanes_(spec.threads),
        barrier_(spec.threads) {
    require_stacks(stack_kind(spec.variant), std::uint64_t{each_} * spec.threads);
  }

  void run(Script& script) {
    for (LaneState& state : lanes_) {
      state.occupants = MappedArray<Occupant>(each_);
      state.homes = MappedArray<Home>(each_);
    }
    script.run_lanes([&](LaneThread& thread) { live(script, thread.lane()); });
    check(script);
    const double contexts = static_cast<double>(each_ * lanes_.size());
    std::uint64_t create_ns = 0;
    std::uint64_t destroy_ns = 0;
    for (const LaneState& state : lanes_) {
      create_ns += state.create_ns;
      destroy_ns += state.destroy_ns;
    }
    script.report("create_ns", static_cast<double>(create_ns) / contexts);
    script.report("destroy_ns", static_cast<double>(destroy_ns) / contexts);
    if (resident_before_ && resident_with_) {
      script.report("rss_per_stack_bytes", (static_cast<double>(*resident_with_) -
                                            static_cast<double>(*resident_before_)) /
                                               contexts);
    }
  }

 private:
  struct alignas(2 * kCacheLine) LaneState {
    MappedArray<Occupant> occupants;
    MappedArray<Home> homes;
    StackRange own_stack;
    std::uint64_t create_ns = 0;
    std::uint64_t destroy_ns = 0;
  };

  void live(Script& script, Lane& lane) {
    LaneState& state = lanes_[lane.index];
    const bool leads = lane.index == 0;
    const Fault fault = leads ? planted_fault() : Fault::kNone;
    state.own_stack = stack_of_this_thread();
    typename Home::Maker maker;
    make_and_end_one(maker);
    barrier_.arrive_and_wait();
    if (leads) resident_before_ = count_resident_bytes();
    barrier_.arrive_and_wait();

    std::uint64_t start = monotonic_ns();
    for (unsigned i = 0; i < each_; ++i) {
      state.occupants[i].value = static_cast<unsigned char>(lane.index + i + 1);
      state.homes[i].start(maker, state.occupants[i]);
    }
    state.create_ns = monotonic_ns() - start;
    const std::size_t bytes = maker.bytes();
    lane.allocated(each_ * bytes);
    barrier_.arrive_and_wait();
    if (leads) {
      resident_with_ = count_resident_bytes();
      std::int64_t live_bytes = 0;
      for (const Lane& other : script.lanes()) live_bytes += other.live_bytes;
      script.note_live_bytes(live_bytes);
    }
    barrier_.arrive_and_wait();

    for (Home& home : state.homes) home.resume();
    if (fault == Fault::kFlipByte) *state.occupants[0].page ^= 0xffU;
    if (fault == Fault::kDrop) state.occupants[0].range = state.own_stack;
    start = monotonic_ns();
    for (Home& home : state.homes) home.end(maker);
    state.destroy_ns = monotonic_ns() - start;
    lane.freed((each_ - (fault == Fault::kSkipFree ? 1 : 0)) * bytes);
  }

  static void make_and_end_one(typename Home::Maker& maker) {
    Occupant occupant;
    Home home;
    home.start(maker, occupant);
    home.resume();
    home.end(maker);
  }

  void check(Script& script) {
    std::vector<StackRange> ranges;
    std::int64_t live_bytes = 0;
    for (const Lane& lane : script.lanes()) live_bytes += lane.live_bytes;
    for (const LaneState& state : lanes_) {
      ranges.push_back(state.own_stack);
      for (const Occupant& occupant : state.occupants) {
        if (!occupant.intact) fail("a context's page does not hold what was written");
        ranges.push_back(occupant.range);
        const auto page = reinterpret_cast<std::uintptr_t>(occupant.page);
        if (!occupant.range.contains(page) ||
            !occupant.range.contains(page + Occupant::kBytes - 1)) {
          fail("a context's page is not on its own stack");
        }
      }
    }
    std::sort(ranges.begin(), ranges.end(),
              [](const StackRange& a, const StackRange& b) { return a.low < b.low; });
    for (std::size_t i = 1; i < ranges.size(); ++i) {
      if (ranges[i].low < ranges[i - 1].high) fail("two stacks overlap");
    }
    if (live_bytes != 0) fail(std::to_string(live_bytes) + " bytes of stacks were not given back");
  }

  [[noreturn]] static void fail(const std::string& what) {
    throw CheckFailed("stack/own: " + what);
  }

  unsigned each_;
  MappedArray<LaneState> lanes_;
  SpinBarrier barrier_;
  std::optional<std::uint64_t> resident_before_;  // written by lane 0 between two barriers
  std::optional<std::uint64_t> resident_with_;
};

constexpr std::tuple kWithoutFiber{KindClass<StackHome<ThreadContext<true>>>{"thread"},
                                   KindClass<StackHome<ThreadContext<false>>>{"thread-small-stack"},
                                   KindClass<CoroutineHome>{"coroutine"}};

const Registration kRegistration{
    {
        .name = "stack/own",
        .summary = "Each thread, fiber and coroutine has a stack of its own: disjoint, at what "
                   "price",
        .operation = "one context made, alive with one page of its stack in use, and ended",
        .shape = Shape::kScripted,
        .variants =
            stack_kind_variants(/*threads_use_heap=*/true, {"ucontext", "tbb-task", "call"}),
        .baseline_variant = "thread",
        .threads = {.maximum = kMostLanes},
        .smoke = {{.threads = TierThreads::kOne}},
        .quick = {},
        .standard = {{.threads = TierThreads::kAll, .allocators = TierAllocators::kBaseline}},
        .full = {{.threads = TierThreads::kOneAndAll}},
        .expected_seconds = 0.005,
        .live_bytes = {.fixed = double{kContexts} * kFiberStackBytes},
        .piloted = false,
        .ranked_by = "create_ns",
        .roles = {"stack-kinds"},
        .claims = {opening(verified(9, {},
                                    "the address ranges of all live stacks were disjoint in {}")),
                   told(9, {}, "create_ns", "one more cost {}"),
                   told(9, {}, "rss_per_stack_bytes", "resident of one more were {}")},
    },
    make_workload_of_kind<Own, FiberHome, kWithoutFiber>};

}  // namespace
}  // namespace stackheap
