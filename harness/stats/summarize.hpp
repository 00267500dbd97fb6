// From samples to the rows of summary.csv, comparisons.csv and scaling.csv. A data frame library
// would do the grouping, but the estimates must be the same that decide when a run may stop, and a
// million samples must take seconds.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "harness/model/metric.hpp"
#include "harness/stats/family.hpp"
#include "harness/stats/interval.hpp"
#include "harness/stats/sample_table.hpp"
#include "harness/stats/scaling_law.hpp"
#include "harness/stats/verdict.hpp"

namespace stackheap {

// The variant that runs a workload's loop without its allocations; `no-alloc-VARIANT` where that
// variant has another loop.
inline constexpr std::string_view kNoAllocVariant = "no-alloc";

struct SummaryOptions {
  double alpha = 0.05;   // of an interval, or of a whole family of them
  double margin = 0.02;  // a fraction; larger differences matter
  Baselines baselines;
  // Standard error, on the log scale, that the layout of the worker in memory leaves in a ratio of
  // speeds; 0: none, or not known. It widens the intervals of times and rates, not those of counts
  // and bytes.
  double layout_spread = 0;
};

// Cells are indices into the table; names and units are views into the metrics that were given.
struct SummaryRow {
  std::size_t cell = 0;
  std::string_view metric;
  std::string_view unit;
  Estimate estimate;  // n: samples used (of a derived metric: pairs of samples)
  std::size_t planned = 0;
};

struct ComparisonRow {
  std::size_t family = 0;  // index in Summary::families, which has block, name and baseline
  std::string_view metric;
  std::string_view unit;
  std::size_t candidate = 0;
  std::size_t comparisons = 0;  // P: in the family; the interval is at alpha / P
  RatioEstimate ratio = {};     // candidate / baseline; n: rounds used
  Verdict verdict = Verdict::kUnresolved;
  std::optional<std::size_t> rounds_needed = {};  // in all, where unresolved and in sight
};

// A place in a family as far as it is certain: 1 + certainly better ... k - certainly worse. Cells
// are certainly apart where their simultaneous intervals against the common baseline (which is
// exactly 1 to itself) are disjoint.
struct RankRow {
  std::size_t family = 0;  // index in Summary::families
  std::string_view metric;
  std::size_t cell = 0;
  std::size_t best = 1;
  std::size_t worst = 1;
  std::size_t cells = 1;  // k: ranked in this family, the baseline among them
};

// Against 1 thread of the same cell, which itself has no row; threads <= CPUs.
struct ScalingRow {
  std::size_t cell = 0;  // the one with `threads` threads
  unsigned threads = 1;
  Estimate speedup;     // operations per second, ratio
  Estimate efficiency;  // speedup / threads
  ScalingLaw law = {};  // of the whole curve that this is a point of
};

// A cell against its twin: a difference is a false positive, 5 % of them are expected at 0.05.
struct TwinRow {
  std::size_t cell = 0;
  std::size_t twin = 0;
  std::string_view metric;
  RatioEstimate ratio;  // twin / cell, at alpha
  bool differs = false;
};
struct TwinSummary {
  std::string_view metric;
  std::size_t differing = 0;  // k of n twins that have an interval
  std::size_t twins = 0;
  Estimate share = {};       // k / n with its Clopper-Pearson interval at 0.05
  RatioEstimate ratio = {};  // of all pairs of all twins together
};

struct Summary {
  std::vector<SummaryRow> rows;  // by cell, then in the order of the metrics; derived ones last
  std::vector<Family> families;
  std::vector<ComparisonRow> comparisons;
  std::vector<RankRow> ranks;
  std::vector<ScalingRow> scaling;
  std::vector<TwinRow> twins;
  std::vector<TwinSummary> twin_summaries;
};

// `metrics` is the metric table: of scope sample, those the table of samples has too are
// summarised; derived ones (loop_share, cpu_excess_ns_per_op, speedup, efficiency) are computed
// where they are listed. Values of per_operation metrics come already divided. A cell without any
// value of a metric has no row for it.
Summary summarize(const SampleTable& table, std::span<const MetricInfo> metrics,
                  const SummaryOptions& options);

// The parts, each appending to what its rows are for.
void summarize_cells(const SampleTable& table, std::span<const MetricInfo> metrics, double alpha,
                     Summary& summary);
void compare_families(const SampleTable& table, std::span<const MetricInfo> metrics,
                      const SummaryOptions& options, Summary& summary);
// loop_share, cpu_excess_ns_per_op, speedup, efficiency and the scaling law.
void derive(const SampleTable& table, std::span<const MetricInfo> metrics, double alpha,
            Summary& summary);
void compare_twins(const SampleTable& table, std::span<const MetricInfo> metrics, double alpha,
                   Summary& summary);

}  // namespace stackheap
