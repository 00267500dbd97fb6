// When a sample entered which of its phases. In mapped memory: a vector of strings would ask the
// heap under test for memory at the very moments that a workload marks, and so disturb what it
// watches.
#pragma once

#include <cstdint>
#include <mutex>
#include <string_view>
#include <vector>

#include "harness/base/mapped.hpp"
#include "harness/model/sample.hpp"

namespace stackheap {

class PhaseLog {
 public:
  PhaseLog() : marks_(kMostPhases) {}

  // `phase` begins now. From any thread. A name that is none, or one mark too many, is a broken
  // workload and ends the process.
  void mark(std::string_view phase);
  bool empty() const { return count_ == 0; }

  // In the order of their times; takes the heap, so only once the sample has been measured.
  std::vector<PhaseMark> phases() const;

 private:
  static constexpr std::size_t kLongestName = 64;
  struct Mark {
    std::uint64_t monotonic_ns = 0;
    std::size_t length = 0;
    char name[kLongestName] = {};
  };

  std::mutex mutex_;
  MappedArray<Mark> marks_;
  std::size_t count_ = 0;
};

}  // namespace stackheap
