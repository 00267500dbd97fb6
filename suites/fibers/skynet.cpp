// Contexts fan out by ten down to a number of leaves, all alive until joined, and add up.
//
// Models fork and join without a grain: the "million-task" microbenchmark skynet (A. Temerev,
// 2016), with its fan-out of 10. The root makes ten children, each of these ten more, down to the
// leaves; a leaf answers with its number, everyone else with the sum of its children. Here every
// context waits, the leaves too, until its parent joins it: the whole tree of `leaves` leaves (and
// a ninth as many inner nodes) is alive at once, where the original lets a leaf end as it likes.
// Each lane grows its own trees, one after the other, on stacks of 64 KiB.
//
// `thread` starts its threads within each other like all the rest, and one runs at a time.
// `tbb-task` runs in an arena of one thread and does not wait: the tasks not yet begun are what is
// alive of it. `call` is the plain recursion, the floor.
//
// Good: near the call, and the same time for a leaf however large the tree. Bad: it climbs with
// `leaves` (fresh pages for each stack, or the stacks in use no longer fit the caches), or with the
// threads (the allocator of the stacks, or mmap_lock, has a queue).
//
// One operation: one leaf, with its share of the inner nodes. A lane's share is whole trees;
// uncounted operations are smaller trees.
#include <optional>
#include <string>
#include <tuple>

#include "harness/worker/fault_hook.hpp"
#include "harness/worker/workload.hpp"
#include "suites/common/kind_choice.hpp"
#include "suites/fibers/skynet_nodes.hpp"

namespace stackheap {
namespace {

using namespace skynet;

template <class Node>
class Skynet {
 public:
  explicit Skynet(const CellSpec& spec)
      : leaves_(static_cast<std::uint64_t>(spec.parameter)), parts_(spec.threads) {
    const StackKind& kind = stack_kind(spec.variant);
    const std::uint64_t nodes = (leaves_ + leaves_ / 9 + 1) * spec.threads;
    require_stacks(kind, nodes);
    require_holes(kind, nodes, spec.threads);
  }

  void setup(Lane& lane) { parts_[lane.index].maker.emplace(kFiberStackBytes); }
  std::uint64_t lot() const { return leaves_; }

  void step(Lane& lane, std::uint64_t n) {
    Part& part = parts_[lane.index];
    while (n != 0) {
      const Leaves tree{.first = 0, .count = std::min(n, leaves_)};
      grow(part, tree);
      n -= tree.count;
    }
  }

  void verify(Lane& lane) {
    Part& part = parts_[lane.index];
    const Tree& tree = part.tree;
    const Fault fault = lane.index == 0 ? planted_fault() : Fault::kNone;
    if (fault == Fault::kFlipByte) part.sum ^= 1U;
    if (fault == Fault::kDrop) --part.tree.leaves;
    if (fault == Fault::kSkipFree) --part.tree.joined;
    part.maker.reset();
    if (tree.leaves != part.due_leaves) {
      fail(std::to_string(tree.leaves) + " leaves ran of " + std::to_string(part.due_leaves));
    }
    if (part.sum != part.due_sum) fail("the leaves do not add up");
    if (part.dead_too_soon != 0) {
      fail(std::to_string(part.dead_too_soon) +
           " trees were not all alive before they were joined");
    }
    if (tree.joined != tree.started) {
      fail(std::to_string(tree.started - tree.joined) + " contexts were not joined");
    }
    if (Node::kIsCoroutine && tree.frames != tree.started) {
      fail("the frames of " + std::to_string(tree.started - tree.frames) +
           " coroutines were elided");
    }
  }

 private:
  struct alignas(2 * kCacheLine) Part {
    std::optional<typename Node::Maker> maker;
    Tree tree;  // of all that the lane has grown
    std::uint64_t sum = 0;
    std::uint64_t due_sum = 0;
    std::uint64_t due_leaves = 0;
    std::uint64_t dead_too_soon = 0;  // trees
  };

  void grow(Part& part, Leaves leaves) {
    Tree& tree = part.tree;
    const std::uint64_t joined = tree.joined;
    part.due_leaves += leaves.count;
    part.due_sum += leaves.sum();
    part.sum += Node::add_up(*part.maker, tree, leaves, [&] {
      if (tree.leaves != part.due_leaves || tree.joined != joined) ++part.dead_too_soon;
    });
    if (tree.failure) std::rethrow_exception(tree.failure);
  }

  [[noreturn]] static void fail(const std::string& what) {
    throw CheckFailed("fibers/skynet: " + what);
  }

  std::uint64_t leaves_;
  MappedArray<Part> parts_;  // by lane
};

constexpr std::tuple kWithoutFiber{KindClass<StackNode<ThreadContext<true>>>{"thread"},
                                   KindClass<StackNode<ThreadContext<false>>>{"thread-small-stack"},
                                   KindClass<CoroutineNode>{"coroutine"},
                                   KindClass<StackNode<UcontextContext>>{"ucontext"},
                                   KindClass<TaskNode>{"tbb-task"},
                                   KindClass<CallNode>{"call"}};

const Registration kRegistration{
    {
        .name = "fibers/skynet",
        .summary = "Contexts fan out by ten down to a number of leaves, all alive until joined, "
                   "and add up.",
        .operation = "one leaf made, waited for and added up, with its share of the inner nodes",
        .shape = Shape::kWindowed,
        .variants = stack_kind_variants(/*threads_use_heap=*/true),
        .baseline_variant = "fiber-pooled",
        .parameter =
            ParameterInfo{.name = "leaves", .unit = "count", .minimum = 10, .maximum = 1'000'000},
        .smoke = {{.values = {10}, .threads = TierThreads::kOne}},
        .quick = {},
        .standard = {{.variants = {"fiber-fixedsize", "coroutine"},
                      .values = {1'000},
                      .threads = TierThreads::kAll},
                     {.variants = {"fiber-pooled", "fiber-fixedsize", "fiber-mmap", "coroutine",
                                   "tbb-task", "call"},
                      .values = {10'000},
                      .threads = TierThreads::kOne,
                      .allocators = TierAllocators::kBaseline}},
        .full = {{.values = {1'000, 10'000, 100'000}, .threads = TierThreads::kOneAndAll}},
        // A fiber on a mapped stack takes some 5 us a leaf, and there are about 20 windows.
        .expected_seconds = 0.11,
        .seconds_per_parameter = 0.00005,
        // Of each stack the pages that are touched, as in fibers/live.
        .live_bytes = {.per_thread_and_parameter = 3 * 4096 * 10 / 9.0},
        .roles = {"stack-kinds"},
    },
    make_workload_of_kind<Skynet, FiberNode, kWithoutFiber>};

}  // namespace
}  // namespace stackheap
