#include "harness/driver/summary_order.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>

namespace stackheap {
namespace {

// Where a cell stands among all of the table.
std::vector<std::size_t> positions_of(const SampleTable& table, const RunFacts& facts) {
  std::map<std::pair<std::string, std::string>, std::size_t> variants;
  for (const WorkloadInfo& info : facts.workloads) {
    for (const VariantInfo& variant : info.variants) {
      variants.emplace(std::pair(info.name, variant.name), variants.size());
    }
  }
  const auto key = [&](std::size_t index) {
    const Cell& cell = table.cell(index).cell;
    const auto variant = variants.find({cell.workload, cell.variant});
    return std::tuple(cell.workload, cell.parameter, cell.threads,
                      variant == variants.end() ? variants.size() : variant->second,
                      cell.allocator != facts.baseline_allocator, cell.allocator, index);
  };
  std::vector<std::size_t> order(table.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return key(a) < key(b); });
  std::vector<std::size_t> positions(table.size());
  for (std::size_t i = 0; i < order.size(); ++i) positions[order[i]] = i;
  return positions;
}

template <class Rows, class Key>
void sort_by(Rows& rows, Key key) {
  std::stable_sort(rows.begin(), rows.end(),
                   [&](const auto& a, const auto& b) { return key(a) < key(b); });
}

}  // namespace

void sort_summary(const SampleTable& table, const RunFacts& facts,
                  std::span<const MetricInfo> metrics, Summary& summary) {
  const std::vector<std::size_t> positions = positions_of(table, facts);
  std::map<std::string_view, std::size_t> metric_index;
  for (const MetricInfo& metric : metrics) metric_index.emplace(metric.name, metric_index.size());
  const auto family_key = [&](std::size_t family) {
    return std::tuple(positions[summary.families[family].baseline], family);
  };
  sort_by(summary.rows, [&](const SummaryRow& row) { return positions[row.cell]; });
  sort_by(summary.comparisons, [&](const ComparisonRow& row) {
    return std::tuple(family_key(row.family), metric_index[row.metric], positions[row.candidate]);
  });
  sort_by(summary.ranks, [&](const RankRow& row) {
    return std::tuple(family_key(row.family), metric_index[row.metric], positions[row.cell]);
  });
  sort_by(summary.scaling, [&](const ScalingRow& row) { return positions[row.cell]; });
}

}  // namespace stackheap
