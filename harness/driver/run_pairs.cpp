#include "harness/driver/run_pairs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "harness/base/error.hpp"
#include "harness/base/text.hpp"
#include "harness/driver/run_differences.hpp"
#include "harness/measure/metric_table.hpp"

namespace stackheap {
namespace {

const WorkloadInfo* workload_of(const RunFacts& facts, std::string_view name) {
  const auto info = std::find_if(facts.workloads.begin(), facts.workloads.end(),
                                 [&](const WorkloadInfo& i) { return i.name == name; });
  return info == facts.workloads.end() ? nullptr : &*info;
}

std::vector<double> values_of(const SampleTable& table, std::size_t cell, std::size_t metric) {
  std::vector<double> values;
  for (std::size_t row = 0; row < table.rounds(cell).size(); ++row) {
    const double value = table.value(cell, row, metric);
    if (!std::isnan(value)) values.push_back(value);
  }
  return values;
}

// "heap/pair/malloc/scudo/size:64/threads:1".
std::string label_of(const RunSummary& run, std::size_t cell) {
  const Cell& named = run.table.cell(cell).cell;
  const WorkloadInfo* workload = workload_of(run.facts, named.workload);
  return named.label(workload != nullptr && workload->parameter ? workload->parameter->name : "");
}

// "A, B and 3 more".
std::string some_of(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 4;
  const std::span<const std::string> all(names);
  const std::string text = join(all.first(std::min(kShown, names.size())), ", ");
  return names.size() <= kShown ? text : fmt::format("{} and {} more", text, names.size() - kShown);
}

// A cell that both runs have, with one metric's values in each.
struct Match {
  std::size_t cell = 0;  // of the later run
  std::size_t planned = 0;
  std::vector<double> base;
  std::vector<double> next;
};

class RunComparer {
 public:
  RunComparer(const RunSummary& base, const RunSummary& next, const MetricChoice& metrics,
              const std::optional<BetweenRunSpread>& spread, double margin)
      : base_(base), next_(next), metrics_(metrics), spread_(spread), margin_(margin) {}

  RunsCompared compare() {
    for (const MetricInfo& info : next_.metrics) compare(info);
    look_at_cells();
    look_at_runs();
    return std::move(result_);
  }

 private:
  static bool is_compared(const TableCell& entry) { return !entry.twin_of && !entry.anchor; }

  void compare(const MetricInfo& info) {
    const auto metric = next_.table.find_metric(info.name);
    if (!metric) return;
    std::map<std::pair<std::string, unsigned>, std::vector<Match>> families;
    for (std::size_t cell = 0; cell < next_.table.size(); ++cell) {
      const TableCell& entry = next_.table.cell(cell);
      const WorkloadInfo* workload = workload_of(next_.facts, entry.cell.workload);
      if (!is_compared(entry) || workload == nullptr || !metrics_.has(*workload, info)) continue;
      const auto same = base_.table.find_cell(entry.cell);
      if (!same) continue;
      Match match{cell, std::max(entry.planned, base_.table.cell(*same).planned),
                  values_of(base_.table, *same, *metric), values_of(next_.table, cell, *metric)};
      if (match.base.empty() || match.next.empty()) continue;
      families[{entry.block, entry.cell.threads}].push_back(std::move(match));
    }
    for (const auto& [place, matches] : families) {
      for (const Match& match : matches) add_pair(info, place.first, match, matches.size());
    }
    if (!families.empty() && !is_time_unit(info.unit)) other_units_.emplace_back(info.name);
  }

  void add_pair(const MetricInfo& info, const std::string& block, const Match& match,
                std::size_t comparisons) {
    const Cell& cell = next_.table.cell(match.cell).cell;
    // A run that looked at its intervals before it ended must be allowed for.
    const double alpha = std::min({kExactAlpha, base_.facts.alpha, next_.facts.alpha}) /
                         static_cast<double>(comparisons);
    ReportedPair pair{.block = block,
                      .variant = cell.variant,
                      .threads = cell.threads,
                      .metric = std::string(info.name),
                      .unit = std::string(info.unit),
                      .baseline = cell.allocator,
                      .candidate = cell.allocator,
                      .ratio = between_runs_ratio(match.next, match.base, alpha, spread_),
                      .verdict = Verdict::kUnresolved,
                      .rounds_needed = std::nullopt,
                      .planned = match.planned,
                      .fired = false};
    pair.verdict = judge(pair.ratio, is_time_unit(info.unit), margin_);
    result_.pairs.push_back(std::move(pair));
  }

  void look_at_cells() {
    std::vector<std::string> lost;
    std::vector<std::string> gained;
    std::vector<std::string> partial;
    std::vector<std::string> only_base;
    std::vector<std::string> only_next;
    for (std::size_t cell = 0; cell < base_.table.size(); ++cell) {
      const TableCell& before = base_.table.cell(cell);
      if (!is_compared(before)) continue;
      const std::string label = label_of(base_, cell);
      const auto same = next_.table.find_cell(before.cell);
      if (!same) {
        only_base.push_back(label);
        continue;
      }
      const TableCell& after = next_.table.cell(*same);
      if (before.ok != 0 && after.ok == 0) lost.push_back(label);
      if (before.ok == 0 && after.ok != 0) gained.push_back(label);
      if (before.ok == 0 || after.ok == 0) continue;
      if (before.ok < before.planned || after.ok < after.planned) {
        partial.push_back(fmt::format("{} {}/{} and {}/{}", label, before.ok, before.planned,
                                      after.ok, after.planned));
      }
    }
    for (std::size_t cell = 0; cell < next_.table.size(); ++cell) {
      const TableCell& after = next_.table.cell(cell);
      if (is_compared(after) && !base_.table.find_cell(after.cell)) {
        only_next.push_back(label_of(next_, cell));
      }
    }
    result_.lost = lost.size();
    note_cells("no sample ended ok in NEW, though some did in BASE", lost);
    note_cells("no sample ended ok in BASE, though some did in NEW", gained);
    note_cells("fewer samples ended ok than were planned (BASE and NEW)", partial);
    note_cells("only in BASE", only_base);
    note_cells("only in NEW", only_next);
  }

