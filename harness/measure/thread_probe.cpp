#include "harness/measure/thread_probe.hpp"

#include <sys/resource.h>

#include <optional>

#include "harness/base/clock.hpp"
#include "harness/base/error.hpp"

namespace stackheap {
namespace {

void read_counts(ThreadSnapshot& snapshot) {
  rusage usage{};
  STACKHEAP_CHECK(getrusage(RUSAGE_THREAD, &usage) == 0);
  snapshot.voluntary_switches = static_cast<std::uint64_t>(usage.ru_nvcsw);
  snapshot.involuntary_switches = static_cast<std::uint64_t>(usage.ru_nivcsw);
  snapshot.minor_faults = static_cast<std::uint64_t>(usage.ru_minflt);
  snapshot.major_faults = static_cast<std::uint64_t>(usage.ru_majflt);
}

}  // namespace

ThreadProbe::ThreadProbe(const ProbeOptions& options) : wall_clock_only_(options.wall_clock_only) {
  if (wall_clock_only_) return;
  schedstat_ = Schedstat(options.schedstat_path);
  if (schedstat_ && !schedstat_.counts()) schedstat_.reset();
  if (options.events != nullptr) counters_ = PerfCounters(*options.events);
}

void ThreadProbe::read_clocks(ThreadSnapshot& snapshot) const {
  snapshot.cpu_ns = thread_cpu_ns();
  if (schedstat_) {
    const std::optional<std::uint64_t> run_queue = schedstat_.run_queue_ns();
    STACKHEAP_CHECK(run_queue.has_value());
    snapshot.run_queue_ns = *run_queue;
  }
  snapshot.wall_ns = monotonic_ns();
}

ThreadSnapshot ThreadProbe::at_start() const {
  ThreadSnapshot snapshot;
  if (wall_clock_only_) {
    snapshot.wall_ns = monotonic_ns();
    return snapshot;
  }
  read_counts(snapshot);
  read_clocks(snapshot);
  if (counters_.any()) snapshot.counts = counters_.read_at_start();
  return snapshot;
}

ThreadSnapshot ThreadProbe::at_finish() const {
  ThreadSnapshot snapshot;
  if (wall_clock_only_) {
    snapshot.wall_ns = monotonic_ns();
    return snapshot;
  }
  if (counters_.any()) snapshot.counts = counters_.read_at_finish();
  read_clocks(snapshot);
  read_counts(snapshot);
  return snapshot;
}

}  // namespace stackheap
