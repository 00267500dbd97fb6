#include "harness/cli/stress_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "harness/cli/terminal.hpp"
#include "harness/driver/repeat_command.hpp"
#include "harness/driver/stress_csv.hpp"

namespace stackheap {
namespace {

constexpr std::size_t kMostTold = 20;

struct Mark {
  CheckVerdict verdict;
  int gravity;
  const char* text;
  Colour colour;
};
constexpr Mark kMarks[] = {
    {CheckVerdict::kUnsafe, 6, "UNSAFE", Colour::kBad},
    {CheckVerdict::kFailed, 5, "FAILED", Colour::kBad},
    {CheckVerdict::kNonconforming, 3, "deviates", Colour::kFaint},
    {CheckVerdict::kRecorded, 2, "ok", Colour::kGood},
    {CheckVerdict::kOk, 1, "ok", Colour::kGood},
    {CheckVerdict::kUnsupported, 0, "-", Colour::kFaint},
};
constexpr Mark kNew{CheckVerdict::kNonconforming, 4, "NEW", Colour::kBad};

const Mark& mark_of(const StressRow& row) {
  if (row.result.verdict == CheckVerdict::kNonconforming && row.novelty == "new") return kNew;
  return *std::find_if(std::begin(kMarks), std::end(kMarks),
                       [&](const Mark& mark) { return mark.verdict == row.result.verdict; });
}

// Without repetition, in the order of their first row.
std::vector<std::string> names(std::span<const StressRow> rows, std::string StressRow::*name) {
  std::vector<std::string> found;
  for (const StressRow& row : rows) {
    if (std::find(found.begin(), found.end(), row.*name) == found.end()) found.push_back(row.*name);
  }
  return found;
}

std::string repetition(const StressRow& row, const std::map<std::string, std::string>& options) {
  std::vector<std::string> words = {"stackheap", "stress", "--check", row.check};
  const auto option = options.find(row.allocator);
  if (option != options.end()) {
    words.insert(words.end(), {"--allocator", option->second});
  }
  words.insert(words.end(), {"--threads", fmt::format("{}", row.threads), "--seed",
                             fmt::format("{}", row.seed)});
  return shell_words(words);
}

std::string failures(std::span<const StressRow> rows,
                     const std::map<std::string, std::string>& options, bool colour) {
  std::string text;
  std::size_t told = 0;
  for (const StressRow& row : rows) {
    if (!fails_run(row)) continue;
    if (++told > kMostTold) continue;
    const Mark& mark = mark_of(row);
    text += fmt::format("{} {} under {}, {} thread{}, seed {}: {}\n",
                        painted(mark.text, mark.colour, colour), row.check, row.allocator,
                        row.threads, row.threads == 1 ? "" : "s", row.seed, detail_of(row));
    text += fmt::format("  again: {}\n", repetition(row, options));
    if (!row.command.empty()) text += fmt::format("  alone: {}\n", row.command);
  }
  if (told > kMostTold) text += fmt::format("... and {} more in stress.csv\n", told - kMostTold);
  return text;
}

}  // namespace

std::string stress_table(std::span<const StressRow> rows, bool colour) {
  std::map<std::pair<std::string, std::string>, Mark> cells;
  for (const StressRow& row : rows) {
    const Mark& mark = mark_of(row);
    auto [place, added] = cells.try_emplace({row.check, row.allocator}, mark);
    if (!added && mark.gravity > place->second.gravity) place->second = mark;
  }
  std::vector<std::string> checks = names(rows, &StressRow::check);
  std::stable_sort(checks.begin(), checks.end());
  const std::vector<std::string> allocators = names(rows, &StressRow::allocator);
  std::size_t widest = 5;
  for (const std::string& check : checks) widest = std::max(widest, check.size());
  std::string text = fmt::format("{:<{}}", "check", widest);
  for (const std::string& allocator : allocators) text += fmt::format("  {:>9}", allocator);
  text += "\n";
  for (const std::string& check : checks) {
    text += fmt::format("{:<{}}", check, widest);
    for (const std::string& allocator : allocators) {
      const auto cell = cells.find({check, allocator});
      const std::string word = cell == cells.end() ? "" : cell->second.text;
      const std::size_t width = std::max<std::size_t>(9, allocator.size());
      text += "  " + std::string(width - word.size(), ' ') +
              (cell == cells.end() ? "" : painted(word, cell->second.colour, colour));
    }
    text += "\n";
  }
  return text;
}

std::string stress_findings(std::span<const StressRow> rows,
                            const std::map<std::string, std::string>& options, bool colour) {
  std::string text = failures(rows, options, colour);
  std::set<std::string> fresh;
  std::set<std::string> known;
  for (const StressRow& row : rows) {
    for (const CheckNote& deviation : row.result.deviations) {
      const std::string key =
          fmt::format("{} of {} under {}", deviation.name, row.check, row.allocator);
      if (row.novelty != "new") {
        known.insert(key);
      } else if (fresh.insert(key).second) {
        text +=
            fmt::format("{} {}: {}\n", painted("NEW", Colour::kBad, colour), key, deviation.text);
      }
    }
  }
  if (!fresh.empty() || !known.empty()) {
    text += fmt::format(
        "{} deviations from C, POSIX or a manual: {} on the list of known ones, {} new\n",
        fresh.size() + known.size(), known.size(), fresh.size());
  }
  return text;
}

}  // namespace stackheap
