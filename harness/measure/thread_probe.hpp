// What one thread has spent so far: CPU, run queue, switches, faults. Read at both ends of a
// window, so the cost of reading must be small and the order of the reads must be the same at both
// ends: thread CPU clock, schedstat, wall clock. Reading the wall clock first put the cost of the
// other reads into "blocked" (-20 % of thread time at 4 threads on 2 CPUs); the CPU clock comes
// first because reading it makes the kernel bring schedstat up to date.
#pragma once

#include <cstdint>

#include "harness/measure/perf_events.hpp"
#include "harness/measure/schedstat.hpp"

namespace stackheap {

struct ThreadSnapshot {
  std::uint64_t cpu_ns = 0;        // CLOCK_THREAD_CPUTIME_ID
  std::uint64_t run_queue_ns = 0;  // schedstat's second field: ready to run, not running
  std::uint64_t wall_ns = 0;       // CLOCK_MONOTONIC
  std::uint64_t voluntary_switches = 0;
  std::uint64_t involuntary_switches = 0;
  std::uint64_t minor_faults = 0;
  std::uint64_t major_faults = 0;
  PerfCounts counts;  // of instrumented samples
};

struct ProbeOptions {
  // What the thread opens and counts besides; null in timed samples. Outlives the probe.
  const PerfEventSet* events = nullptr;
  // Read nothing but CLOCK_MONOTONIC: only to measure what the other reads cost.
  bool wall_clock_only = false;
  // The calling thread's schedstat; tests put other files in its place.
  const char* schedstat_path = "/proc/thread-self/schedstat";
};

// Belongs to the thread that constructed it; only that thread may read it.
class ThreadProbe {
 public:
  // Opens schedstat; where there is none, or none that counts, run_queue_ns stays 0 and
  // has_schedstat() says so.
  explicit ThreadProbe(const ProbeOptions& options = {});

  bool has_schedstat() const { return static_cast<bool>(schedstat_); }
  // The counts first, then the three clocks: their cost stays before the interval. The perf events
  // are the innermost, for their own sake; the clocks of an instrumented sample are not used.
  ThreadSnapshot at_start() const;
  // The three clocks first, then the counts: their cost stays after the interval.
  ThreadSnapshot at_finish() const;

 private:
  void read_clocks(ThreadSnapshot& snapshot) const;
  Schedstat schedstat_;
  PerfCounters counters_;
  bool wall_clock_only_ = false;
};

}  // namespace stackheap
