#include "harness/driver/summarize_run.hpp"

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <set>
#include <stdexcept>

#include "harness/base/csv.hpp"
#include "harness/base/file.hpp"
#include "harness/driver/claims_csv.hpp"
#include "harness/driver/run_columns.hpp"
#include "harness/driver/sample_file.hpp"
#include "harness/driver/summary_order.hpp"
#include "harness/measure/metric_table.hpp"

namespace stackheap {
namespace {

std::vector<MetricInfo> summarised_metrics() {
  std::vector<MetricInfo> metrics;
  for (MetricInfo metric : all_metrics()) {
    if (metric.type == MetricType::kText) continue;
    if (metric.per_operation) metric.unit = "1/op";
    metrics.push_back(metric);
  }
  return metrics;
}

std::vector<std::string> names(const std::vector<MetricInfo>& metrics) {
  std::vector<std::string> result;
  for (const MetricInfo& metric : metrics) result.emplace_back(metric.name);
  return result;
}

class Loader {
 public:
  explicit Loader(RunSummary& run) : run_(run) {
    for (const MetricInfo& metric : sample_metrics()) {
      per_operation_.push_back(metric.per_operation);
      instrumented_.push_back(metric.instrumented);
    }
    std::set<std::size_t> texts;
    for (const WorkloadInfo& info : run.facts.workloads) {
      workloads_.insert(info.name);
      for (const Evidence& evidence : info.claims) {
        const auto metric = run.table.find_metric(evidence.metric);
        if (evidence.kind == EvidenceKind::kOutcome && metric) texts.insert(*metric);
      }
    }
    claimed_texts_.assign(texts.begin(), texts.end());
  }

  void add(SampleRow row) {
    ++run_.rows;
    if (is_failure(row.status)) ++run_.failed;
    if (row.kind == SampleKind::kLead) return;
    const bool timed = row.kind != SampleKind::kInstrumented;
    const std::size_t at = cell_of(row);
    unsigned& rounds = rounds_seen_[row.block];
    rounds = std::max(rounds, row.round + 1);
    if (timed && row.status == Status::kFailedCheck) ++run_.table.cell(at).failed_checks;
    if (row.status != Status::kOk) return;
    if (timed) {
      ++run_.table.cell(at).ok;
      add_texts(at, row);
    }
    for (std::size_t i = 0; i < row.metrics.size(); ++i) {
      // Each metric comes from one kind of sample; an instrumented one's times are worth nothing.
      if (instrumented_[i] == timed) row.metrics[i] = std::nan("");
      if (!per_operation_[i]) continue;
      // Of no operations there is no such number; a division would make it infinite.
      row.metrics[i] =
          row.operations == 0 ? std::nan("") : row.metrics[i] / static_cast<double>(row.operations);
    }
    run_.table.add(at, row.round, row.metrics);
  }

  // An adaptive run ends when its pairs are precise, so what was planned is what was reached.
  void finish() {
    if (!run_.facts.adaptive) return;
    for (std::size_t i = 0; i < run_.table.size(); ++i) {
      run_.table.cell(i).planned = rounds_seen_.at(run_.table.cell(i).block);
    }
  }

 private:
  // Its index in the table, where it is entered if it is new; a twin after the cell it repeats.
  std::size_t cell_of(const SampleRow& row) {
    const auto known = cells_.find(row.cell);
    const std::size_t cell =
        known != cells_.end() ? known->second : (cells_[row.cell] = add_cell(row, std::nullopt));
    if (const std::string& block = run_.table.cell(cell).block; block != row.block) {
      throw std::invalid_argument(
          fmt::format("block {}: this cell stands in block {} further up", row.block, block));
    }
    if (row.kind != SampleKind::kTwin) return cell;
    const auto twin = twins_.find(cell);
    return twin != twins_.end() ? twin->second : (twins_[cell] = add_cell(row, cell));
  }

  std::size_t add_cell(const SampleRow& row, std::optional<std::size_t> twin_of) {
    TableCell cell;
    if (!workloads_.contains(row.cell.workload)) {
      throw std::invalid_argument(
          fmt::format("workload {} is not in run.json; the files are of different runs, or one of "
                      "them was edited",
                      row.cell.workload));
    }
    cell.cell = row.cell;
    cell.block = row.block;
    cell.oversubscribed = row.oversubscribed;
    cell.anchor = row.kind == SampleKind::kAnchor;
    cell.twin_of = twin_of;
    const auto rounds = run_.facts.block_rounds.find(row.block);
    cell.planned = rounds == run_.facts.block_rounds.end() ? run_.facts.rounds : rounds->second;
    return run_.table.add_cell(std::move(cell));
  }

  void add_texts(std::size_t cell, const SampleRow& row) {
    for (const std::size_t metric : claimed_texts_) {
      const std::string_view text = row.texts[metric];
      if (!text.empty()) run_.table.add_text(cell, run_.table.metrics()[metric], text);
    }
  }

