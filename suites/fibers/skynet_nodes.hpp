// The nodes of fibers/skynet, one class for each kind: how it comes to ten children, waits and adds
// up what they answer.
#pragma once

#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>

#include <coroutine>
#include <cstdint>
#include <exception>
#include <new>

#include "harness/worker/workload.hpp"
#include "suites/common/contexts.hpp"

namespace stackheap::skynet {

inline constexpr unsigned kFanOut = 10;

// The leaves of a node: their numbers are what is added up.
struct Leaves {
  std::uint64_t first = 0;
  std::uint64_t count = 0;

  // Of the child `i`; none, where there are fewer than ten.
  Leaves part(unsigned i) const {
    const std::uint64_t begin = count * i / kFanOut;
    return {first + begin, count * (i + 1) / kFanOut - begin};
  }
  std::uint64_t sum() const { return count * first + count * (count - 1) / 2; }
};

// What a tree, or all of a lane's, has come to.
struct Tree {
  std::uint64_t started = 0;  // nodes
  std::uint64_t joined = 0;
  std::uint64_t leaves = 0;
  std::uint64_t frames = 0;    // coroutines: allocated
  std::exception_ptr failure;  // why a node got no more children; each joins those it has
};

// Each kind has
//     struct Maker;  explicit Maker(std::size_t stack_bytes)
//     static constexpr bool kWaits, kIsCoroutine;
//     static std::uint64_t add_up(Maker&, Tree&, Leaves, all_alive);
// which calls all_alive() between the last start and the first join, where nodes can wait.

// Starts the children of a node, whichever kind it is; how many there are. Throws nothing, because
// a context's body may not.
template <class Node, class Maker>
unsigned start_children(Node (&children)[kFanOut], Maker& maker, Tree& tree, Leaves leaves) {
  unsigned started = 0;
  try {
    for (unsigned i = 0; i < kFanOut && !tree.failure; ++i) {
      const Leaves part = leaves.part(i);
      if (part.count == 0) continue;
      children[started].start(maker, tree, part);
      ++started;
    }
  } catch (...) {
    tree.failure = std::current_exception();
  }
  return started;
}

template <class Node, class Maker, class AllAlive>
std::uint64_t add_up_waiting(Maker& maker, Tree& tree, Leaves leaves, AllAlive&& all_alive) {
  Node root;
  root.start(maker, tree, leaves);
  all_alive();
  return root.join(maker);
}

template <class Context>
class StackNode {
 public:
  using Maker = typename Context::Maker;
  static constexpr bool kWaits = true;
  static constexpr bool kIsCoroutine = false;

  template <class AllAlive>
  static std::uint64_t add_up(Maker& maker, Tree& tree, Leaves leaves, AllAlive&& all_alive) {
    return add_up_waiting<StackNode>(maker, tree, leaves, all_alive);
  }

  void start(Maker& maker, Tree& tree, Leaves leaves) {
    maker_ = &maker;
    tree_ = &tree;
    leaves_ = leaves;
    context_.start(maker, *this);
    ++tree.started;
  }
  std::uint64_t join(Maker& maker) {
    context_.resume();
    context_.end(maker);
    ++tree_->joined;
    return sum_;
  }

  // The context's body.
  template <class Suspend>
  void operator()(Suspend&& suspend) {
    if (leaves_.count == 1) {
      ++tree_->leaves;
      suspend();
      sum_ = leaves_.first;
      return;
    }
    StackNode children[kFanOut];
    const unsigned count = start_children(children, *maker_, *tree_, leaves_);
    suspend();
    for (unsigned i = 0; i < count; ++i) sum_ += children[i].join(*maker_);
  }

 private:
  Context context_;
  Maker* maker_ = nullptr;
  Tree* tree_ = nullptr;
  Leaves leaves_;
  std::uint64_t sum_ = 0;
};
template <StackAllocator Stack>
using FiberNode = StackNode<FiberContext<Stack>>;

class CoroutineNode {
 public:
  struct Maker {
    explicit Maker(std::size_t) {}
  };
  static constexpr bool kWaits = true;
  static constexpr bool kIsCoroutine = true;

