// What no file tells: whether the hardware counters answer and what reading a clock costs here.
// clock_getres says 1 ns on nearly every machine, whatever the clock behind it can do.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace stackheap {

enum class PmuState {
  kWorks,   // a cycle counter was opened and it counts
  kAbsent,  // the kernel has none: usual in a virtual machine
  kDenied,  // there may be one, but this process may not use it
};
std::string_view to_string(PmuState state);

struct TimerCost {
  // Smallest step between two different readings of CLOCK_MONOTONIC; on a fine clock that is what
  // a reading takes.
  std::uint64_t resolution_ns = 0;
  // Per reading, median over batches.
  double monotonic_ns_per_read = 0;
  double thread_cpu_ns_per_read = 0;
};

struct Probes {
  PmuState pmu = PmuState::kAbsent;
  TimerCost timer;
  std::string glibc;                      // of this process, at run time
  std::optional<std::string> hypervisor;  // its signature from CPUID, e.g. KVMKVMKVM
};

Probes run_probes();

}  // namespace stackheap
