// A lane: whatever carries the work of one counted thread. It is harness data in mapped memory,
// padded to cache lines, and the only thing a workload's step shares with the harness.
#pragma once

#include <cstdint>

#include "harness/base/mapped.hpp"
#include "harness/base/random.hpp"
#include "harness/measure/thread_probe.hpp"

namespace stackheap {

class LatencyHistogram;

struct alignas(2 * kCacheLine) Lane {
  unsigned index = 0;  // 0 .. count - 1
  unsigned count = 1;  // lanes in this sample
  Random random;       // seeded from the sample's seed and the index
  // Bytes the workload has requested and not yet freed through this lane; may go negative on a
  // lane that frees what another allocated. The harness sums the lanes at window ends.
  std::int64_t live_bytes = 0;
  // For the workload's own result; the harness never reads them.
  std::uint64_t checksum = 0;
  std::uint64_t counter = 0;
  ProbeOptions probe_options;  // for the threads that carry it
  int cpu = -1;                // the CPU it is pinned to, or -1
  // One histogram per kind of timed operation, in the order of the registration: where timed() of
  // worker/latency.hpp records. Set by the harness; null but for the shape `histogram`.
  LatencyHistogram* latency = nullptr;
  void* state = nullptr;  // the workload's own per-lane state, owned by the workload

  void allocated(std::size_t bytes) { live_bytes += static_cast<std::int64_t>(bytes); }
  void freed(std::size_t bytes) { live_bytes -= static_cast<std::int64_t>(bytes); }
};

}  // namespace stackheap
