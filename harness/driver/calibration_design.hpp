// What a session of `calibrate` runs: the cells and the shape of a sample, for sides that run one
// after the other and for sides that take turns.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "harness/model/workload_info.hpp"

namespace stackheap {

struct CalibrationCell {
  const char* workload;
  const char* variant;
  std::int64_t parameter;  // 0: none
  bool all_cpus;           // else 1 thread

  // As in calibration_samples.csv: "heap/pair/malloc/glibc/64".
  std::string label(const std::string& allocator) const;
};

struct CalibrationDesign {
  std::uint64_t window_ns;
  unsigned windows;
  unsigned warm_up;  // windows before them
  std::array<CalibrationCell, 6> cells;
};

const CalibrationDesign& calibration_design(bool turns);

// As many as CPUs, or 1; but no fewer than the workload needs. Throws UserError where `workloads`
// lacks it.
unsigned threads_of(const CalibrationCell& cell, std::span<const WorkloadInfo> workloads,
                    unsigned usable_cpus);

// Operations of a thread in a window: the largest number up to `share`, but at least the smallest,
// of which each side's slowdown is a whole number of operations. 16 operations cannot be 0.5 %
// more.
std::uint64_t divisible_share(std::uint64_t share);

// The operations that a side does where `share`, a divisible one, are reported: a slowdown that is
// exact.
std::uint64_t share_of_side(std::size_t side, std::uint64_t share);

}  // namespace stackheap
