// A tree of boxes (std::unique_ptr) is built, walked and destroyed; and a linked list
//
// Models what textbooks show as "a value on the heap": each node is one allocation, owned by the
// node above it, and outlives the function that made it. A balanced binary tree that is built,
// walked and dropped again and again is the pattern of GCBench (J. Ellis, P. Kovac and H. Boehm,
// 1997) and of "binary-trees" in the Computer Language Benchmarks Game. `tree` has two boxes and a
// value in a node (24 B) and is built and destroyed by recursion, as unique_ptr does it by itself.
// `list` has one box and a value (16 B); it is destroyed in a loop, because the recursion that
// unique_ptr would do ends in a stack overflow at some hundred thousand nodes.
//
// One operation is one structure of the parameter's number of nodes: the last one destroyed, a new
// one built and walked. One structure is live between operations.
//
// Good: near `no-alloc`, as all nodes have one size and come and go together. Bad: time that grows
// faster than the number of nodes: what a thread's cache of free blocks holds is passed, or the
// nodes of a new structure are scattered over those of the old one, and the walk misses the cache.
//
// `no-alloc` is `tree` with nodes that lie in one array, in the order of their making.
//
// The walk is part of the pattern, and what it sums up depends on the order of the nodes; it is
// compared with the sum that the same numbering gives without nodes, once a structure.
#include <memory>
#include <string>
#include <utility>

#include "harness/base/mapped.hpp"
#include "harness/worker/fault_hook.hpp"
#include "harness/worker/variant.hpp"
#include "harness/worker/workload.hpp"

