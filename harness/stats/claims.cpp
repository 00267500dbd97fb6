#include "harness/stats/claims.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "harness/model/allocator.hpp"
#include "harness/stats/verdict.hpp"

namespace stackheap {
namespace {

template <class List, class Value>
bool names(const List& list, const Value& value) {
  return list.empty() || std::find(list.begin(), list.end(), value) != list.end();
}

TestOutcome judge_ratio(const Estimate& ratio, Expectation expectation, double margin) {
  if (expectation == Expectation::kTold) return TestOutcome::kTold;
  const Verdict wanted = expectation == Expectation::kMore ? Verdict::kHigher : Verdict::kLower;
  const Verdict found = judge(ratio, /*is_time=*/false, margin);
  if (found == Verdict::kUnresolved) return TestOutcome::kUnresolved;
  return found == wanted ? TestOutcome::kHolds : TestOutcome::kFails;
}

// The tests of one claim, in the order of its sentence.
class ClaimTester {
 public:
  ClaimTester(const SampleTable& table, std::span<const MetricInfo> metrics,
              const SummaryOptions& options)
      : table_(table), metrics_(metrics), options_(options) {}

  std::vector<ClaimTestRow> test(std::span<const WorkloadInfo> workloads, unsigned claim) {
    tests_.clear();
    pairs_.clear();
    for (const bool headline : {true, false}) {
      for (const WorkloadInfo& workload : workloads) {
        for (const Evidence& evidence : workload.claims) {
          if (evidence.claim != claim || evidence.headline != headline) continue;
          add(workload, evidence);
        }
      }
    }
    estimate_ratios();
    return std::move(tests_);
  }

 private:
  void add(const WorkloadInfo& workload, const Evidence& evidence) {
    if (evidence.kind == EvidenceKind::kVerified) return add_verified(workload, evidence);
    for (const std::size_t cell : candidates(workload, evidence)) {
      ClaimTestRow row{.workload = &workload,
                       .evidence = &evidence,
                       .variant = table_.cell(cell).cell.variant,
                       .candidate = cell,
                       .baseline = {},
                       .effect = {},
                       .unit = "1"};
      switch (evidence.kind) {
        case EvidenceKind::kVerified:
          break;  // above: of no single cell
        case EvidenceKind::kOutcome:
          add_outcome(std::move(row));
          break;
        case EvidenceKind::kFigure:
          add_figure(std::move(row));
          break;
        case EvidenceKind::kRatio:
          add_ratio(std::move(row));
          break;
      }
    }
  }

  // By variant, allocator, threads and value: a run's cells come in another order in every round.
  std::vector<std::size_t> candidates(const WorkloadInfo& workload,
                                      const Evidence& evidence) const {
    std::vector<std::size_t> cells;
    for (std::size_t cell = 0; cell < table_.size(); ++cell) {
      if (is_candidate(workload, evidence, cell)) cells.push_back(cell);
    }
    const auto key = [&](std::size_t index) {
      const Cell& cell = table_.cell(index).cell;
      return std::tuple(workload.find_variant(cell.variant), cell.allocator, cell.threads,
                        cell.parameter);
    };
    std::sort(cells.begin(), cells.end(),
              [&](std::size_t a, std::size_t b) { return key(a) < key(b); });
    return cells;
  }

  bool has_place(const WorkloadInfo& workload, const Evidence& evidence, std::size_t index) const {
    const TableCell& entry = table_.cell(index);
    const Cell& cell = entry.cell;
    return !entry.twin_of && cell.workload == workload.name &&
           names(evidence.variants, cell.variant) &&
           (evidence.values.empty() ||
            (cell.parameter && names(evidence.values, *cell.parameter))) &&
           cell.threads >= evidence.minimum_threads;
  }

  bool is_candidate(const WorkloadInfo& workload, const Evidence& evidence,
                    std::size_t index) const {
    if (!has_place(workload, evidence, index) || table_.cell(index).oversubscribed) return false;
    const Cell& cell = table_.cell(index).cell;
    // An interface of one allocator is no more the heap than any other allocator's.
    if (!evidence.baseline_allocator.empty()) return cell.allocator != kNoAllocator;
    return cell.allocator == kNoAllocator || cell.allocator == options_.baselines.allocator;
  }

