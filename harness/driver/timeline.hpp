// Resident memory of a worker over time, read by the driver from /proc/<pid>/statm. Not by the
// worker, which would have to wake up beside its own measured threads; and not from smaps, which
// takes the worker's mmap_lock and so stops its page faults.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "harness/base/file.hpp"
#include "harness/model/sample.hpp"

namespace stackheap {

inline constexpr int kTimelineTickMs = 10;

class ResidentWatch {
 public:
  // Reads once, some 10 us. Every call is for the same process; nothing is added once it has given
  // up its memory on its way out. Kernels since 6.2 that sum the count up lazily are behind by some
  // tens of pages for each CPU that the worker runs on.
  void tick(pid_t worker);

  // What was read, each point in the phase whose mark is the last before it. Both clocks are
  // CLOCK_MONOTONIC; time starts at the first tick.
  std::vector<TimelinePoint> timeline(std::span<const PhaseMark> phases) const;

 private:
  struct Reading {
    std::uint64_t monotonic_ns = 0;
    std::uint64_t resident_bytes = 0;
  };

  UniqueFd statm_;
  std::vector<Reading> readings_;
};

// Resident bytes from the text of a statm file; 0 where it is none, and for a process that has
// ended.
std::uint64_t resident_bytes_of(std::string_view statm);

// The rows of one sample in timeline.csv.
std::string timeline_rows(std::uint64_t sample, std::span<const TimelinePoint> timeline);

}  // namespace stackheap
