#include "harness/stats/summarize.hpp"

#include <algorithm>
#include <cmath>

namespace stackheap {

Summary summarize(const SampleTable& table, std::span<const MetricInfo> metrics,
                  const SummaryOptions& options) {
  Summary summary;
  summarize_cells(table, metrics, options.alpha, summary);
  derive(table, metrics, options.alpha, summary);
  std::stable_sort(summary.rows.begin(), summary.rows.end(),
                   [](const SummaryRow& a, const SummaryRow& b) { return a.cell < b.cell; });
  compare_families(table, metrics, options, summary);
  compare_twins(table, metrics, options.alpha, summary);
  return summary;
}

void summarize_cells(const SampleTable& table, std::span<const MetricInfo> metrics, double alpha,
                     Summary& summary) {
  struct Column {
    const MetricInfo* info;
    std::size_t metric;
  };
  std::vector<Column> columns;
  for (const MetricInfo& info : metrics) {
    const auto metric = table.find_metric(info.name);
    if (info.scope != MetricScope::kSample || info.type == MetricType::kText || !metric) continue;
    columns.push_back({&info, *metric});
  }
  MedianEstimator estimator(alpha);
  std::vector<double> values;
  for (std::size_t cell = 0; cell < table.size(); ++cell) {
    if (table.cell(cell).twin_of) continue;
    const std::size_t rows = table.rounds(cell).size();
    for (const auto [info, metric] : columns) {
      values.clear();
      for (std::size_t row = 0; row < rows; ++row) {
        const double value = table.value(cell, row, metric);
        if (!std::isnan(value)) values.push_back(value);
      }
      if (values.empty()) continue;
      summary.rows.push_back({.cell = cell,
                              .metric = info->name,
                              .unit = info->unit,
                              .estimate = estimator.estimate(values),
                              .planned = info->instrumented ? 1 : table.cell(cell).planned});
    }
  }
}

void compare_twins(const SampleTable& table, std::span<const MetricInfo> metrics, double alpha,
                   Summary& summary) {
  constexpr double kShareAlpha = 0.05;
  MedianEstimator estimator(alpha);
  std::vector<RowPair> pairs;
  PairedRatio one;
  for (const MetricInfo& info : metrics) {
    const auto metric = table.find_metric(info.name);
    if (!info.comparable || !metric) continue;
    PairedRatio all;
    TwinSummary total{.metric = info.name};
    for (std::size_t twin = 0; twin < table.size(); ++twin) {
      if (!table.cell(twin).twin_of) continue;
      const std::size_t cell = *table.cell(twin).twin_of;
      pair_rows(table, twin, cell, pairs);
      one.clear();
      for (const auto [of_twin, of_cell] : pairs) {
        const double a = table.value(twin, of_twin, *metric);
        const double b = table.value(cell, of_cell, *metric);
        if (std::isnan(a) || std::isnan(b)) continue;
        one.add(a, b);
        all.add(a, b);
      }
      if (one.pairs() == 0) continue;
      TwinRow row{
          .cell = cell, .twin = twin, .metric = info.name, .ratio = one.estimate(estimator)};
      row.differs = row.ratio.lower > 1 || row.ratio.upper < 1;
      if (row.ratio.has_interval()) {
        ++total.twins;
        total.differing += row.differs ? 1U : 0U;
      }
      summary.twins.push_back(row);
    }
    if (all.pairs() == 0) continue;
    total.share = clopper_pearson(total.differing, total.twins, kShareAlpha);
    total.ratio = all.estimate(estimator);
    summary.twin_summaries.push_back(total);
  }
}

}  // namespace stackheap
