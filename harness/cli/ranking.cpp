#include "harness/cli/ranking.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "harness/cli/terminal.hpp"

namespace stackheap {
namespace {

struct Line {
  std::string name;
  std::size_t best = 1;
  std::size_t worst = 1;
  Estimate value;
  std::size_t planned = 0;
  const ComparisonRow* comparison = nullptr;  // null: the baseline itself
};

struct Table {
  std::string title;
  std::string unit;
  double scale = 1;  // from the metric's unit to this one
  std::vector<Line> lines;
};

bool is_of_variants(std::string_view family) {
  return family.starts_with("variants");
}

std::string interval(const Estimate& estimate) {
  if (!estimate.has_interval()) return "no interval";
  return three_digits(estimate.lower) + " - " + three_digits(estimate.upper);
}

const WorkloadInfo* find_info(const RunFacts& facts, std::string_view name) {
  const auto info = std::find_if(facts.workloads.begin(), facts.workloads.end(),
                                 [&](const WorkloadInfo& i) { return i.name == name; });
  return info == facts.workloads.end() ? nullptr : &*info;
}

// What the cell's workload is ranked by.
std::string_view metric_of(const RunSummary& run, std::size_t cell) {
  const WorkloadInfo* info = find_info(run.facts, run.table.cell(cell).cell.workload);
  return info == nullptr ? "ns_per_op" : std::string_view(info->ranked_by);
}

std::string title_of(const RunSummary& run, const Family& family) {
  const TableCell& table_cell = run.table.cell(family.baseline);
  const Cell& cell = table_cell.cell;
  const WorkloadInfo* info = find_info(run.facts, cell.workload);
  std::string title = cell.workload;
  if (cell.parameter && info != nullptr && info->parameter) {
    const std::string& unit = info->parameter->unit;
    title += fmt::format(", {} {}{}", info->parameter->name, *cell.parameter,
                         unit.empty() || unit == "count" ? "" : " " + unit);
  }
  title += fmt::format(", {} thread{}", cell.threads, cell.threads == 1 ? "" : "s");
  if (table_cell.oversubscribed) title += " (more than CPUs)";
  title += is_of_variants(family.name) ? ": variants" : ": allocators of " + cell.variant;
  return title;
}

Table table_of(const RunSummary& run, const Family& family, std::string_view metric) {
  Table table{.title = title_of(run, family), .unit = "ns/op", .scale = 1, .lines = {}};
  if (metric == "ns_per_op") return table;
  table.title += fmt::format(", by {}", metric);
  const auto info = std::find_if(run.metrics.begin(), run.metrics.end(),
                                 [&](const MetricInfo& known) { return known.name == metric; });
  table.unit = info == run.metrics.end() ? "" : std::string(info->unit);
  if (table.unit == "B") {
    table.unit = "MiB";
    table.scale = 1.0 / (1 << 20);
  }
  return table;
}

std::vector<Table> collect(const RunSummary& run) {
  std::map<std::size_t, const SummaryRow*> values;
  for (const SummaryRow& row : run.summary.rows) {
    if (row.metric == metric_of(run, row.cell)) values[row.cell] = &row;
  }
  std::map<std::pair<std::size_t, std::size_t>, const ComparisonRow*> pairs;
  for (const ComparisonRow& row : run.summary.comparisons) {
    if (row.metric == metric_of(run, row.candidate)) pairs[{row.family, row.candidate}] = &row;
  }
  std::vector<Table> tables;
  std::map<std::size_t, std::size_t> index;  // family -> table
  for (const RankRow& row : run.summary.ranks) {
    if (row.metric != metric_of(run, row.cell)) continue;
    const Family& family = run.summary.families[row.family];
    const auto [at, is_new] = index.try_emplace(row.family, tables.size());
    if (is_new) tables.push_back(table_of(run, family, row.metric));
    const TableCell& cell = run.table.cell(row.cell);
    Line line;
    line.name = is_of_variants(family.name) ? cell.cell.variant : cell.cell.allocator;
    line.best = row.best;
    line.worst = row.worst;
    if (const auto value = values.find(row.cell); value != values.end()) {
      line.value = value->second->estimate;
      line.planned = value->second->planned;
    }
    const auto pair = pairs.find({row.family, row.cell});
    line.comparison = pair == pairs.end() ? nullptr : pair->second;
    tables[at->second].lines.push_back(std::move(line));
  }
  for (Table& table : tables) {
    std::stable_sort(table.lines.begin(), table.lines.end(), [](const Line& a, const Line& b) {
      return std::make_tuple(a.best, a.worst, a.value.point) <
             std::make_tuple(b.best, b.worst, b.value.point);
    });
  }
  return tables;
}

std::string verdict_text(const Line& line, bool colour) {
  if (line.comparison == nullptr) return painted("baseline", Colour::kFaint, colour);
  const ComparisonRow& row = *line.comparison;
  std::string text(to_string(row.verdict));
  if (row.verdict == Verdict::kUnresolved && row.rounds_needed) {
    text += fmt::format(" (needs {})", *row.rounds_needed);
  }
  const Colour tone = row.verdict == Verdict::kFaster   ? Colour::kGood
                      : row.verdict == Verdict::kSlower ? Colour::kBad
                                                        : Colour::kFaint;
  return painted(text, tone, colour);
}

std::string line_text(const Line& line, bool colour) {
  const std::string rank = line.best == line.worst ? fmt::format("{}", line.best)
                                                   : fmt::format("{}-{}", line.best, line.worst);
  const std::string ratio =
      line.comparison == nullptr
          ? fmt::format("{:>7} {:>15}", "1", "")
          : fmt::format("{:>7} {:>15}", three_digits(line.comparison->ratio.point),
                        interval(line.comparison->ratio));
  std::string text = fmt::format("{:>6} {:<22} {:>7} {:>15} {}  {}", rank, shortened(line.name, 22),
                                 three_digits(line.value.point), interval(line.value), ratio,
                                 verdict_text(line, colour));
  if (line.value.n != line.planned) text += fmt::format("  {}/{} ok", line.value.n, line.planned);
  return text;
}

}  // namespace

std::string ranking_text(const RunSummary& run, bool colour) {
  std::string text;
  for (const Table& table : collect(run)) {
    text += painted(table.title, Colour::kBold, colour) + "\n";
    text += painted(fmt::format("{:>6} {:<22} {:>7} {:>15} {:>7} {:>15}  {}", "rank", "",
                                table.unit, "95 % interval", "ratio", "interval", "verdict"),
                    Colour::kFaint, colour) +
            "\n";
    for (Line line : table.lines) {
      for (double* value : {&line.value.point, &line.value.lower, &line.value.upper}) {
        *value *= table.scale;
      }
      text += line_text(line, colour) + "\n";
    }
    text += "\n";
  }
  return text;
}

}  // namespace stackheap