  RunSummary& run_;
  std::vector<bool> per_operation_;
  std::vector<bool> instrumented_;
  std::set<std::string, std::less<>> workloads_;
  std::vector<std::size_t> claimed_texts_;  // the text metrics that a claim is tested by
  std::map<Cell, std::size_t> cells_;
  std::map<std::size_t, std::size_t> twins_;     // by the cell they repeat
  std::map<std::string, unsigned> rounds_seen_;  // by block
};

// The columns that name a cell, as in samples.csv.
std::vector<std::string> cell_fields(const TableCell& table_cell, const RunFacts& facts) {
  const Cell& cell = table_cell.cell;
  std::string parameter;
  for (const WorkloadInfo& info : facts.workloads) {
    if (info.name == cell.workload && info.parameter) parameter = info.parameter->name;
  }
  return {table_cell.block,
          cell.workload.substr(0, cell.workload.find('/')),
          cell.workload,
          cell.variant,
          cell.allocator,
          parameter,
          cell.parameter ? fmt::format("{}", *cell.parameter) : "",
          fmt::format("{}", cell.threads),
          table_cell.oversubscribed ? "1" : "0"};
}

void append(std::string& text, std::vector<std::string> fields) {
  text += csv_row(fields);
}

std::string summary_csv(const RunSummary& run) {
  std::string text = csv_row(header_of("summary.csv"));
  for (const SummaryRow& row : run.summary.rows) {
    std::vector<std::string> fields = cell_fields(run.table.cell(row.cell), run.facts);
    for (std::string field :
         {std::string(row.metric), std::string(row.unit), csv_number(row.estimate.point),
          csv_number(row.estimate.lower), csv_number(row.estimate.upper),
          fmt::format("{}", row.estimate.n), fmt::format("{}", row.planned)}) {
      fields.push_back(std::move(field));
    }
    append(text, std::move(fields));
  }
  return text;
}

std::string comparisons_csv(const RunSummary& run) {
  std::string text = csv_row(header_of("comparisons.csv"));
  for (const ComparisonRow& row : run.summary.comparisons) {
    const std::vector<std::string> cell = cell_fields(run.table.cell(row.candidate), run.facts);
    const Family& family = run.summary.families[row.family];
    const Cell& baseline = run.table.cell(family.baseline).cell;
    // What an interval covers, also where looking at it again and again needed a smaller alpha.
    const double confidence = 1 - kExactAlpha / static_cast<double>(row.comparisons);
    append(text,
           {family.block, family.name, cell[2], cell[5], cell[6], cell[7], std::string(row.metric),
            baseline.variant, baseline.allocator, cell[3], cell[4], csv_number(row.ratio.point),
            csv_number(row.ratio.lower), csv_number(row.ratio.upper), csv_number(confidence),
            fmt::format("{}", row.ratio.n), std::string(to_string(row.verdict)),
            row.rounds_needed ? fmt::format("{}", *row.rounds_needed) : ""});
  }
  return text;
}

std::string twins_csv(const RunSummary& run) {
  std::string text = csv_row(header_of("twins.csv"));
  for (const TwinRow& row : run.summary.twins) {
    std::vector<std::string> fields = cell_fields(run.table.cell(row.cell), run.facts);
    fields.pop_back();  // oversubscribed
    for (std::string field :
         {std::string(row.metric), csv_number(row.ratio.point), csv_number(row.ratio.lower),
          csv_number(row.ratio.upper), fmt::format("{}", row.ratio.n),
          std::string(row.ratio.has_interval() ? (row.differs ? "1" : "0") : "")}) {
      fields.push_back(std::move(field));
    }
    append(text, std::move(fields));
  }
  return text;
}

std::string scaling_csv(const RunSummary& run) {
  std::string text = csv_row(header_of("scaling.csv"));
  for (const ScalingRow& row : run.summary.scaling) {
    std::vector<std::string> fields = cell_fields(run.table.cell(row.cell), run.facts);
    fields.pop_back();  // oversubscribed: such cells have no row here
    for (const double value : {row.speedup.point, row.speedup.lower, row.speedup.upper,
                               row.efficiency.point, row.efficiency.lower, row.efficiency.upper}) {
      fields.push_back(csv_number(value));
    }
    fields.push_back(fmt::format("{}", row.speedup.n));
    for (const Estimate* of : {&row.law.sigma, &row.law.kappa, &row.law.peak_threads}) {
      for (const double value : {of->point, of->lower, of->upper}) {
        fields.push_back(std::isfinite(value) ? csv_number(value) : "");
      }
    }
    fields.push_back(row.law.not_fitted);
    append(text, std::move(fields));
  }
  return text;
}

}  // namespace

SummaryOptions summary_options(std::span<const WorkloadInfo> workloads,
                               const std::string& baseline_allocator) {
  SummaryOptions options;
  options.baselines.allocator = baseline_allocator;
  for (const WorkloadInfo& info : workloads) {
    options.baselines.variants[info.name] = info.baseline_variant;
  }
  return options;
}

RunSummary load_samples(const RunFolder& folder) {
  RunSummary run{.facts = read_run_facts(folder.run_json()),
                 .table = SampleTable(names(sample_metrics())),
                 .metrics = summarised_metrics(),
                 .summary = {},
                 .claims = {}};
  SampleFile file(folder.samples());
  Loader loader(run);
  run.torn = !file.for_each([&](SampleLine& line) { loader.add(std::move(line.row)); });
  loader.finish();
  return run;
}

RunSummary load_run(const RunFolder& folder) {
  RunSummary run = load_samples(folder);
  SummaryOptions options = summary_options(run.facts.workloads, run.facts.baseline_allocator);
  options.alpha = run.facts.alpha;
  options.margin = run.facts.margin;
  options.layout_spread = run.facts.layout_spread;
  run.summary = summarize(run.table, run.metrics, options);
  sort_summary(run.table, run.facts, run.metrics, run.summary);
  run.claims = test_claims(run.table, run.facts.workloads, run.metrics, options);
  return run;
}

void write_summary(const RunFolder& folder, const RunSummary& run) {
  write_file_atomically(folder.summary(), summary_csv(run));
  write_file_atomically(folder.comparisons(), comparisons_csv(run));
  write_file_atomically(folder.scaling(), scaling_csv(run));
  write_file_atomically(folder.twins(), twins_csv(run));
  write_file_atomically(folder.claims(), claims_csv(run));
  write_file_atomically(folder.claim_tests(), claim_tests_csv(run));
}

}  // namespace stackheap
