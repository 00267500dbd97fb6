// Deep recursion on a warm or a fresh stack, against a linked list on the heap
//
// Models recursive descent (a parser, a tree walk, a depth-first search) and its usual rewrite with
// an explicit list. Each frame holds 256 bytes beside its return address and saved registers, links
// to its caller's, and is read on the way back; the list has nodes of the same content, each from
// malloc, pushed and popped at the same end.
//
// One operation is one way down through `depth` nodes and back: divide by the depth for one node.
// Operation i adds i modulo 256 to all values, so that a node which keeps older content shows in
// the sum.
//
// `frames-warm`: the lane's own stack, whose pages are there. `frames-cold`: a fresh thread for
// each operation. glibc hands a dead thread's stack to the next one but has given its pages back
// (MADV_DONTNEED), so each descent pays the first touch of its pages; at depth 10 it is the price
// of the thread alone. What the fresh threads spend shows in the time, not in the columns that are
// read for a lane's own thread (CPU time, faults). `-clash`: the same code compiled with
// -fstack-clash-protection. Frames of 256 B are below a page, and need and get no probe: a
// difference is noise, and that it is none is the result. stack/frame has the frames that get some.
//
// Before the windows one descent is traced: frames lie on one side of their caller's, do not
// overlap and are left in the reverse order, last in first out; stack_growth tells the direction.
//
// Good: frames-warm near `no-alloc`, the list in memory that is there. Bad: deep cold descents
// above the list: a fresh stack costs a fault a page, which a warm heap has behind it.
#include <pthread.h>

#include <algorithm>
#include <optional>
#include <string>

#include "harness/base/mapped.hpp"
#include "harness/worker/fault_hook.hpp"
#include "harness/worker/reporter.hpp"
#include "harness/worker/variant.hpp"
#include "harness/worker/workload.hpp"
#include "suites/common/posix_thread.hpp"
#include "suites/common/stack_kinds.hpp"
#include "suites/common/stack_range.hpp"
#include "suites/stack/node_list.hpp"
#include "suites/stack/nodes.hpp"
#include "suites/stack/stack_clash.hpp"

namespace stackheap {
namespace {

constexpr std::uint64_t kSalts = 256;
// Of one frame, at most, in any build; and for what is above and below the descent.
constexpr std::size_t kFrameAllowance = 640;
constexpr std::size_t kStackReserve = std::size_t{64} << 10U;

enum class Kind { kWarm, kCold, kWarmClash, kColdClash, kHeapList, kNoAlloc };
constexpr VariantName<Kind> kKinds[] = {
    {"frames-warm", Kind::kWarm},
    {"frames-cold", Kind::kCold},
    {"frames-warm-clash", Kind::kWarmClash},
    {"frames-cold-clash", Kind::kColdClash},
    {"heap-list", Kind::kHeapList},
    {"no-alloc", Kind::kNoAlloc},
};
struct Plain {};

std::uint64_t descend_in_fresh_thread(const ThreadAttributes& attributes, Descent descent,
                                      std::uint64_t depth, std::uint64_t salt, Trace* trace) {
  struct Order {
    Descent descent;
    std::uint64_t depth;
    std::uint64_t salt;
    Trace* trace;
    std::uint64_t sum;
  };
  Order order{descent, depth, salt, trace, 0};
  const auto body = [](void* argument) -> void* {
    Order& given = *static_cast<Order*>(argument);
    given.sum = given.descent(nullptr, given.depth, given.salt, given.trace);
    return nullptr;
  };
  join_thread(attributes.start(body, &order));
  return order.sum;
}

class Depth {
 public:
  explicit Depth(const CellSpec& spec)
      : kind_(variant_of(spec, kKinds)),
        depth_(static_cast<std::uint64_t>(spec.parameter)),
        descents_(kind_ == Kind::kWarmClash || kind_ == Kind::kColdClash ? stack_clash::descents()
                                                                         : descents_built<Plain>()),
        states_(spec.threads) {
    if (is_cold()) require_stacks(stack_kind("thread"), spec.threads);
  }

