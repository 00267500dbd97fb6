#include "harness/worker/latency_recorder.hpp"

#include <cmath>

#include "harness/base/error.hpp"
#include "harness/measure/tsc_clock.hpp"

namespace stackheap {
namespace {

// Enough for a 99th percentile of the timer's own cost.
constexpr std::uint64_t kTimerPairs = 20'000;
// No operation takes years: a difference beyond this is a negative one.
constexpr std::uint64_t kLongestTicks = std::uint64_t{1} << 62U;

// To a picosecond: no counter is finer, and the document and latency.csv stay short.
double to_ns(std::uint64_t ticks, double ns_per_tick) {
  return std::round(static_cast<double>(ticks) * ns_per_tick * 1e3) / 1e3;
}

}  // namespace

LatencyRecorder::LatencyRecorder(std::span<Lane> lanes, std::span<const std::string> operations)
    : operations_(operations),
      ns_per_tick_(calibrate_tsc()),
      timer_(1),
      counted_(lanes.size() * operations.size()),
      discarded_(lanes.size() * operations.size()) {
  STACKHEAP_CHECK(!lanes.empty() && !operations.empty());
  // The first pairs warm the code up and are thrown away.
  time_nothing(discarded_[0], kTimerPairs / 10);
  time_nothing(timer_[0], kTimerPairs);
  for (Lane& lane : lanes) discard(lane);
}

void LatencyRecorder::check(const Lane& lane) const {
  for (std::size_t i = 0; i < operations_.size(); ++i) {
    if (counted_[first_of(lane) + i].max() < kLongestTicks) continue;
    throw CannotRun(
        "an operation ended before it began: the time stamp counters of the CPUs differ; run with "
        "--pin compact or spread, so that no thread changes its CPU");
  }
}

MappedArray<LatencyHistogram> LatencyRecorder::merge() const {
  const std::size_t kinds = operations_.size();
  MappedArray<LatencyHistogram> merged(kinds + 1);
  for (std::size_t i = 0; i < counted_.size(); ++i) merged[i % kinds].merge(counted_[i]);
  for (std::size_t kind = 0; kind < kinds; ++kind) merged[kinds].merge(merged[kind]);
  return merged;
}

std::vector<OperationLatency> LatencyRecorder::report(
    const MappedArray<LatencyHistogram>& merged) const {
  std::vector<OperationLatency> latencies;
  for (std::size_t kind = 0; kind < operations_.size(); ++kind) {
    OperationLatency& latency = latencies.emplace_back();
    latency.operation = operations_[kind];
    for (std::size_t bucket = 0; bucket < LatencyHistogram::kBuckets; ++bucket) {
      const std::uint64_t count = merged[kind].count_of(bucket);
      if (count == 0) continue;
      latency.buckets.push_back(
          {.lower_ns = to_ns(LatencyHistogram::least_of(bucket), ns_per_tick_),
           .upper_ns = to_ns(LatencyHistogram::greatest_of(bucket) + 1, ns_per_tick_),
           .count = count});
    }
  }
  return latencies;
}

}  // namespace stackheap
