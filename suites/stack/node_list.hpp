// The list that stack/depth sets against frames: nodes pushed and popped at the same end, taken
// from the heap or from memory that is there.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <new>

#include "harness/worker/workload.hpp"
#include "suites/stack/nodes.hpp"

namespace stackheap {

struct HeapNodes {
  Node* next() {
    void* const memory = std::malloc(sizeof(Node));
    if (memory == nullptr) [[unlikely]] {
      throw std::bad_alloc();
    }
    return static_cast<Node*>(memory);
  }
  void give_back(Node* node) { std::free(node); }
};

// Nodes that are there.
struct MappedNodes {
  Node* next_node;
  Node* next() { return next_node++; }
  void give_back(Node*) { --next_node; }
};

// The list's way down and back.
template <bool kTraced, class Nodes>
std::uint64_t push_and_pop(Nodes nodes, std::uint64_t depth, std::uint64_t salt,
                           [[maybe_unused]] Trace* trace) {
  Node* top = nullptr;
  for (std::uint64_t k = depth; k > 0; --k) {
    Node* const node = nodes.next();
    node->fill(top, salt + k);
    escape(node);
    if constexpr (kTraced) trace->enter(node);
    top = node;
  }
  std::uint64_t sum = 0;
  while (top != nullptr) {
    Node* const node = top;
    if constexpr (kTraced) trace->leave(node);
    top = const_cast<Node*>(node->above);
    sum += node->read();
    nodes.give_back(node);
  }
  return sum;
}

}  // namespace stackheap
