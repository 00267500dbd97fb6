// An intrusive stack that any thread pushes chains onto and one thread empties at once. Taking
// everything with one exchange is what makes it safe without tags or hazard pointers: no node is
// ever compared after it was read (a lock-free stack that pops single nodes has the ABA problem).
#pragma once

#include <atomic>

#include "harness/base/mapped.hpp"

namespace stackheap {

// Node has a member `Node* next`, which belongs to the stack while the node is in it.
template <class Node>
class alignas(2 * kCacheLine) ChainStack {
 public:
  // `first` ... `last` are linked by `next`; last->next is overwritten.
  void push(Node* first, Node* last) {
    Node* head = head_.load(std::memory_order_relaxed);
    do {
      last->next = head;
    } while (!head_.compare_exchange_weak(head, first, std::memory_order_release,
                                          std::memory_order_relaxed));
  }

  // The newest node, linked to all the others; null where there is none.
  Node* take_all() {
    if (head_.load(std::memory_order_relaxed) == nullptr) return nullptr;
    return head_.exchange(nullptr, std::memory_order_acquire);
  }

 private:
  std::atomic<Node*> head_{nullptr};
};

}  // namespace stackheap
