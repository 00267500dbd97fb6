// Timing of single operations, for workloads of the shape `histogram`: a windowed workload whose
// step wraps each operation,
//     enum class Timed { kMalloc, kFree };   in the order of the registration's timed_operations
//     block = timed(lane, Timed::kMalloc, [&] { return std::malloc(bytes); });
// The harness points lane.latency to the histograms of the lane in a measured window and to others,
// that are thrown away, in setup, warm-up and uncounted operations: no branch here knows of it.
#pragma once

#include <cstdint>
#include <type_traits>

#include "harness/measure/lane.hpp"
#include "harness/measure/latency_histogram.hpp"
#include "harness/measure/tsc_clock.hpp"

namespace stackheap {

// Calls `operation` and returns what it returns. What it throws passes, unrecorded. `kind` is an
// enumerator that counts from 0; keep everything that is not the operation outside of it.
template <class Kind, class Operation>
inline auto timed(Lane& lane, Kind kind, Operation&& operation) -> decltype(operation()) {
  static_assert(std::is_enum_v<Kind> && !std::is_reference_v<decltype(operation())>);
  LatencyHistogram& histogram = lane.latency[static_cast<std::size_t>(kind)];
  const std::uint64_t start = read_tsc();
  if constexpr (std::is_void_v<decltype(operation())>) {
    operation();
    histogram.record(read_tsc() - start);
  } else {
    auto result = operation();
    histogram.record(read_tsc() - start);
    return result;
  }
}

}  // namespace stackheap