  // One test for each variant: all its samples together.
  void add_verified(const WorkloadInfo& workload, const Evidence& evidence) {
    for (const VariantInfo& variant : workload.variants) {
      std::size_t right = 0;
      std::size_t wrong = 0;
      for (std::size_t cell = 0; cell < table_.size(); ++cell) {
        if (!has_place(workload, evidence, cell)) continue;
        if (table_.cell(cell).cell.variant != variant.name) continue;
        right += table_.cell(cell).ok;
        wrong += table_.cell(cell).failed_checks;
      }
      if (right + wrong == 0) continue;
      tests_.push_back({.workload = &workload,
                        .evidence = &evidence,
                        .variant = variant.name,
                        .candidate = {},
                        .baseline = {},
                        .effect = clopper_pearson(right, right + wrong, options_.alpha),
                        .unit = "1",
                        .outcome = wrong == 0 ? TestOutcome::kHolds : TestOutcome::kFails});
    }
  }

  void add_outcome(ClaimTestRow row) {
    std::size_t all = 0;
    std::size_t wanted = 0;
    for (const auto& [text, count] : table_.texts(*row.candidate, row.evidence->metric)) {
      all += count;
      if (text == row.evidence->outcome) wanted += count;
      row.text += (row.text.empty() ? "" : ", ") + text;
    }
    if (all == 0) return;
    if (row.evidence->outcome.empty()) {
      row.unit = "";
      tests_.push_back(std::move(row));
      return;
    }
    row.effect = clopper_pearson(wanted, all, options_.alpha);
    row.outcome = wanted == all ? TestOutcome::kHolds : TestOutcome::kFails;
    tests_.push_back(std::move(row));
  }

  void add_figure(ClaimTestRow row) {
    const auto metric = table_.find_metric(row.evidence->metric);
    if (!metric) return;
    std::vector<double> values;
    for (std::size_t i = 0; i < table_.rounds(*row.candidate).size(); ++i) {
      values.push_back(table_.value(*row.candidate, i, *metric));
    }
    row.effect = median_estimate(values, options_.alpha);
    if (row.effect.n == 0) return;
    row.unit = unit_of(row.evidence->metric);
    tests_.push_back(std::move(row));
  }

  std::optional<std::size_t> find_baseline(const ClaimTestRow& row) const {
    const Evidence& evidence = *row.evidence;
    Cell cell = table_.cell(*row.candidate).cell;
    if (evidence.baseline_value) cell.parameter = evidence.baseline_value;
    if (!evidence.baseline_allocator.empty()) cell.allocator = evidence.baseline_allocator;
    if (!evidence.baseline_variant.empty()) {
      cell.variant = evidence.baseline_variant;
      const VariantInfo* variant = row.workload->find_variant(cell.variant);
      cell.allocator = variant != nullptr && variant->uses_heap ? options_.baselines.allocator
                                                                : std::string(kNoAllocator);
    }
    return cell == table_.cell(*row.candidate).cell ? std::nullopt : table_.find_cell(cell);
  }

  void add_ratio(ClaimTestRow row) {
    const auto metric = table_.find_metric(row.evidence->metric);
    row.baseline = find_baseline(row);
    if (!metric || !row.baseline) return;
    std::vector<RowPair> rows;
    pair_rows(table_, *row.candidate, *row.baseline, rows);
    PairedRatio ratio;
    for (const auto [of_candidate, of_baseline] : rows) {
      const double a = table_.value(*row.candidate, of_candidate, *metric);
      const double b = table_.value(*row.baseline, of_baseline, *metric);
      if (!std::isnan(a) && !std::isnan(b)) ratio.add(a, b);
    }
    if (ratio.pairs() == 0) return;
    pairs_.emplace(tests_.size(), std::move(ratio));
    tests_.push_back(std::move(row));
  }