namespace stackheap {
namespace {

enum class Kind { kTree, kList, kNoAlloc };
constexpr VariantName<Kind> kKinds[] = {
    {"tree", Kind::kTree}, {"list", Kind::kList}, {"no-alloc", Kind::kNoAlloc}};

template <template <class> class Deleter>
struct TreeNode {
  std::unique_ptr<TreeNode, Deleter<TreeNode>> left;
  std::unique_ptr<TreeNode, Deleter<TreeNode>> right;
  std::uint64_t value = 0;
};

template <class Node>
struct DestroyInPlace {
  void operator()(Node* node) const { std::destroy_at(node); }
};

using HeapTree = TreeNode<std::default_delete>;
using PlacedTree = TreeNode<DestroyInPlace>;

struct ListNode {
  std::unique_ptr<ListNode> next;
  std::uint64_t value = 0;
};

// Nodes are numbered from 1, in the order of their making.
template <class Node>
struct HeapNodes {
  std::uint64_t made = 0;
  std::unique_ptr<Node> make() {
    auto node = std::make_unique<Node>();
    escape(node.get());
    node->value = ++made;
    return node;
  }
};

struct PlacedNodes {
  PlacedTree* place = nullptr;
  std::uint64_t made = 0;
  std::unique_ptr<PlacedTree, DestroyInPlace<PlacedTree>> make() {
    std::unique_ptr<PlacedTree, DestroyInPlace<PlacedTree>> node(new (place + made) PlacedTree);
    escape(node.get());
    node->value = ++made;
    return node;
  }
};

// Above, then left, then right. The recursion is as deep as the tree, the binary logarithm of its
// nodes.
template <class Nodes>
auto build_tree(Nodes& nodes, std::uint64_t count) -> decltype(nodes.make()) {
  if (count == 0) return nullptr;
  auto node = nodes.make();
  const std::uint64_t left = (count - 1) / 2;
  node->left = build_tree(nodes, left);
  node->right = build_tree(nodes, count - 1 - left);
  return node;
}

// Into a list that outlives an exception: on the way out of here it would be destroyed by
// recursion.
void build_list(std::unique_ptr<ListNode>& head, std::uint64_t count) {
  HeapNodes<ListNode> nodes;
  for (std::uint64_t i = 0; i < count; ++i) {
    auto node = nodes.make();
    node->next = std::move(head);
    head = std::move(node);
  }
}

void destroy_list(std::unique_ptr<ListNode>& head) {
  while (head != nullptr) head = std::move(head->next);
}

constexpr std::uint64_t add_value(std::uint64_t sum, std::uint64_t value) {
  return sum * 31 + value;
}

// Left, then the node itself, then right.
template <class Node>
std::uint64_t walk_tree(const Node* node, std::uint64_t sum) {
  if (node == nullptr) return sum;
  sum = add_value(walk_tree(node->left.get(), sum), node->value);
  return walk_tree(node->right.get(), sum);
}

std::uint64_t walk_list(const ListNode* node) {
  std::uint64_t sum = 0;
  for (; node != nullptr; node = node->next.get()) sum = add_value(sum, node->value);
  return sum;
}

// What a walk gives: build_tree() and walk_tree() in one, without a tree.
std::uint64_t expected_of_tree(std::uint64_t count, std::uint64_t& made, std::uint64_t sum) {
  if (count == 0) return sum;
  const std::uint64_t value = ++made;
  const std::uint64_t left = (count - 1) / 2;
  sum = add_value(expected_of_tree(left, made, sum), value);
  return expected_of_tree(count - 1 - left, made, sum);
}

std::uint64_t expected_of_list(std::uint64_t count) {
  std::uint64_t sum = 0;
  for (std::uint64_t value = count; value > 0; --value) sum = add_value(sum, value);
  return sum;
}

// The first leaf on the left is taken away.
template <class Box>
void drop_leaf(Box& root) {
  Box* box = &root;
  while ((*box)->left != nullptr || (*box)->right != nullptr) {
    box = (*box)->left != nullptr ? &(*box)->left : &(*box)->right;
  }
  box->reset();
}

struct alignas(2 * kCacheLine) LaneState {
  MappedArray<unsigned char> place;  // of no-alloc; before the tree that lies in it
  std::unique_ptr<HeapTree> tree;
  std::unique_ptr<ListNode> list;
  std::unique_ptr<PlacedTree, DestroyInPlace<PlacedTree>> placed;
  std::uint64_t built = 0;
  std::uint64_t wrong = 0;  // walks that gave another sum
};

class Boxes {
 public:
  explicit Boxes(const CellSpec& spec)
      : nodes_(static_cast<std::uint64_t>(spec.parameter)),
        kind_(variant_of(spec, kKinds)),
        node_bytes_(kind_ == Kind::kList ? sizeof(ListNode) : sizeof(HeapTree)),
        states_(spec.threads) {
    std::uint64_t made = 0;
    expected_ = kind_ == Kind::kList ? expected_of_list(nodes_) : expected_of_tree(nodes_, made, 0);
  }
  Boxes(const Boxes&) = delete;
  Boxes& operator=(const Boxes&) = delete;
  ~Boxes() {
    for (LaneState& state : states_) destroy_list(state.list);
  }

  // Three structures, so that a new one meets the free blocks of others.
  void setup(Lane& lane) {
    LaneState& state = states_[lane.index];
    if (kind_ == Kind::kNoAlloc) {
      state.place = MappedArray<unsigned char>(nodes_ * sizeof(PlacedTree));
    }
    lane.allocated(nodes_ * node_bytes_);
    step(lane, 3);
  }

  void step(Lane& lane, std::uint64_t n) {
    LaneState& state = states_[lane.index];
    switch (kind_) {
      case Kind::kTree:
        for (std::uint64_t i = 0; i < n; ++i) {
          state.tree.reset();
          HeapNodes<HeapTree> nodes;
          state.tree = build_tree(nodes, nodes_);
          count(state, walk_tree(state.tree.get(), 0));
        }
        break;
      case Kind::kList:
        for (std::uint64_t i = 0; i < n; ++i) {
          destroy_list(state.list);
          build_list(state.list, nodes_);
          count(state, walk_list(state.list.get()));
        }
        break;
      case Kind::kNoAlloc:
        for (std::uint64_t i = 0; i < n; ++i) {
          state.placed.reset();
          PlacedNodes nodes{reinterpret_cast<PlacedTree*>(state.place.data())};
          state.placed = build_tree(nodes, nodes_);
          count(state, walk_tree(state.placed.get(), 0));
        }
        break;
    }
    lane.counter += n;
  }

