// From samples to the rows of claims.csv and claim_tests.csv: what a run says of the claims of
// stack and heap. Comparing each claim's cells by hand from comparisons.csv would be the obvious
// way, but there every block is a family of its own, and a claim is a statement over several
// blocks.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/model/metric.hpp"
#include "harness/model/workload_info.hpp"
#include "harness/stats/interval.hpp"
#include "harness/stats/sample_table.hpp"
#include "harness/stats/summarize.hpp"

namespace stackheap {

enum class TestOutcome { kHolds, kFails, kUnresolved, kTold };
std::string_view to_string(TestOutcome outcome);

// One piece of evidence at one place.
struct ClaimTestRow {
  const WorkloadInfo* workload = nullptr;
  const Evidence* evidence = nullptr;
  std::string_view variant;              // the candidate's
  std::optional<std::size_t> candidate;  // cell; none where all cells of the variant count together
  std::optional<std::size_t> baseline;   // cell, of a ratio
  // Of a ratio: candidate / baseline, median over rounds, at alpha / comparisons. Of a figure: the
  // metric's median. Else the share of samples, with its Clopper-Pearson interval.
  Estimate effect;
  std::string_view unit;
  std::size_t comparisons = 1;
  std::string text = {};  // of an outcome: what the samples said, "guard_hit" or "a, b"
  TestOutcome outcome = TestOutcome::kTold;
};

enum class ClaimVerdict {
  kHolds,        // at least one test holds, none fails
  kFails,        // at least one fails, none holds
  kMixed,        // some hold, some fail
  kNotMeasured,  // none is resolved, or there is none
};
std::string_view to_string(ClaimVerdict verdict);  // "holds", "does not hold here", ...

struct ClaimRow {
  const Claim* claim = nullptr;
  ClaimVerdict verdict = ClaimVerdict::kNotMeasured;
  std::size_t held = 0;
  std::size_t failed = 0;
  std::size_t unresolved = 0;
  std::optional<std::size_t> headline;  // index of a test: its effect stands for the claim's
  std::vector<std::size_t> tests;       // indices, in the order of the claim's sentence
  std::string sentence;
};

struct ClaimSummary {
  std::vector<ClaimTestRow> tests;  // by claim
  std::vector<ClaimRow> claims;     // every claim, in their order
  double alpha = 0.05;              // as they were tested
  double margin = 0.02;
};

// The evidence is that of the workloads, which must outlive the result, as must `metrics`. Within a
// claim the judged ratios are one family of P comparisons, each at alpha / P; what is only told is
// at alpha. Margin and baseline allocator are those of the options.
ClaimSummary test_claims(const SampleTable& table, std::span<const WorkloadInfo> workloads,
                         std::span<const MetricInfo> metrics, const SummaryOptions& options);

// One sentence made of the figures: a clause for each piece of evidence that has any, then how many
// tests hold; or why nothing was measured.
std::string claim_sentence(const SampleTable& table, const ClaimSummary& summary,
                           const ClaimRow& claim);

}  // namespace stackheap
