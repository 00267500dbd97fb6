#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <string>

#include "harness/model/allocator.hpp"
#include "harness/stats/summarize.hpp"

namespace stackheap {
namespace {

Estimate divided(const Estimate& estimate, double divisor) {
  return {.point = estimate.point / divisor,
          .lower = estimate.lower / divisor,
          .upper = estimate.upper / divisor,
          .n = estimate.n};
}

class Deriver {
 public:
  Deriver(const SampleTable& table, std::span<const MetricInfo> metrics, double alpha,
          Summary& summary)
      : table_(table), metrics_(metrics), alpha_(alpha), estimator_(alpha), summary_(summary) {}

  void derive(std::size_t cell) {
    const Cell& own = table_.cell(cell).cell;
    if (table_.cell(cell).anchor) return row(cell, "drift", drift(cell));
    if (const auto floor = floor_of(own)) {
      row(cell, "loop_share", ratio(*floor, cell, "ns_per_op"));
    }
    if (own.threads == 1 || table_.cell(cell).oversubscribed) return;
    const auto single = table_.find_cell(alone(own));
    if (!single) return;
    row(cell, "cpu_excess_ns_per_op", difference(cell, *single, "cpu_ns_per_op"));
    const Estimate speedup = ratio(cell, *single, "ops_per_second");
    if (speedup.n == 0) return;
    const Estimate efficiency = divided(speedup, own.threads);
    row(cell, "speedup", speedup);
    row(cell, "efficiency", efficiency);
    summary_.scaling.push_back(
        {.cell = cell, .threads = own.threads, .speedup = speedup, .efficiency = efficiency});
  }

  // Once all cells were derived: the law of each curve, in all of its rows.
  void fit_laws() {
    std::map<Cell, std::vector<ScalingRow*>> curves;
    for (ScalingRow& row : summary_.scaling) {
      curves[alone(table_.cell(row.cell).cell)].push_back(&row);
    }
    for (auto& [single, rows] : curves) {
      std::map<unsigned, std::size_t> cells{{1U, *table_.find_cell(single)}};
      for (const ScalingRow* row : rows) cells[row->threads] = row->cell;
      const ScalingLaw law = estimate_scaling_law(curve_of(cells), alpha_);
      for (ScalingRow* row : rows) row->law = law;
    }
  }

 private:
  static Cell alone(Cell cell) {
    cell.threads = 1;
    return cell;
  }

  // `cells` by their threads.
  ScalingCurve curve_of(const std::map<unsigned, std::size_t>& cells) const {
    unsigned rounds = 0;
    for (const auto& [threads, cell] : cells) {
      if (!table_.rounds(cell).empty()) rounds = std::max(rounds, table_.rounds(cell).back() + 1);
    }
    const auto metric = table_.find_metric("ops_per_second");
    ScalingCurve curve;
    for (const auto& [threads, cell] : cells) {
      curve.threads.push_back(threads);
      std::vector<double>& values = curve.throughput.emplace_back(rounds, kNoValue);
      for (std::size_t row = 0; metric && row < table_.rounds(cell).size(); ++row) {
        values[table_.rounds(cell)[row]] = table_.value(cell, row, *metric);
      }
    }
    return curve;
  }

  // The same loop without its allocations: the variant's own where the workload has several loops,
  // `no-alloc-VARIANT`, else `no-alloc`. Nothing for these themselves.
  std::optional<std::size_t> floor_of(const Cell& own) const {
    if (own.variant.starts_with(kNoAllocVariant)) return std::nullopt;
    Cell bare = own;
    bare.allocator = kNoAllocator;
    bare.variant = std::string(kNoAllocVariant) + "-" + own.variant;
    if (const auto floor = table_.find_cell(bare)) return floor;
    bare.variant = kNoAllocVariant;
    return table_.find_cell(bare);
  }

  // Only of metrics that the metric table has: it knows their units.
  void row(std::size_t cell, std::string_view name, const Estimate& estimate) {
    const auto info = std::find_if(metrics_.begin(), metrics_.end(),
                                   [&](const MetricInfo& other) { return other.name == name; });
    if (info == metrics_.end() || estimate.n == 0) return;
    summary_.rows.push_back({.cell = cell,
                             .metric = info->name,
                             .unit = info->unit,
                             .estimate = estimate,
                             .planned = table_.cell(cell).planned});
  }

  // Calls visit(value of first, value of second) for each round in which both have the metric.
  template <class Visit>
  void for_each_pair(std::size_t first, std::size_t second, std::string_view name, Visit visit) {
    const auto metric = table_.find_metric(name);
    if (!metric) return;
    pair_rows(table_, first, second, pairs_);
    for (const auto [of_first, of_second] : pairs_) {
      const double a = table_.value(first, of_first, *metric);
      const double b = table_.value(second, of_second, *metric);
      if (!std::isnan(a) && !std::isnan(b)) visit(a, b);
    }
  }

  Estimate ratio(std::size_t above, std::size_t below, std::string_view name) {
    ratio_.clear();
    for_each_pair(above, below, name, [&](double a, double b) { ratio_.add(a, b); });
    return ratio_.estimate(estimator_);
  }

  // From the first half of its rounds to the second, each round with the one half a run later.
  Estimate drift(std::size_t cell) {
    ratio_.clear();
    const auto metric = table_.find_metric("ns_per_op");
    const std::size_t half = table_.rounds(cell).size() / 2;
    for (std::size_t i = 0; metric && i < half; ++i) {
      const std::size_t later = table_.rounds(cell).size() - half + i;
      ratio_.add(table_.value(cell, later, *metric), table_.value(cell, i, *metric));
    }
    return ratio_.estimate(estimator_);
  }

  Estimate difference(std::size_t first, std::size_t second, std::string_view name) {
    differences_.clear();
    for_each_pair(first, second, name, [&](double a, double b) { differences_.push_back(a - b); });
    return estimator_.estimate(differences_);
  }

  const SampleTable& table_;
  std::span<const MetricInfo> metrics_;
  double alpha_;
  MedianEstimator estimator_;
  Summary& summary_;
  std::vector<RowPair> pairs_;
  PairedRatio ratio_;
  std::vector<double> differences_;
};

}  // namespace

void derive(const SampleTable& table, std::span<const MetricInfo> metrics, double alpha,
            Summary& summary) {
  Deriver deriver(table, metrics, alpha, summary);
  for (std::size_t cell = 0; cell < table.size(); ++cell) {
    if (!table.cell(cell).twin_of) deriver.derive(cell);
  }
  deriver.fit_laws();
}

}  // namespace stackheap