  void note_cells(const char* what, const std::vector<std::string>& cells) {
    if (cells.empty()) return;
    result_.notes.push_back(fmt::format("{}: {} cell{}: {}", what, cells.size(),
                                        cells.size() == 1 ? "" : "s", some_of(cells)));
  }

  void look_at_runs() {
    const auto allocators = allocator_differences_of(base_.facts, next_.facts);
    result_.notes.push_back(
        allocators.empty()
            ? "all allocators are the same in both runs: what differs is not theirs"
            : fmt::format("allocators that differ (BASE and NEW): {}", join(allocators, "; ")));
    if (const auto shares = share_differences_of(base_.facts, next_.facts); !shares.empty()) {
      result_.notes.push_back(
          fmt::format("operations per window differ in {}; what is per operation is comparable, "
                      "what grows with their number is not",
                      some_of(shares)));
    }
    if (spread_ && !other_units_.empty()) {
      result_.notes.push_back(
          fmt::format("how much two runs differ by themselves was calibrated by times; for {} the "
                      "same is assumed",
                      join(other_units_, ", ")));
    }
  }

  const RunSummary& base_;
  const RunSummary& next_;
  const MetricChoice& metrics_;
  const std::optional<BetweenRunSpread>& spread_;
  double margin_;
  RunsCompared result_;
  std::vector<std::string> other_units_;  // compared metrics that are no times
};

}  // namespace

MetricChoice::MetricChoice(std::vector<std::string> globs) : globs_(std::move(globs)) {
  std::vector<std::string> known;
  for (const MetricInfo& metric : sample_metrics()) {
    if (metric.comparable && metric.type != MetricType::kText) known.emplace_back(metric.name);
  }
  for (const std::string& glob : globs_) {
    if (std::none_of(known.begin(), known.end(),
                     [&](const std::string& name) { return glob_match(glob, name); })) {
      throw UserError(
          unknown_name_message("compared metric", glob, known, "stackheap list metrics"));
    }
  }
}

bool MetricChoice::has(const WorkloadInfo& workload, const MetricInfo& metric) const {
  if (!metric.comparable) return false;
  if (globs_.empty()) return metric.name == workload.ranked_by;
  return std::any_of(globs_.begin(), globs_.end(),
                     [&](const std::string& glob) { return glob_match(glob, metric.name); });
}

std::vector<ReportedPair> pairs_of_run(const RunSummary& run, const MetricChoice& metrics) {
  std::vector<ReportedPair> pairs;
  for (const ComparisonRow& row : run.summary.comparisons) {
    const Family& family = run.summary.families[row.family];
    const TableCell& candidate = run.table.cell(row.candidate);
    const Cell& baseline = run.table.cell(family.baseline).cell;
    const auto info = std::find_if(run.metrics.begin(), run.metrics.end(),
                                   [&](const MetricInfo& m) { return m.name == row.metric; });
    const WorkloadInfo* workload = workload_of(run.facts, candidate.cell.workload);
    if (candidate.cell.variant != baseline.variant || info == run.metrics.end() ||
        workload == nullptr || !metrics.has(*workload, *info)) {
      continue;
    }
    pairs.push_back({.block = candidate.block,
                     .variant = candidate.cell.variant,
                     .threads = candidate.cell.threads,
                     .metric = std::string(row.metric),
                     .unit = std::string(row.unit),
                     .baseline = baseline.allocator,
                     .candidate = candidate.cell.allocator,
                     .ratio = row.ratio,
                     .verdict = row.verdict,
                     .rounds_needed = row.rounds_needed,
                     .planned = candidate.planned,
                     .fired = false});
  }
  return pairs;
}

std::vector<RepeatedPair> repeated_pairs(const RunSummary& base, const RunSummary& next,
                                         const MetricChoice& metrics) {
  const auto label = [](const RunSummary& run, const ComparisonRow& row) {
    return fmt::format("{} {} / {}", row.metric, label_of(run, row.candidate),
                       label_of(run, run.summary.families[row.family].baseline));
  };
  std::map<std::string, RatioEstimate> of_base;
  for (const ComparisonRow& row : base.summary.comparisons) {
    of_base.emplace(label(base, row), row.ratio);
  }
  std::vector<RepeatedPair> pairs;
  for (const ComparisonRow& row : next.summary.comparisons) {
    const WorkloadInfo* workload =
        workload_of(next.facts, next.table.cell(row.candidate).cell.workload);
    const auto info = std::find_if(next.metrics.begin(), next.metrics.end(),
                                   [&](const MetricInfo& m) { return m.name == row.metric; });
    if (workload == nullptr || info == next.metrics.end() || !metrics.has(*workload, *info)) {
      continue;
    }
    std::string name = label(next, row);
    const auto before = of_base.find(name);
    if (before != of_base.end()) pairs.push_back({std::move(name), before->second, row.ratio});
  }
  return pairs;
}

RunsCompared compare_runs(const RunSummary& base, const RunSummary& next,
                          const MetricChoice& metrics,
                          const std::optional<BetweenRunSpread>& spread, double margin) {
  return RunComparer(base, next, metrics, spread, margin).compare();
}

}  // namespace stackheap
