#include "harness/driver/run_columns.hpp"

#include <algorithm>

#include "harness/base/error.hpp"
#include "harness/measure/metric_table.hpp"

namespace stackheap {
namespace {

// name, type, unit, meaning
const std::vector<ColumnInfo> kWindows = {
    {"sample", "integer", "", "Number of the sample, as in samples.csv."},
    {"window", "integer", "", "Number of the window in the sample, from 0."},
    {"nanoseconds", "integer", "ns", "From the common start to the last thread's finish."},
    {"operations", "integer", "count", "Counted operations of all threads."},
};

const std::vector<ColumnInfo> kPilots = {
    {"block", "text", "", "As in samples.csv."},
    {"workload", "text", "", "suite/name."},
    {"variant", "text", "", "As in samples.csv."},
    {"allocator", "text", "", "As in samples.csv."},
    {"parameter_value", "integer", "the parameter's", "Empty where the workload has none."},
    {"threads", "integer", "count", "Threads that do counted work."},
    {"oversubscribed", "flag", "", "1 where there were more threads than CPUs."},
    {"window_ns_per_share", "real", "ns",
     "Time of the pilot's fastest window / operations of one thread in it."},
};

const std::vector<ColumnInfo> kTimeline = {
    {"sample", "integer", "", "Number of the sample, as in samples.csv."},
    {"elapsed_ms", "real", "ms", "Since the driver learnt that the worker runs."},
    {"resident_bytes", "integer", "B", "The worker's resident memory then (/proc/<pid>/statm)."},
    {"phase", "text", "",
     "The workload's own phase then: start before it has marked any, end after it has returned."},
};

const std::vector<ColumnInfo> kLatency = {
    {"sample", "integer", "", "Number of the sample, as in samples.csv."},
    {"operation", "text", "", "Kind of the single operation that was timed."},
    {"lower_ns", "real", "ns",
     "The bucket's times are from here on: closed-loop service times, from call to return, with "
     "the timer's own cost in them."},
    {"upper_ns", "real", "ns", "And below this; buckets are at most 0.8 % wide, or one tick."},
    {"count", "integer", "count",
     "Operations of all threads in the bucket; empty ones are left out."},
};

// What names a cell in summary.csv and scaling.csv.
const std::vector<ColumnInfo> kCell = {
    {"block", "text", "", "Workload and parameter value: the cells that are compared."},
    {"suite", "text", "", "The workload's name up to the slash."},
    {"workload", "text", "", "suite/name."},
    {"variant", "text", "", "How the workload's code obtains its memory or stack."},
    {"allocator", "text", "", "The malloc of the process, or none."},
    {"parameter", "text", "", "Name of the workload's numeric axis; empty where it has none."},
    {"parameter_value", "integer", "the parameter's", "Its value."},
    {"threads", "integer", "count", "Threads that did counted work."},
};

const std::vector<ColumnInfo> kSummary = {
    {"oversubscribed", "flag", "", "1 where there were more threads than CPUs."},
    {"metric", "text", "", "Name of the metric."},
    {"unit", "text", "",
     "Its unit. 1/op: a count of samples.csv, divided by the sample's operations."},
    {"estimate", "real", "unit", "Median over rounds."},
    {"lower", "real", "unit",
     "Lower bound of its 95 % interval; empty below 6 samples. It describes this cell; verdicts "
     "come "
     "from comparisons.csv alone."},
    {"upper", "real", "unit", "Upper bound."},
    {"samples", "integer", "count",
     "Samples that had a value; of a derived metric, rounds in which both sides had one."},
    {"planned", "integer", "count", "Rounds that were planned; fewer samples than that failed."},
};

const std::vector<ColumnInfo> kComparisons = {
    {"block", "text", "", "Workload and parameter value."},
    {"family", "text", "",
     "allocators/<variant>/threads:<n>: one variant's allocators against the baseline allocator; "
     "or "
     "variants/threads:<n>: the variants against the baseline variant."},
    {"workload", "text", "", "suite/name."},
    {"parameter", "text", "", "Name of the workload's numeric axis; empty where it has none."},
    {"parameter_value", "integer", "the parameter's", "Its value."},
    {"threads", "integer", "count", "Threads of both sides."},
    {"metric", "text", "", "Name of the metric that is compared."},
    {"baseline_variant", "text", "", "What is compared with."},
    {"baseline_allocator", "text", "", "What is compared with."},
    {"candidate_variant", "text", "", "What is compared."},
    {"candidate_allocator", "text", "", "What is compared."},
    {"ratio", "real", "1",
     "Candidate / baseline, median over rounds of the ratio within the round. Above 1 is slower, "
     "or "
     "more."},
    {"lower", "real", "1", "Lower bound of the ratio's interval; empty where rounds are too few."},
    {"upper", "real", "1", "Upper bound."},
    {"confidence", "real", "1",
     "Of this interval: 1 - 0.05 / comparisons in the family, so that all of a family's intervals "
     "hold together at 95 %."},
    {"rounds", "integer", "count", "Rounds in which both sides had a value."},
    {"verdict", "text", "",
     "equivalent: the interval lies within the margin; else faster or slower (lower or higher "
     "where "
     "the metric is not a time): the interval excludes 1; else unresolved."},
    {"rounds_needed", "integer", "count",
     "In all, to resolve an unresolved pair at the spread so far; empty where none is in sight."},
};

const std::vector<ColumnInfo> kScaling = {
    {"speedup", "real", "1", "ops_per_second / that of the same cell at 1 thread."},
    {"speedup_lower", "real", "1", "Lower bound of its 95 % interval."},
    {"speedup_upper", "real", "1", "Upper bound."},
    {"efficiency", "real", "1", "speedup / threads."},
    {"efficiency_lower", "real", "1", "Lower bound of its 95 % interval."},
    {"efficiency_upper", "real", "1", "Upper bound."},
    {"samples", "integer", "count", "Rounds in which both thread counts had a value."},
    {"sigma", "real", "1",
     "Contention, of the universal scalability law N / (1 + sigma (N - 1) + kappa N (N - 1)) that "
     "was "
     "fitted to all thread counts of this cell up to the CPUs; the same in all of their rows."},
    {"sigma_lower", "real", "1",
     "Lower bound of its 95 % interval, of a bootstrap over rounds; empty below 6 rounds."},
    {"sigma_upper", "real", "1", "Upper bound."},
    {"kappa", "real", "1", "Coherence, of the same law."},
    {"kappa_lower", "real", "1", "Lower bound of its 95 % interval."},
    {"kappa_upper", "real", "1", "Upper bound."},
    {"peak_threads", "real", "count",
     "Where the law has its highest throughput, sqrt((1 - sigma) / kappa); empty where kappa is 0: "
     "it rises for ever."},
    {"peak_threads_lower", "real", "count", "Lower bound of its 95 % interval."},
    {"peak_threads_upper", "real", "count", "Upper bound; empty: no peak in sight."},
    {"not_fitted", "text", "", "Why there is no law."},
};

const std::vector<ColumnInfo> kTwins = {
    {"metric", "text", "", "Name of the metric."},
    {"ratio", "real", "1",
     "The twin's second run / the cell itself, median over rounds of the ratio within the round. "
     "They are the same cell under two names, so it should be 1."},
    {"lower", "real", "1", "Lower bound of its 95 % interval; empty where rounds are too few."},
    {"upper", "real", "1", "Upper bound."},
    {"rounds", "integer", "count", "Rounds in which both had a value."},
    {"differs", "flag", "",
     "The interval excludes 1, which is false and expected of 5 % of twins."},
};

const std::vector<ColumnInfo> kClaims = {
    {"claim", "integer", "", "Number of the claim; every claim has its row."},
    {"statement", "text", "", "The claim, as textbooks have it."},
    {"tested_as", "text", "", "What of it is measured."},
    {"verdict", "text", "",
     "holds: no resolved test contradicts it; does not hold here: every resolved test does; mixed: "
     "some do; not measured: no test is resolved, or there is none. For these binaries on this "
     "machine."},
    {"tests", "integer", "count", "Rows of claim_tests.csv, also those that are only told."},
    {"held", "integer", "count", "Tests in which it holds."},
    {"failed", "integer", "count", "Tests in which it does not hold."},
    {"unresolved", "integer", "count", "Tests that need more rounds."},
    {"workloads", "text", "", "Those that tested it."},
    {"effect_of", "text", "", "The test whose effect stands here: its cells, or all of a variant."},
    {"effect", "real", "unit", "Of that test, see claim_tests.csv."},
    {"lower", "real", "unit", "Lower bound of its interval."},
    {"upper", "real", "unit", "Upper bound."},
    {"unit", "text", "", "Of effect, lower and upper; 1: a ratio or a share."},
    {"sentence", "text", "", "What was found, made of the figures of claim_tests.csv."},
};

const std::vector<ColumnInfo> kClaimTests = {
    {"claim", "integer", "", "Number of the claim."},
    {"kind", "text", "",
     "verified: the workload's own check is the proof; outcome: a text metric says it; ratio: of a "
     "metric of two cells; figure: a metric of one cell, told and not judged."},
    {"workload", "text", "", "suite/name."},
    {"parameter", "text", "", "Name of the workload's numeric axis; empty where it has none."},
    {"parameter_value", "integer", "the parameter's",
     "The candidate's; empty where all samples of the variant count together."},
    {"threads", "integer", "count", "Of both sides; empty like parameter_value."},
    {"metric", "text", "", "Name of the metric; empty where the check is the proof."},
    {"candidate_variant", "text", "", "What is tested."},
    {"candidate_allocator", "text", "", "What is tested."},
    {"baseline_variant", "text", "", "What a ratio is against; empty for other kinds."},
    {"baseline_allocator", "text", "", "What a ratio is against."},
    {"baseline_value", "integer", "the parameter's", "What a ratio is against."},
    {"effect", "real", "unit",
     "ratio: candidate / baseline, median over rounds of the ratio within the round. figure: "
     "median "
     "over rounds. verified and outcome: the share of samples in which it was so."},
    {"lower", "real", "unit",
     "Lower bound of its interval (Hettmansperger and Sheather; of a share Clopper and Pearson); "
     "empty where rounds are too few."},
    {"upper", "real", "unit", "Upper bound."},
    {"unit", "text", "", "Of effect, lower and upper."},
    {"confidence", "real", "1",
     "Of the interval. The judged ratios of a claim hold together at 95 %: each is at 1 - 0.05 / "
     "their number."},
    {"samples", "integer", "count", "Rounds, or samples, that entered."},
    {"expectation", "text", "",
     "more or less: the ratio is above or below 1 where the claim holds; told: not judged; "
     "verified; or the text that the metric must be."},
    {"said", "text", "", "Of an outcome: what the metric was."},
    {"outcome", "text", "",
     "holds, does not hold here (the interval lies within the margin or on the other side of 1; "
     "one "
     "sample failed its check; the metric said something else), unresolved, told."},
};

std::vector<ColumnInfo> joined(std::vector<ColumnInfo> first, const std::vector<ColumnInfo>& then) {
  first.insert(first.end(), then.begin(), then.end());
  return first;
}

std::vector<ColumnInfo> metric_columns() {
  std::vector<ColumnInfo> columns;
  for (const MetricInfo& metric : sample_metrics()) {
    columns.push_back({metric.name, to_string(metric.type), metric.unit, metric.meaning});
  }
  return columns;
}

}  // namespace

std::vector<FileColumns> run_columns() {
  return {{"samples.csv", joined(sample_columns(), metric_columns())},
          {"windows.csv", kWindows},
          {"latency.csv", kLatency},
          {"timeline.csv", kTimeline},
          {"pilots.csv", kPilots},
          {"summary.csv", joined(kCell, kSummary)},
          {"comparisons.csv", kComparisons},
          {"scaling.csv", joined(kCell, kScaling)},
          {"twins.csv", joined(kCell, kTwins)},
          {"claims.csv", kClaims},
          {"claim_tests.csv", kClaimTests}};
}

std::vector<std::string> header_of(std::string_view file) {
  std::vector<std::string> header;
  for (const FileColumns& known : run_columns()) {
    if (known.file != file) continue;
    for (const ColumnInfo& column : known.columns) header.emplace_back(column.name);
  }
  STACKHEAP_CHECK(!header.empty());
  return header;
}

}  // namespace stackheap