  template <class AllAlive>
  static std::uint64_t add_up(Maker& maker, Tree& tree, Leaves leaves, AllAlive&& all_alive) {
    return add_up_waiting<CoroutineNode>(maker, tree, leaves, all_alive);
  }

  void start(Maker& maker, Tree& tree, Leaves leaves) {
    tree_ = &tree;
    handle_ = run(maker, tree, leaves, sum_).handle;
    handle_.resume();
    ++tree.started;
  }
  std::uint64_t join(Maker&) {
    handle_.resume();
    STACKHEAP_CHECK(handle_.done());
    handle_.destroy();
    ++tree_->joined;
    return sum_;
  }

 private:
  struct Coroutine {
    struct promise_type {
      static void* operator new(std::size_t bytes, Maker&, Tree& tree, Leaves, std::uint64_t&) {
        void* const frame = ::operator new(bytes);
        ++tree.frames;
        return frame;
      }
      static void operator delete(void* frame, std::size_t) { ::operator delete(frame); }
      Coroutine get_return_object() {
        return {std::coroutine_handle<promise_type>::from_promise(*this)};
      }
      std::suspend_always initial_suspend() noexcept { return {}; }
      std::suspend_always final_suspend() noexcept { return {}; }
      void return_void() {}
      [[noreturn]] void unhandled_exception() { std::terminate(); }
    };
    std::coroutine_handle<promise_type> handle;
  };

  [[gnu::noinline]] static Coroutine run(Maker& maker, Tree& tree, Leaves leaves,
                                         std::uint64_t& sum) {
    if (leaves.count == 1) {
      ++tree.leaves;
      co_await std::suspend_always{};
      sum = leaves.first;
      co_return;
    }
    CoroutineNode children[kFanOut];
    const unsigned count = start_children(children, maker, tree, leaves);
    co_await std::suspend_always{};
    for (unsigned i = 0; i < count; ++i) sum += children[i].join(maker);
  }

  std::coroutine_handle<Coroutine::promise_type> handle_;
  Tree* tree_ = nullptr;
  std::uint64_t sum_ = 0;
};

// A task ends when it has added up: nothing waits but the tasks that are not begun.
class TaskNode {
 public:
  struct Maker {
    explicit Maker(std::size_t) : arena(1) {}
    oneapi::tbb::task_arena arena;
  };
  static constexpr bool kWaits = false;
  static constexpr bool kIsCoroutine = false;

  template <class AllAlive>
  static std::uint64_t add_up(Maker& maker, Tree& tree, Leaves leaves, AllAlive&&) {
    return maker.arena.execute([&] { return node(tree, leaves); });
  }

 private:
  [[gnu::noinline]] static std::uint64_t node(Tree& tree, Leaves leaves) {
    ++tree.started;
    std::uint64_t sum = leaves.first;
    if (leaves.count == 1) {
      ++tree.leaves;
    } else {
      std::uint64_t sums[kFanOut]{};
      oneapi::tbb::task_group children;
      for (unsigned i = 0; i < kFanOut; ++i) {
        const Leaves part = leaves.part(i);
        if (part.count != 0) children.run([&tree, &sums, part, i] { sums[i] = node(tree, part); });
      }
      children.wait();
      sum = 0;
      for (const std::uint64_t of_child : sums) sum += of_child;
    }
    ++tree.joined;
    return sum;
  }
};

class CallNode {
 public:
  struct Maker {
    explicit Maker(std::size_t) {}
  };
  static constexpr bool kWaits = false;
  static constexpr bool kIsCoroutine = false;

  template <class AllAlive>
  static std::uint64_t add_up(Maker&, Tree& tree, Leaves leaves, AllAlive&&) {
    return node(tree, leaves);
  }

 private:
  [[gnu::noinline]] static std::uint64_t node(Tree& tree, Leaves leaves) {
    ++tree.started;
    std::uint64_t sum = leaves.first;
    if (leaves.count == 1) {
      ++tree.leaves;
    } else {
      sum = 0;
      for (unsigned i = 0; i < kFanOut; ++i) {
        const Leaves part = leaves.part(i);
        if (part.count != 0) sum += node(tree, part);
      }
    }
    escape(&tree);
    ++tree.joined;
    return sum;
  }
};

}  // namespace stackheap::skynet
