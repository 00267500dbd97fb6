// The ways in which threads/tasks leaves a range of items to oneTBB, under one name each.
#pragma once

#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/partitioner.h>
#include <oneapi/tbb/task_group.h>

#include <cstdint>

#include "harness/base/error.hpp"

namespace stackheap::tasks {

using Range = oneapi::tbb::blocked_range<std::uint64_t>;

enum class Sharing { kAuto, kSimple, kStatic, kAffinity, kGroup, kNested, kThreads };

// body(Range) for parts of `range` that are at least its grain, until all is done: in parallel.
template <class Body>
void halve(const Range& range, const Body& body) {
  if (!range.is_divisible()) return body(range);
  const std::uint64_t middle = range.begin() + range.size() / 2;
  oneapi::tbb::task_group other_half;
  other_half.run([&] { halve(Range(middle, range.end(), range.grainsize()), body); });
  halve(Range(range.begin(), middle, range.grainsize()), body);
  other_half.wait();
}

class Sharer {
 public:
  // Not for kNested and kThreads, which are made of the others or do without.
  template <class Body>
  void share_out(Sharing sharing, const Range& range, const Body& body) {
    using namespace oneapi::tbb;
    switch (sharing) {
      case Sharing::kAuto:
        return parallel_for(range, body, auto_partitioner());
      case Sharing::kSimple:
        return parallel_for(range, body, simple_partitioner());
      case Sharing::kStatic:
        return parallel_for(range, body, static_partitioner());
      case Sharing::kAffinity:
        return parallel_for(range, body, affinity_);
      case Sharing::kGroup:
        return halve(range, body);
      case Sharing::kNested:
      case Sharing::kThreads:
        break;
    }
    STACKHEAP_CHECK(false);
  }

 private:
  oneapi::tbb::affinity_partitioner affinity_;  // remembers the last range's shares
};

}  // namespace stackheap::tasks
