#include "harness/driver/stress_csv.hpp"

#include <fmt/format.h>

#include "harness/base/csv.hpp"

namespace stackheap {
namespace {

constexpr ColumnInfo kColumns[] = {
    {"check", "text", "", "Name of the check; `stackheap list checks` describes it."},
    {"allocator", "text", "", "The malloc of the process; none: the check uses no heap."},
    {"threads", "integer", "count", "Threads that it was run on."},
    {"seed", "integer", "", "Of its random choices; --seed with it repeats the row."},
    {"operations", "integer", "count", "Operations of the check, on all threads."},
    {"verdict", "text", "",
     "ok; unsafe: memory was lost, shared or damaged, or the process ended; nonconforming: a rule "
     "is "
     "broken and nothing lost; recorded: left open by the rules; unsupported: cannot run here; "
     "failed: another malloc was there, or no result."},
    {"detail", "text", "", "What was found, where it is not ok."},
    {"known", "text", "",
     "Of a nonconforming row: known, new, or the allocator of which it is known (as NAME)."},
    {"deviations", "text", "", "Names of the deviations, separated by spaces."},
    {"records", "text", "", "Recorded behaviour as NAME=TEXT, separated by semicolons."},
    {"own_bytes", "integer", "B", "The check's own tables at their largest."},
    {"peak_resident_bytes", "integer", "B",
     "Resident memory of the check's process at its largest, its tables included."},
    {"seconds", "real", "s", "From the process's start to the end of its last descendant."},
    {"budget_seconds", "real", "s", "What the check was given."},
    {"pass", "integer", "",
     "0: the short pass; 1: the full one; then further seeds, for longer each."},
    {"command", "text", "", "Shell command that repeats the row; empty where nothing was run."},
};

std::string joined(const std::vector<CheckNote>& notes, const char* separator,
                   std::string (*text)(const CheckNote&)) {
  std::string result;
  for (const CheckNote& note : notes) result += (result.empty() ? "" : separator) + text(note);
  return result;
}

}  // namespace

std::vector<ColumnInfo> stress_columns() {
  return {std::begin(kColumns), std::end(kColumns)};
}

std::string stress_header() {
  std::vector<std::string> header;
  for (const ColumnInfo& column : kColumns) header.emplace_back(column.name);
  return csv_row(header);
}

std::string detail_of(const StressRow& row) {
  std::string deviations =
      joined(row.result.deviations, "; ", [](const CheckNote& note) { return note.text; });
  if (row.result.detail.empty()) return deviations;
  return deviations.empty() ? row.result.detail : row.result.detail + "; also: " + deviations;
}

std::string stress_csv_row(const StressRow& row) {
  const auto name = [](const CheckNote& note) { return note.name; };
  const auto pair = [](const CheckNote& note) { return note.name + "=" + note.text; };
  const CheckResult& result = row.result;
  const bool ran = !row.command.empty();
  return csv_row(std::vector<std::string>{
      row.check, row.allocator, fmt::format("{}", row.threads), fmt::format("{}", row.seed),
      ran ? fmt::format("{}", result.operations) : "", std::string(to_string(result.verdict)),
      csv_text(detail_of(row)), row.novelty, joined(result.deviations, " ", name),
      csv_text(joined(result.records, "; ", pair)),
      result.own_bytes == 0 ? "" : fmt::format("{}", result.own_bytes),
      result.peak_bytes == 0 ? "" : fmt::format("{}", result.peak_bytes),
      ran ? fmt::format("{:.4f}", row.seconds) : "", csv_number(row.budget_seconds),
      fmt::format("{}", row.pass), csv_text(row.command)});
}

}  // namespace stackheap
