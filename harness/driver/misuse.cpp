#include "harness/driver/misuse.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <string_view>

#include "harness/base/csv.hpp"

namespace stackheap {
namespace {

constexpr std::string_view kGroup = "misuse/";
constexpr std::array<std::string_view, 6> kOutcomes = {"caught", "reported", "crashed",
                                                       "hangs",  "silent",   "harmless"};
constexpr std::array<std::string_view, 2> kWhen = {"at once", "later"};

constexpr ColumnInfo kColumns[] = {
    {"allocator", "text", "", "The malloc of the process."},
    {"misuse", "text", "", "double-free, invalid-free, overflow-by-one or use-after-free."},
    {"case", "text", "", "Which of them: the size, the place, or what happens in between."},
    {"outcome", "text", "",
     "caught: the allocator ended the process on purpose; reported: it printed a message and went "
     "on; crashed: a signal that nobody chose; hangs; silent: something was damaged and nothing "
     "said so; harmless: no damage was seen."},
    {"when", "text", "", "at once: in the call of the misuse; later: afterwards."},
    {"how", "text", "", "The signal and the allocator's message, or the damage."},
};

// Takes `word` and a space from the front of `text`.
bool take(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  if (text.starts_with(' ')) text.remove_prefix(1);
  return true;
}

}  // namespace

MisuseRow parse_misuse(const std::string& allocator, const std::string& misuse,
                       const CheckNote& record) {
  MisuseRow row{allocator, misuse, record.name, {}, {}, {}};
  std::string_view text = record.text;
  for (const std::string_view outcome : kOutcomes) {
    if (row.outcome.empty() && take(text, outcome)) row.outcome = outcome;
  }
  for (const std::string_view when : kWhen) {
    if (!row.outcome.empty() && row.when.empty() && take(text, when)) row.when = when;
  }
  if (text.starts_with(": ")) text.remove_prefix(2);
  row.how = text;
  return row;
}

std::vector<MisuseRow> misuse_rows(std::span<const StressRow> rows) {
  std::vector<MisuseRow> all;
  for (const StressRow& row : rows) {
    if (!row.check.starts_with(kGroup)) continue;
    for (const CheckNote& record : row.result.records) {
      const MisuseRow parsed = parse_misuse(row.allocator, row.check.substr(kGroup.size()), record);
      const bool is_there = std::any_of(all.begin(), all.end(), [&](const MisuseRow& other) {
        return other.allocator == parsed.allocator && other.misuse == parsed.misuse &&
               other.variant == parsed.variant;
      });
      if (!is_there) all.push_back(parsed);
    }
  }
  return all;
}

std::vector<ColumnInfo> misuse_columns() {
  return {std::begin(kColumns), std::end(kColumns)};
}

std::string misuse_csv(std::span<const MisuseRow> rows) {
  std::vector<std::string> header;
  for (const ColumnInfo& column : kColumns) header.emplace_back(column.name);
  std::string text = csv_row(header);
  for (const MisuseRow& row : rows) {
    text += csv_row(std::vector<std::string>{row.allocator, row.misuse, row.variant, row.outcome,
                                             row.when, csv_text(row.how)});
  }
  return text;
}

std::string misuse_table(std::span<const MisuseRow> rows) {
  if (rows.empty()) return {};
  std::vector<std::string> allocators;
  std::vector<std::string> lines;
  std::map<std::pair<std::string, std::string>, std::string> cells;
  const auto add_new = [](std::vector<std::string>& names, const std::string& name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  for (const MisuseRow& row : rows) {
    const std::string line = row.misuse + " " + row.variant;
    add_new(allocators, row.allocator);
    add_new(lines, line);
    cells[{line, row.allocator}] = row.outcome + (row.when == "later" ? " later" : "");
  }
  constexpr std::size_t kCell = 13;  // "crashed later"
  std::size_t widest = 0;
  for (const std::string& line : lines) widest = std::max(widest, line.size());
  std::string text = fmt::format("{:<{}}", "misuse", widest);
  const auto end_line = [&] {
    text.erase(text.find_last_not_of(' ') + 1);
    text += "\n";
  };
  for (const std::string& allocator : allocators) text += fmt::format("  {:<{}}", allocator, kCell);
  end_line();
  for (const std::string& line : lines) {
    text += fmt::format("{:<{}}", line, widest);
    for (const std::string& allocator : allocators) {
      const std::size_t width = std::max(kCell, allocator.size());
      text += fmt::format("  {:<{}}", cells[{line, allocator}], width);
    }
    end_line();
  }
  return text;
}

}  // namespace stackheap
