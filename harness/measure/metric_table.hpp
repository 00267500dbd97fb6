// The one table of metrics. It drives the header of samples.csv, the values, `stackheap list
// metrics` and results/README.md: adding a metric is adding a row.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/allocators/statistics.hpp"
#include "harness/measure/latency_histogram.hpp"
#include "harness/measure/memory.hpp"
#include "harness/measure/window_loop.hpp"
#include "harness/model/metric.hpp"
#include "harness/model/sample.hpp"

namespace stackheap {

// All that a worker knows at the end of a sample; what the rows of the table are computed from.
struct Measurement {
  std::span<const WindowResult> windows;
  LaneTotals totals;
  unsigned threads = 1;
  double fairness = 1;
  bool has_schedstat = true;
  std::optional<WarmUp> warm_up;  // nothing where no windows were run
  std::optional<ResidentMemory> baseline_memory;
  std::optional<ResidentMemory> final_memory;
  std::optional<std::uint64_t> mapped_regions;
  std::int64_t peak_live_bytes = 0;
  AllocatorStatistics allocator;        // after the last window; only `arenas` in timed samples
  unsigned switches_per_operation = 0;  // of the workload; 0: it switches no stacks
  // Of the shape `histogram`, else null: all kinds of operations, and empty timed pairs; in ticks.
  const LatencyHistogram* latency = nullptr;
  const LatencyHistogram* timer = nullptr;
  double ns_per_tick = 0;
};

struct MetricRow {
  MetricInfo info;
  // The value as it is written, empty where it is not available. Null for derived metrics and for
  // those that a workload or the driver reports by name.
  std::string (*value)(const Measurement&) = nullptr;
};

std::span<const MetricRow> metric_table();
// The rows' infos of scope sample, in the order of the columns; and all of them.
std::vector<MetricInfo> sample_metrics();
std::vector<MetricInfo> all_metrics();
const MetricRow* find_metric(std::string_view name);

// Every row that has a value function and a value for this measurement.
std::vector<MetricValue> compute_metrics(const Measurement& measurement);

}  // namespace stackheap
