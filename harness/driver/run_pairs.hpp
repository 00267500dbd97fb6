// The comparisons of a run, or of two, as pairs to report.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/driver/summarize_run.hpp"
#include "harness/stats/recurrence.hpp"
#include "harness/stats/reported_pair.hpp"

namespace stackheap {

// Which metrics are reported: globs; none means the one that each workload is ranked by. Throws
// UserError, with the nearest name, for one that matches no metric that is compared.
class MetricChoice {
 public:
  explicit MetricChoice(std::vector<std::string> globs);
  bool has(const WorkloadInfo& workload, const MetricInfo& metric) const;

 private:
  std::vector<std::string> globs_;
};

// Allocators against the run's baseline, of the chosen metrics.
std::vector<ReportedPair> pairs_of_run(const RunSummary& run, const MetricChoice& metrics);

// What both runs compared inside themselves, allocators and variants, of the chosen metrics.
std::vector<RepeatedPair> repeated_pairs(const RunSummary& base, const RunSummary& next,
                                         const MetricChoice& metrics);

struct RunsCompared {
  std::vector<ReportedPair> pairs;
  // What a reader must know beside the table, as sentences: cells of one run alone, samples that
  // failed, allocators that are the same, work that was not.
  std::vector<std::string> notes;
  // Cells that have values in the earlier run, and in the later one samples of which none ended ok.
  std::size_t lost = 0;
};

// Every cell that both have, `next` against `base`; a block's cells of one metric and number of
// threads are a family. Without `spread`, that between runs of this machine, nothing has an
// interval.
RunsCompared compare_runs(const RunSummary& base, const RunSummary& next,
                          const MetricChoice& metrics,
                          const std::optional<BetweenRunSpread>& spread, double margin);

}  // namespace stackheap