  void verify(Lane& lane) {
    LaneState& state = states_[lane.index];
    const Fault fault = planted_fault();
    std::uint64_t sum = 0;
    switch (kind_) {
      case Kind::kTree:
        if (fault == Fault::kFlipByte) state.tree->value ^= 0xffU;
        if (fault == Fault::kDrop) drop_leaf(state.tree);
        sum = walk_tree(state.tree.get(), 0);
        state.tree.reset();
        break;
      case Kind::kList:
        if (fault == Fault::kFlipByte) state.list->value ^= 0xffU;
        if (fault == Fault::kDrop) state.list = std::move(state.list->next);
        sum = walk_list(state.list.get());
        destroy_list(state.list);
        break;
      case Kind::kNoAlloc:
        if (fault == Fault::kFlipByte) state.placed->value ^= 0xffU;
        if (fault == Fault::kDrop) drop_leaf(state.placed);
        sum = walk_tree(state.placed.get(), 0);
        state.placed.reset();
        break;
    }
    // Boxes free themselves, so a forgotten free is planted in the count.
    lane.freed((nodes_ - (fault == Fault::kSkipFree ? 1 : 0)) * node_bytes_);
    const char* problem = nullptr;
    if (state.built != lane.counter) problem = "structures were lost";
    if (sum != expected_) problem = "the last structure does not hold what was put into it";
    if (state.wrong != 0) problem = "a walk gave another sum than the structure's numbering";
    if (lane.live_bytes != 0) problem = "not every node was freed";
    if (problem != nullptr) {
      throw CheckFailed("heap/boxes: lane " + std::to_string(lane.index) + ": " + problem);
    }
  }

 private:
  void count(LaneState& state, std::uint64_t sum) const {
    state.wrong += sum == expected_ ? 0U : 1U;
    ++state.built;
  }

  std::uint64_t nodes_;
  Kind kind_;
  std::size_t node_bytes_;
  std::uint64_t expected_ = 0;     // of a walk
  MappedArray<LaneState> states_;  // by lane
};

const Registration kRegistration{
    {
        .name = "heap/boxes",
        .summary =
            "A tree of boxes (std::unique_ptr) is built, walked and destroyed; and a linked list",
        .operation = "one tree or list destroyed and another built and walked",
        .shape = Shape::kWindowed,
        .variants =
            {
                {.name = "tree", .description = "a balanced binary tree, two boxes in a node"},
                {.name = "list", .description = "a linked list, one box in a node"},
                {.name = "no-alloc",
                 .description = "the tree with its nodes in an array that is there",
                 .uses_heap = false},
            },
        .baseline_variant = "tree",
        .parameter =
            ParameterInfo{.name = "nodes", .unit = "count", .minimum = 1, .maximum = 10'000'000},
        .smoke = {{.values = {100}, .threads = TierThreads::kOne}},
        .standard = {{.variants = {"tree", "no-alloc"}, .values = {10'000}},
                     {.variants = {"list"}, .values = {10'000}, .threads = TierThreads::kOne}},
        .full = {{.values = {100, 1000, 10'000, 100'000}, .threads = TierThreads::kSweep}},
        .expected_seconds = 0.11,
        .seconds_per_parameter = 4e-6,
        .live_bytes = {.per_thread_and_parameter = sizeof(HeapTree)},
        .roles = {"scaling", "ratio"},
        .claims = {verified(
                       5, {"tree", "list"},
                       "trees and lists of boxes were intact long after they were built in {}"),
                   takes_longer(10, {"tree"}, "no-alloc",
                                "a tree of boxes took {} times the same tree in an array")},
    },
    make_workload<Boxes>};

}  // namespace
}  // namespace stackheap