  void setup(Lane& lane) {
    State& state = states_[lane.index];
    if (is_cold()) require_stack(fresh_threads_.stack_bytes());
    if (is_warm()) {
      const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
      require_stack(here - stack_of_this_thread().low);
    }
    if (kind_ == Kind::kNoAlloc) state.nodes = MappedArray<Node>(depth_);
    state.trace.emplace(is_list() ? Trace::Place::kHeap : Trace::Place::kFrames, depth_);
    if (kind_ == Kind::kHeapList) lane.allocated(depth_ * sizeof(Node));
    lane.checksum = one_way(state, 0, &*state.trace);
    lane.counter = 1;
    if (kind_ == Kind::kHeapList) lane.freed(depth_ * sizeof(Node));
    const Fault fault = planted_fault();
    if (fault == Fault::kFlipByte) lane.checksum ^= 1U;
    if (fault == Fault::kDrop) ++lane.counter;
    if (fault == Fault::kSkipFree) state.trace->forget_the_last_way_back();
  }

  void step(Lane& lane, std::uint64_t n) {
    State& state = states_[lane.index];
    switch (kind_) {
      case Kind::kWarm:
      case Kind::kWarmClash:
        return repeat(lane, n, [&](std::uint64_t salt) {
          return descents_.plain(nullptr, depth_, salt, nullptr);
        });
      case Kind::kCold:
      case Kind::kColdClash:
        return repeat(lane, n, [&](std::uint64_t salt) {
          return descend_in_fresh_thread(fresh_threads_, descents_.plain, depth_, salt, nullptr);
        });
      case Kind::kHeapList:
        return repeat(lane, n, [&](std::uint64_t salt) {
          return push_and_pop<false>(HeapNodes{}, depth_, salt, nullptr);
        });
      case Kind::kNoAlloc:
        return repeat(lane, n, [&](std::uint64_t salt) {
          return push_and_pop<false>(MappedNodes{state.nodes.data()}, depth_, salt, nullptr);
        });
    }
  }

  void report(Reporter& reporter) {
    if (is_list()) return;
    reporter.report_text("stack_growth", states_[0].trace->grows_down() ? "down" : "up");
  }

  void verify(Lane& lane) {
    State& state = states_[lane.index];
    const std::string complaint = state.trace->complaint();
    state.trace.reset();
    state.nodes = MappedArray<Node>();
    std::uint64_t expected = 0;
    for (std::uint64_t salt = 0; salt < std::min(kSalts, lane.counter); ++salt) {
      expected += sum_of_descent(depth_, salt) * ((lane.counter - salt + kSalts - 1) / kSalts);
    }
    if (!complaint.empty()) fail(lane, complaint);
    if (lane.checksum != expected) {
      fail(lane, std::to_string(lane.counter) + " descents read back " +
                     std::to_string(lane.checksum) + " instead of " + std::to_string(expected));
    }
  }

 private:
  struct alignas(2 * kCacheLine) State {
    std::optional<Trace> trace;
    MappedArray<Node> nodes;  // of no-alloc
  };

  bool is_warm() const { return kind_ == Kind::kWarm || kind_ == Kind::kWarmClash; }
  bool is_cold() const { return kind_ == Kind::kCold || kind_ == Kind::kColdClash; }
  bool is_list() const { return !is_warm() && !is_cold(); }

  void require_stack(std::size_t available) const {
    const std::size_t needed = depth_ * kFrameAllowance + kStackReserve;
    if (needed <= available) return;
    throw CannotRun(std::to_string(depth_) + " frames may need " + std::to_string(needed) +
                    " B of stack, " + std::to_string(available) +
                    " B are left: raise the limit (ulimit -s)");
  }

