#include "harness/driver/precision_watch.hpp"

#include <algorithm>
#include <cmath>

#include "harness/base/error.hpp"
#include "harness/base/text.hpp"
#include "harness/measure/metric_table.hpp"
#include "harness/stats/stopping.hpp"

namespace stackheap {

PrecisionWatch::PrecisionWatch(const Plan& plan, AdaptiveOptions options)
    : options_(std::move(options)) {
  for (const Block& block : plan.blocks) {
    const auto info =
        std::find_if(options_.workloads.begin(), options_.workloads.end(),
                     [&](const WorkloadInfo& workload) { return workload.name == block.workload; });
    STACKHEAP_CHECK(info != options_.workloads.end());
    const MetricRow* metric = find_metric(info->ranked_by);
    STACKHEAP_CHECK(metric != nullptr);
    Watched watched{SampleTable({std::string(metric->info.name)}), metric->info, {}};
    for (const PlannedCell& planned : block.cells) {
      TableCell cell;
      cell.cell = planned.cell;
      cell.block = block.name;
      cell.oversubscribed = planned.oversubscribed;
      watched.cells[planned.cell] = watched.table.add_cell(std::move(cell));
    }
    blocks_.push_back(std::move(watched));
  }
}

void PrecisionWatch::add(std::size_t block, const Sample& sample) {
  if (sample.kind != SampleKind::kTimed || sample.result.status != Status::kOk) return;
  Watched& watched = blocks_.at(block);
  for (const MetricValue& metric : sample.result.metrics) {
    if (metric.name != watched.metric.name) continue;
    double value = parse_real(metric.text).value_or(std::nan(""));
    if (watched.metric.per_operation) value /= static_cast<double>(sample.result.operations);
    watched.table.add(watched.cells.at(sample.cell), sample.round, {&value, 1});
  }
}

PrecisionWatch::Look PrecisionWatch::look(std::size_t block) const {
  const Watched& watched = blocks_.at(block);
  Summary summary;
  // Rounds do not narrow what layouts add, so precision is that of the sampling alone.
  STACKHEAP_CHECK(options_.summary.layout_spread == 0);
  compare_families(watched.table, {&watched.metric, 1}, options_.summary, summary);
  Look look{.precise = true, .more_rounds = 0};
  for (const ComparisonRow& row : summary.comparisons) {
    const std::size_t more =
        more_rounds_for(row.ratio, options_.precision, options_.summary.alpha, row.comparisons);
    if (more == 0) continue;
    look.precise = false;
    look.more_rounds = std::max(look.more_rounds, more);
  }
  return look;
}

}  // namespace stackheap
