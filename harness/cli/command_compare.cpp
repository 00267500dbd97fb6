#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <memory>

#include "harness/base/text.hpp"
#include "harness/cli/commands.hpp"
#include "harness/cli/comparison_report.hpp"
#include "harness/cli/run_options.hpp"
#include "harness/driver/calibration_file.hpp"
#include "harness/driver/fail_on.hpp"
#include "harness/driver/run_differences.hpp"
#include "harness/driver/run_pairs.hpp"

namespace stackheap {
namespace {

constexpr double kRecurringBeyond = 0.01;  // a verdict so certain should be found again

struct CompareOptions {
  std::string base;
  std::string next;
  std::vector<std::string> metrics;
  std::vector<std::string> fail_on;
  std::string margin = "2";
  std::string format = "text";
  std::string calibration;
  bool anyway = false;
};

std::string listed(const std::vector<std::string>& differences) {
  return "\n  " + join(differences, "\n  ");
}

// How much two runs of this machine differ by themselves, if that is known; else why not.
std::optional<BetweenRunSpread> find_spread(const CompareOptions& options,
                                            const CalibratedMachine& machine,
                                            std::vector<std::string>& notes) {
  FoundCalibration found = find_calibration(options.calibration, machine);
  if (found.facts && found.facts->between_runs) return found.facts->between_runs;
  if (found.facts) found.problem = "the calibration has too few sessions to know it";
  notes.push_back(fmt::format(
      "everything is unresolved: how much two runs differ by themselves is not known here, since "
      "{}. `stackheap calibrate` on this machine finds it out; better, compare both inside one run "
      "(`stackheap run --allocator old=PATH --allocator new=PATH`)",
      found.problem));
  return std::nullopt;
}

// Refuses runs that differ in more than their allocators, unless told not to; then it is a note.
void check_differences(const CompareOptions& options, const RunFacts& base, const RunFacts& next,
                       std::vector<std::string>& notes) {
  const auto differences = differences_of(base, next);
  if (differences.empty()) return;
  if (!options.anyway) {
    throw UserError(fmt::format(
        "{} and {} differ in more than their allocators:{}\nWhat a comparison shows may "
        "be due to that; --anyway compares them all the same",
        options.base, options.next, listed(differences)));
  }
  notes.push_back(
      "compared although the runs differ (BASE and NEW), which may be all that is seen "
      "here: " +
      join(differences, "; "));
}

// What each run found inside itself needs no calibration: it was interleaved.
std::string recurrence_text(const Recurrence& found) {
  std::string text = fmt::format(
      "of {} differences of more than {:g} % that BASE found inside itself, {} were found again in "
      "NEW ({:.1f} %, 95 % interval {:.1f} - {:.1f}), {} contradicted",
      found.claims, 100 * kRecurringBeyond, found.returned, 100 * found.share.point,
      100 * found.share.lower, 100 * found.share.upper,
      found.contradicted.empty() ? "none was" : fmt::format("{} were", found.contradicted.size()));
  if (!found.contradicted.empty()) text += ": " + join(found.contradicted, "; ");
  return text;
}

ExitCode command_compare(const CompareOptions& options) {
  const ReportFormat format = parse_report_format(options.format);
  const MetricChoice metrics(options.metrics);
  const double margin = parse_percent("--margin", options.margin);
  std::vector<FailOn> conditions;
  for (const std::string& text : options.fail_on) conditions.push_back(parse_fail_on(text));

  const RunSummary base = load_run(open_run_folder(options.base));
  const RunSummary next = load_run(open_run_folder(options.next));
  std::vector<std::string> notes;
  check_differences(options, base.facts, next.facts, notes);
  const auto spread = find_spread(options, next.facts.machine, notes);
  RunsCompared compared = compare_runs(base, next, metrics, spread, margin);
  notes.insert(notes.end(), compared.notes.begin(), compared.notes.end());
  const Recurrence again =
      recurrence_of(repeated_pairs(base, next, metrics), std::log1p(kRecurringBeyond));
  if (again.claims != 0) notes.push_back(recurrence_text(again));
  if (compared.pairs.empty() && compared.lost == 0) {
    throw UserError(
        fmt::format("{} and {} have no cell in common that has a value of the chosen "
                    "metrics; nothing can be compared",
                    options.base, options.next));
  }
  const std::size_t fired = mark_fired(conditions, compared.pairs);
  std::fputs(comparison_report(compared.pairs, format, margin, notes).c_str(), stdout);
  if (format == ReportFormat::kCsv) {
    for (const std::string& note : notes) std::fprintf(stderr, "stackheap: %s\n", note.c_str());
  }
  // What crashes takes no time: a gate must not be passed by that.
  const bool lost = !conditions.empty() && compared.lost != 0;
  return fired == 0 && !lost ? ExitCode::kOk : ExitCode::kFailed;
}

}  // namespace

Subcommand define_compare(CLI::App& app, const CommonOptions&) {
  CLI::App& compare = *app.add_subcommand(
      "compare", "one run against an earlier one, as far as two runs can be compared at all");
  const auto o = std::make_shared<CompareOptions>();
  compare.add_option("base", o->base, "the folder of the earlier run")->required();
  compare.add_option("new", o->next, "the folder of the later run")->required();
  compare
      .add_option("--metric", o->metrics,
                  "compare by this; may be repeated; else what each workload is ranked by")
      ->type_name("GLOB");
  compare
      .add_option("--fail-on", o->fail_on,
                  "exit 1 where NEW is certainly slower (faster, higher, lower) by more than "
                  "PCT, or a cell of BASE has no ok sample any more; may be repeated")
      ->type_name("slower=PCT");
  compare.add_option("--margin", o->margin, "differences below this do not matter, in percent")
      ->type_name("PCT")
      ->capture_default_str();
  compare.add_option("--format", o->format, "text, markdown, csv or json")
      ->type_name("FORMAT")
      ->capture_default_str();
  compare
      .add_option("--calibration", o->calibration,
                  "a folder with calibration.json; else results/calibration")
      ->type_name("DIR");
  compare.add_flag("--anyway", o->anyway,
                   "also where plan, machine, kernel or worker differ; it is told");
  compare.footer(
      "\nExample:\n  stackheap compare results/monday results/tuesday --fail-on slower=3%");
  return {&compare, [o] { return command_compare(*o); }};
}

}  // namespace stackheap
