// What stack/depth goes down through: nodes of 256 bytes that link to the one above, as frames of a
// recursion or as objects of a list; and the trace of one such way, which proves last in, first
// out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "harness/base/mapped.hpp"
#include "harness/worker/workload.hpp"

namespace stackheap {

struct Node {
  static constexpr std::size_t kBytes = 256;

  const Node* above;  // null for the first
  std::uint64_t value;
  unsigned char rest[kBytes - 16];

  // Not touch(), which would overwrite the link.
  void fill(const Node* caller, std::uint64_t content) {
    above = caller;
    value = content;
    static_cast<volatile unsigned char&>(rest[sizeof rest - 1]) =
        static_cast<unsigned char>(content);
  }
  std::uint64_t read() const {
    return value + static_cast<const volatile unsigned char&>(rest[sizeof rest - 1]);
  }
};
static_assert(sizeof(Node) == Node::kBytes);

// Where the nodes of one way down and back lay, in order.
class Trace {
 public:
  enum class Place { kFrames, kHeap };  // of frames, order and distance are checked too

  Trace(Place place, std::size_t depth) : place_(place), entered_(depth), left_(depth) {}

  void enter(const Node* node) { entered_[ways_down_++] = node; }
  void leave(const Node* node) { left_[ways_back_++] = node; }
  void forget_the_last_way_back() { --ways_back_; }  // for the fault hook

  bool grows_down() const { return entered_[1] < entered_[0]; }

  // What is wrong, or nothing.
  std::string complaint() const {
    const std::size_t depth = entered_.size();
    if (ways_down_ != depth || ways_back_ != depth) {
      return std::to_string(ways_down_) + " nodes were entered and " + std::to_string(ways_back_) +
             " left of " + std::to_string(depth);
    }
    for (std::size_t i = 0; i < depth; ++i) {
      if (left_[i] != entered_[depth - 1 - i]) return "a node was left that was not the last one";
    }
    if (place_ == Place::kHeap) return {};
    for (std::size_t i = 1; i < depth; ++i) {
      const auto before = reinterpret_cast<std::uintptr_t>(entered_[i - 1]);
      const auto now = reinterpret_cast<std::uintptr_t>(entered_[i]);
      if ((now < before) != grows_down()) return "frames lie on both sides of their caller's";
      if ((grows_down() ? before - now : now - before) < Node::kBytes) return "frames overlap";
    }
    return {};
  }

 private:
  Place place_;
  MappedArray<const Node*> entered_;
  MappedArray<const Node*> left_;
  std::size_t ways_down_ = 0;
  std::size_t ways_back_ = 0;
};

// Goes down through `depth` > 0 nodes, the k-th from the bottom with the value salt + k, and back;
// returns the sum of what the nodes read back on the way.
using Descent = std::uint64_t (*)(const Node* above, std::uint64_t depth, std::uint64_t salt,
                                  Trace* trace);

struct Descents {
  Descent plain;   // does not use `trace`
  Descent traced;  // tells it all
};

// Build: any type, for code compiled with other flags than this suite's: a function template with
// the same arguments exists once in a program.
template <class Build, bool kTraced>
[[gnu::noinline]] std::uint64_t descend_through_frames(const Node* above, std::uint64_t depth,
                                                       std::uint64_t salt, Trace* trace) {
  Node node;
  node.fill(above, salt + depth);
  escape(&node);
  if constexpr (kTraced) trace->enter(&node);
  std::uint64_t sum = 0;
  if (depth > 1) sum = descend_through_frames<Build, kTraced>(&node, depth - 1, salt, trace);
  escape(&node);
  if constexpr (kTraced) trace->leave(&node);
  return sum + node.read();
}

template <class Build>
constexpr Descents descents_built() {
  return {descend_through_frames<Build, false>, descend_through_frames<Build, true>};
}

// What a descent returns.
constexpr std::uint64_t sum_of_descent(std::uint64_t depth, std::uint64_t salt) {
  std::uint64_t sum = 0;
  for (std::uint64_t k = 1; k <= depth; ++k) sum += salt + k + ((salt + k) & 0xffU);
  return sum;
}

}  // namespace stackheap
