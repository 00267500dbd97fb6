#include <cmath>
#include <map>

#include "harness/stats/summarize.hpp"

namespace stackheap {
namespace {

// One estimator for each confidence, as families differ in size.
class Estimators {
 public:
  MedianEstimator& at(double alpha) { return by_alpha_.try_emplace(alpha, alpha).first->second; }

 private:
  std::map<double, MedianEstimator> by_alpha_;
};

struct ComparedMetric {
  const MetricInfo* info;
  std::size_t index;  // in the table
};

void append_ranks(std::size_t baseline, const MetricInfo& info,
                  std::span<const ComparisonRow> comparisons, std::vector<RankRow>& ranks) {
  struct Placed {
    std::size_t cell;
    Estimate ratio;
  };
  std::vector<Placed> placed{{baseline, {.point = 1, .lower = 1, .upper = 1}}};
  for (const ComparisonRow& row : comparisons) placed.push_back({row.candidate, row.ratio});
  const bool less_is_better = info.direction == Direction::kLess;
  // False where a bound is NaN: nothing is certain then.
  const auto better = [&](const Placed& a, const Placed& b) {
    return less_is_better ? a.ratio.upper < b.ratio.lower : a.ratio.lower > b.ratio.upper;
  };
  for (const Placed& one : placed) {
    RankRow row{.family = comparisons.front().family,
                .metric = info.name,
                .cell = one.cell,
                .best = 1,
                .worst = placed.size(),
                .cells = placed.size()};
    for (const Placed& other : placed) {
      if (better(other, one)) ++row.best;
      if (better(one, other)) --row.worst;
    }
    ranks.push_back(row);
  }
}

class FamilyComparer {
 public:
  FamilyComparer(const SampleTable& table, const SummaryOptions& options, Summary& summary)
      : table_(table), options_(options), summary_(summary) {}

  // A family of summary.families.
  void compare(std::size_t index, std::span<const ComparedMetric> metrics) {
    const Family& family = summary_.families[index];
    pairs_.resize(family.candidates.size());
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      pair_rows(table_, family.candidates[i], family.baseline, pairs_[i]);
    }
    for (const ComparedMetric& metric : metrics) compare(index, metric);
  }

 private:
  void compare(std::size_t index, const ComparedMetric& metric) {
    const Family& family = summary_.families[index];
    ratios_.resize(family.candidates.size());
    std::size_t comparisons = 0;
    for (std::size_t i = 0; i < ratios_.size(); ++i) {
      collect(family.candidates[i], family.baseline, metric.index, i);
      if (ratios_[i].pairs() > 0) ++comparisons;
    }
    if (comparisons == 0) return;
    const bool is_time = is_time_unit(metric.info->unit);
    const std::size_t begin = summary_.comparisons.size();
    for (std::size_t i = 0; i < ratios_.size(); ++i) {
      if (ratios_[i].pairs() == 0) continue;
      ComparisonRow row{.family = index,
                        .metric = metric.info->name,
                        .unit = metric.info->unit,
                        .candidate = family.candidates[i],
                        .comparisons = comparisons};
      const double alpha = options_.alpha / static_cast<double>(comparisons);
      row.ratio = ratios_[i].estimate(estimators_.at(alpha));
      const double layouts =
          is_speed_unit(metric.info->unit) ? widening(options_.layout_spread, alpha) : 0;
      row.ratio = widened(row.ratio, layouts);
      row.verdict = judge(row.ratio, is_time, options_.margin);
      // Where no pair was usable (all zero), more of them promise nothing.
      if (row.verdict == Verdict::kUnresolved && row.ratio.n > 0) {
        row.rounds_needed =
            rounds_needed(row.ratio, options_.margin, options_.alpha, comparisons, layouts);
      }
      summary_.comparisons.push_back(row);
    }
    if (metric.info->direction == Direction::kNone) return;
    append_ranks(family.baseline, *metric.info, std::span(summary_.comparisons).subspan(begin),
                 summary_.ranks);
  }

  void collect(std::size_t candidate, std::size_t baseline, std::size_t metric, std::size_t i) {
    ratios_[i].clear();
    for (const auto [of_candidate, of_baseline] : pairs_[i]) {
      const double a = table_.value(candidate, of_candidate, metric);
      const double b = table_.value(baseline, of_baseline, metric);
      if (!std::isnan(a) && !std::isnan(b)) ratios_[i].add(a, b);
    }
  }

  const SampleTable& table_;
  const SummaryOptions& options_;
  Summary& summary_;
  Estimators estimators_;
  std::vector<std::vector<RowPair>> pairs_;  // of each candidate with the baseline
  std::vector<PairedRatio> ratios_;
};

}  // namespace

void compare_families(const SampleTable& table, std::span<const MetricInfo> metrics,
                      const SummaryOptions& options, Summary& summary) {
  std::vector<ComparedMetric> compared;
  for (const MetricInfo& info : metrics) {
    const auto index = table.find_metric(info.name);
    if (info.comparable && info.type != MetricType::kText && index) {
      compared.push_back({&info, *index});
    }
  }
  FamilyComparer comparer(table, options, summary);
  summary.families = find_families(table, options.baselines);
  for (std::size_t i = 0; i < summary.families.size(); ++i) comparer.compare(i, compared);
}

}  // namespace stackheap
