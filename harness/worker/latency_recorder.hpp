// The histograms of one sample of the shape `histogram`: for each lane and kind of operation one
// that counts and one that is thrown away, in mapped memory, and which of them timed() writes to.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "harness/base/mapped.hpp"
#include "harness/measure/lane.hpp"
#include "harness/measure/latency_histogram.hpp"
#include "harness/measure/metric_table.hpp"
#include "harness/model/sample.hpp"

namespace stackheap {

class LatencyRecorder {
 public:
  // Calibrates the clock, measures its own cost, maps all memory and points the lanes, which
  // outlive the recorder, to the histograms that are thrown away. Throws CannotRun where single
  // operations cannot be timed here.
  LatencyRecorder(std::span<Lane> lanes, std::span<const std::string> operations);

  // On the lane's thread: what follows is recorded; is thrown away.
  void count(Lane& lane) { lane.latency = &counted_[first_of(lane)]; }
  void discard(Lane& lane) { lane.latency = &discarded_[first_of(lane)]; }

  // Throws CannotRun where a time of this lane was negative: the counters of two CPUs differ.
  void check(const Lane& lane) const;

  // After the last window, over all lanes. One histogram per kind of operation, and as the last one
  // that of all kinds.
  MappedArray<LatencyHistogram> merge() const;
  const LatencyHistogram& timer() const { return timer_[0]; }
  double ns_per_tick() const { return ns_per_tick_; }
  // What merge() returned, as it is sent.
  std::vector<OperationLatency> report(const MappedArray<LatencyHistogram>& merged) const;

 private:
  std::size_t first_of(const Lane& lane) const { return lane.index * operations_.size(); }

  std::span<const std::string> operations_;
  double ns_per_tick_;
  MappedArray<LatencyHistogram> timer_;
  MappedArray<LatencyHistogram> counted_;    // by lane and operation
  MappedArray<LatencyHistogram> discarded_;  // the same
};

}  // namespace stackheap
