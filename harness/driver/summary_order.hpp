// The order of rows in the derived files, the tables and the figures. Samples come in random order,
// and so do the cells of the table they fill; a reader looks for a workload, then for its variants.
#pragma once

#include "harness/driver/run_json.hpp"
#include "harness/stats/summarize.hpp"

namespace stackheap {

// Sorts all rows: workloads, parameter values, threads, variants as they are registered, allocators
// with the baseline first; the rows of one cell or comparison keep the order of `metrics`.
void sort_summary(const SampleTable& table, const RunFacts& facts,
                  std::span<const MetricInfo> metrics, Summary& summary);

}  // namespace stackheap