  // One operation whose way is recorded.
  std::uint64_t one_way(State& state, std::uint64_t salt, Trace* trace) {
    if (is_warm()) return descents_.traced(nullptr, depth_, salt, trace);
    if (is_cold()) {
      return descend_in_fresh_thread(fresh_threads_, descents_.traced, depth_, salt, trace);
    }
    if (kind_ == Kind::kHeapList) return push_and_pop<true>(HeapNodes{}, depth_, salt, trace);
    return push_and_pop<true>(MappedNodes{state.nodes.data()}, depth_, salt, trace);
  }

  template <class Operation>
  static void repeat(Lane& lane, std::uint64_t n, Operation operation) {
    std::uint64_t sum = 0;
    for (std::uint64_t i = 0; i < n; ++i) sum += operation((lane.counter + i) % kSalts);
    lane.counter += n;
    lane.checksum += sum;
  }

  [[noreturn]] static void fail(const Lane& lane, const std::string& what) {
    throw CheckFailed("stack/depth: lane " + std::to_string(lane.index) + ": " + what);
  }

  Kind kind_;
  std::uint64_t depth_;
  Descents descents_;
  ThreadAttributes fresh_threads_{0};  // the default stack size
  MappedArray<State> states_;          // by lane
};

const Registration kRegistration{
    {
        .name = "stack/depth",
        .summary = "Deep recursion on a warm or a fresh stack, against a linked list on the heap",
        .operation = "one way down through all frames or nodes and back",
        .shape = Shape::kWindowed,
        .variants =
            {
                {.name = "frames-warm",
                 .description = "recursion on the lane's own stack",
                 .uses_heap = false},
                {.name = "frames-cold",
                 .description = "recursion on the stack of a fresh thread, started and joined; its "
                                "start and end call malloc and free"},
                {.name = "frames-warm-clash",
                 .description = "frames-warm compiled with -fstack-clash-protection",
                 .uses_heap = false},
                {.name = "frames-cold-clash",
                 .description = "frames-cold compiled with -fstack-clash-protection"},
                {.name = "heap-list",
                 .description = "a linked list, each node by malloc, pushed and popped"},
                {.name = "no-alloc",
                 .description = "the same list in memory that is there",
                 .uses_heap = false},
            },
        .baseline_variant = "frames-warm",
        .parameter =
            ParameterInfo{.name = "depth", .unit = "count", .minimum = 10, .maximum = 10'000},
        .smoke = {{.variants = {"frames-warm"}, .values = {10}},
                  {.values = {10}, .threads = TierThreads::kOne}},
        .quick = {},
        .standard = {{.variants = {"frames-warm", "heap-list", "no-alloc"}, .values = {10'000}},
                     {.variants = {"frames-cold", "frames-warm-clash", "frames-cold-clash"},
                      .values = {10'000},
                      .threads = TierThreads::kOne,
                      .allocators = TierAllocators::kBaseline},
                     {.variants = {"frames-warm", "frames-cold", "heap-list"},
                      .values = {100},
                      .threads = TierThreads::kOne,
                      .allocators = TierAllocators::kBaseline}},
        .full = {{.values = {10, 100, 1'000, 10'000}, .threads = TierThreads::kSweep}},
        .live_bytes = {.per_thread_and_parameter = 2.0 * Node::kBytes},
        .roles = {"stack-against-heap"},
        .claims = {opening(verified(
                       1, {"frames-warm", "frames-cold", "frames-warm-clash", "frames-cold-clash"},
                       "each frame lay beside its caller's and was intact on the way back in {}")),
                   said(1, {"frames-warm"}, "stack_growth", "", "the stack grew {}"),
                   takes_longer(2, {"heap-list"}, "frames-warm",
                                "a linked list cost {} times a recursion"),
                   time_ratio(2, {"heap-list"}, "frames-cold",
                              "it cost {} times one on a fresh stack")},
    },
    make_workload<Depth>};

}  // namespace
}  // namespace stackheap
