#include "harness/cli/comparison_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

#include "harness/base/csv.hpp"
#include "harness/base/error.hpp"
#include "harness/base/text.hpp"
#include "harness/cli/terminal.hpp"
#include "harness/model/named_values.hpp"

namespace stackheap {
namespace {

constexpr std::array<std::pair<ReportFormat, std::string_view>, 4> kFormats{{
    {ReportFormat::kText, "text"},
    {ReportFormat::kMarkdown, "markdown"},
    {ReportFormat::kCsv, "csv"},
    {ReportFormat::kJson, "json"},
}};

// How far the bound that is nearer to 1 lies from it; below 0: the interval holds 1.
double certain_effect(const ReportedPair& pair) {
  if (!pair.ratio.has_interval()) return -HUGE_VAL;
  return std::max(std::log(pair.ratio.lower), -std::log(pair.ratio.upper));
}

std::vector<const ReportedPair*> sorted(std::span<const ReportedPair> pairs) {
  std::vector<const ReportedPair*> order;
  for (const ReportedPair& pair : pairs) order.push_back(&pair);
  std::stable_sort(order.begin(), order.end(), [](const ReportedPair* a, const ReportedPair* b) {
    if (a->fired != b->fired) return a->fired;
    return certain_effect(*a) > certain_effect(*b);
  });
  return order;
}

std::string names_of(const ReportedPair& pair) {
  return pair.baseline == pair.candidate ? pair.candidate
                                         : fmt::format("{} / {}", pair.candidate, pair.baseline);
}

std::string interval_of(const ReportedPair& pair) {
  if (!pair.ratio.has_interval()) return "no interval";
  return three_digits(pair.ratio.lower) + " - " + three_digits(pair.ratio.upper);
}

std::string verdict_of(const ReportedPair& pair, double margin) {
  std::string text = describe_verdict(pair.ratio, is_time_unit(pair.unit), margin);
  if (pair.verdict == Verdict::kUnresolved && pair.rounds_needed) {
    text += fmt::format(" (needs {} rounds)", *pair.rounds_needed);
  }
  if (pair.ratio.n < pair.planned) text += fmt::format(", {}/{} ok", pair.ratio.n, pair.planned);
  return pair.fired ? text + ", FAILS" : text;
}

struct Tally {
  std::size_t equivalent = 0;
  std::size_t unresolved = 0;
  std::size_t different = 0;
};

std::string summary_of(std::span<const ReportedPair> pairs) {
  Tally tally;
  std::size_t fired = 0;
  for (const ReportedPair& pair : pairs) {
    if (pair.verdict == Verdict::kEquivalent) {
      ++tally.equivalent;
    } else if (pair.verdict == Verdict::kUnresolved) {
      ++tally.unresolved;
    } else {
      ++tally.different;
    }
    fired += pair.fired ? 1 : 0;
  }
  return fmt::format("{} comparisons: {} differ, {} equivalent (not shown), {} unresolved{}",
                     pairs.size(), tally.different, tally.equivalent, tally.unresolved,
                     fired == 0 ? "" : fmt::format("; {} FAIL", fired));
}

std::string text_report(std::span<const ReportedPair> pairs, double margin,
                        std::span<const std::string> notes) {
  std::string text =
      fmt::format("{:<42} {:<16} {:>7} {:>15}  {}\n", "block, variant, threads, metric",
                  "new / base", "ratio", "interval", "verdict");
  for (const ReportedPair* pair : sorted(pairs)) {
    if (pair->verdict == Verdict::kEquivalent && !pair->fired) continue;
    text += fmt::format("{:<34} {:<22} {:>7} {:>15}  {}\n",
                        shortened(fmt::format("{} {} x{} {}", pair->block, pair->variant,
                                              pair->threads, pair->metric),
                                  42),
                        shortened(names_of(*pair), 16), three_digits(pair->ratio.point),
                        interval_of(*pair), verdict_of(*pair, margin));
  }
  text += summary_of(pairs) + "\n";
  for (const std::string& note : notes) text += "note: " + note + "\n";
  return text;
}

std::string markdown_report(std::span<const ReportedPair> pairs, double margin,
                            std::span<const std::string> notes) {
  std::string text =
      "| block | variant | threads | metric | candidate / baseline | ratio | interval | verdict |\n"
      "|---|---|---|---|---|---|---|---|\n";
  for (const ReportedPair* pair : sorted(pairs)) {
    if (pair->verdict == Verdict::kEquivalent && !pair->fired) continue;
    text +=
        fmt::format("| {} | {} | {} | {} | {} | {} | {} | {} |\n", pair->block, pair->variant,
                    pair->threads, pair->metric, names_of(*pair), three_digits(pair->ratio.point),
                    interval_of(*pair), verdict_of(*pair, margin));
  }
  text += "\n" + summary_of(pairs) + "\n";
  if (!notes.empty()) text += "\n";
  for (const std::string& note : notes) text += "- " + note + "\n";
  return text;
}

std::string csv_report(std::span<const ReportedPair> pairs) {
  std::string text = csv_row(std::vector<std::string>{
      "block", "variant", "threads", "metric", "unit", "baseline", "candidate", "ratio", "lower",
      "upper", "rounds", "planned", "verdict", "rounds_needed", "fails"});
  for (const ReportedPair* pair : sorted(pairs)) {
    text += csv_row(std::vector<std::string>{
        pair->block, pair->variant, fmt::format("{}", pair->threads), pair->metric, pair->unit,
        pair->baseline, pair->candidate, csv_number(pair->ratio.point),
        csv_number(pair->ratio.lower), csv_number(pair->ratio.upper),
        fmt::format("{}", pair->ratio.n), fmt::format("{}", pair->planned),
        std::string(to_string(pair->verdict)),
        pair->rounds_needed ? fmt::format("{}", *pair->rounds_needed) : "",
        pair->fired ? "1" : "0"});
  }
  return text;
}

std::string json_report(std::span<const ReportedPair> pairs, std::span<const std::string> notes) {
  using Json = nlohmann::ordered_json;
  const auto number = [](double value) {
    return std::isfinite(value) ? Json(value) : Json(nullptr);
  };
  Json list = Json::array();
  for (const ReportedPair* pair : sorted(pairs)) {
    list.push_back(
        {{"block", pair->block},
         {"variant", pair->variant},
         {"threads", pair->threads},
         {"metric", pair->metric},
         {"unit", pair->unit},
         {"baseline", pair->baseline},
         {"candidate", pair->candidate},
         {"ratio", number(pair->ratio.point)},
         {"lower", number(pair->ratio.lower)},
         {"upper", number(pair->ratio.upper)},
         {"rounds", pair->ratio.n},
         {"planned", pair->planned},
         {"verdict", to_string(pair->verdict)},
         {"rounds_needed", pair->rounds_needed ? Json(*pair->rounds_needed) : Json(nullptr)},
         {"fails", pair->fired}});
  }
  Json told = Json::array();
  for (const std::string& note : notes) told.push_back(note);
  const Json document = {{"version", 1}, {"comparisons", list}, {"notes", told}};
  return document.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

ReportFormat parse_report_format(std::string_view text) {
  for (const auto& [format, name] : kFormats) {
    if (name == text) return format;
  }
  throw UserError(fmt::format("--format {}: expected one of text, markdown, csv and json", text));
}

std::string comparison_report(std::span<const ReportedPair> pairs, ReportFormat format,
                              double margin, std::span<const std::string> notes) {
  switch (format) {
    case ReportFormat::kText:
      return text_report(pairs, margin, notes);
    case ReportFormat::kMarkdown:
      return markdown_report(pairs, margin, notes);
    case ReportFormat::kCsv:
      return csv_report(pairs);
    case ReportFormat::kJson:
      return json_report(pairs, notes);
  }
  invariant_failed("format is one of kFormats", __FILE__, __LINE__);
}

}  // namespace stackheap