  void estimate_ratios() {
    std::size_t judged = 0;
    for (const auto& [test, ratio] : pairs_) {
      if (tests_[test].evidence->expectation != Expectation::kTold) ++judged;
    }
    for (auto& [test, ratio] : pairs_) {
      ClaimTestRow& row = tests_[test];
      if (row.evidence->expectation != Expectation::kTold) row.comparisons = judged;
      const double alpha = options_.alpha / static_cast<double>(row.comparisons);
      MedianEstimator estimator(alpha);
      const bool speed = is_speed_unit(unit_of(row.evidence->metric));
      row.effect =
          widened(ratio.estimate(estimator), speed ? widening(options_.layout_spread, alpha) : 0);
      row.outcome = judge_ratio(row.effect, row.evidence->expectation, options_.margin);
    }
  }

  std::string_view unit_of(std::string_view metric) const {
    const auto info = std::find_if(metrics_.begin(), metrics_.end(),
                                   [&](const MetricInfo& other) { return other.name == metric; });
    return info == metrics_.end() ? std::string_view() : info->unit;
  }

  const SampleTable& table_;
  std::span<const MetricInfo> metrics_;
  const SummaryOptions& options_;
  std::vector<ClaimTestRow> tests_;
  std::map<std::size_t, PairedRatio> pairs_;  // by test
};

ClaimVerdict verdict_of(const ClaimRow& row) {
  if (row.held != 0) return row.failed == 0 ? ClaimVerdict::kHolds : ClaimVerdict::kMixed;
  return row.failed == 0 ? ClaimVerdict::kNotMeasured : ClaimVerdict::kFails;
}

// The first judged test that is resolved, else the first with an interval.
std::optional<std::size_t> headline_of(const ClaimSummary& summary, const ClaimRow& row) {
  std::optional<std::size_t> second;
  for (const std::size_t test : row.tests) {
    const TestOutcome outcome = summary.tests[test].outcome;
    if (outcome == TestOutcome::kHolds || outcome == TestOutcome::kFails) return test;
    if (!second && summary.tests[test].effect.has_interval()) second = test;
  }
  return second;
}

}  // namespace

std::string_view to_string(TestOutcome outcome) {
  switch (outcome) {
    case TestOutcome::kHolds:
      return "holds";
    case TestOutcome::kFails:
      return "does not hold here";
    case TestOutcome::kUnresolved:
      return "unresolved";
    case TestOutcome::kTold:
      return "told";
  }
  return "";
}

std::string_view to_string(ClaimVerdict verdict) {
  switch (verdict) {
    case ClaimVerdict::kHolds:
      return "holds";
    case ClaimVerdict::kFails:
      return "does not hold here";
    case ClaimVerdict::kMixed:
      return "mixed";
    case ClaimVerdict::kNotMeasured:
      return "not measured";
  }
  return "";
}

ClaimSummary test_claims(const SampleTable& table, std::span<const WorkloadInfo> workloads,
                         std::span<const MetricInfo> metrics, const SummaryOptions& options) {
  ClaimSummary summary;
  summary.alpha = options.alpha;
  summary.margin = options.margin;
  ClaimTester tester(table, metrics, options);
  for (const Claim& claim : claims()) {
    ClaimRow row{.claim = &claim, .headline = {}, .tests = {}, .sentence = {}};
    for (ClaimTestRow& test : tester.test(workloads, claim.number)) {
      row.held += test.outcome == TestOutcome::kHolds ? 1U : 0U;
      row.failed += test.outcome == TestOutcome::kFails ? 1U : 0U;
      row.unresolved += test.outcome == TestOutcome::kUnresolved ? 1U : 0U;
      row.tests.push_back(summary.tests.size());
      summary.tests.push_back(std::move(test));
    }
    row.verdict = verdict_of(row);
    row.headline = headline_of(summary, row);
    summary.claims.push_back(std::move(row));
  }
  for (ClaimRow& row : summary.claims) row.sentence = claim_sentence(table, summary, row);
  return summary;
}

}  // namespace stackheap
