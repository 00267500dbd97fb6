// summary.csv, comparisons.csv, scaling.csv and the claims: what follows from samples.csv, computed
// anew at any time. Nothing that comes from more than one cell stands in the journal itself.
#pragma once

#include "harness/driver/run_folder.hpp"
#include "harness/driver/run_json.hpp"
#include "harness/stats/claims.hpp"
#include "harness/stats/summarize.hpp"

namespace stackheap {

struct RunSummary {
  RunFacts facts;
  SampleTable table;
  std::vector<MetricInfo> metrics;  // as summarised: per-operation counts have the unit 1/op
  Summary summary;
  ClaimSummary claims;     // refers to facts.workloads: move a RunSummary, do not copy it
  std::size_t rows = 0;    // of samples.csv
  std::size_t failed = 0;  // rows that are failures
  bool torn = false;       // a last, unfinished row was left out
};

// The baselines: that allocator, and each workload's own variant.
SummaryOptions summary_options(std::span<const WorkloadInfo> workloads,
                               const std::string& baseline_allocator);

// Reads run.json and samples.csv: `summary` and `claims` are empty. Throws UserError and CsvError.
RunSummary load_samples(const RunFolder& folder);

// Reads and computes, writes nothing. Throws UserError and CsvError.
RunSummary load_run(const RunFolder& folder);

// Writes the derived files, each whole or not at all.
void write_summary(const RunFolder& folder, const RunSummary& run);

}  // namespace stackheap
