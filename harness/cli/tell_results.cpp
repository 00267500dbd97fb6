#include "harness/cli/tell_results.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "harness/base/printable.hpp"
#include "harness/base/text.hpp"
#include "harness/cli/controls.hpp"
#include "harness/cli/ranking.hpp"
#include "harness/cli/terminal.hpp"
#include "harness/driver/summarize_run.hpp"

namespace stackheap {
namespace {

// What a program reads stands alone on stdout.
std::FILE* told_beside(const Report& report) {
  return report.format == ReportFormat::kText ? stdout : stderr;
}

std::string outcome_text(const RunReport& report, const std::string& resume) {
  std::string text = fmt::format("{} samples in {}, {:.0f} % of it inside the workloads",
                                 report.samples, human_duration(report.seconds),
                                 100 * report.worker_seconds / std::max(report.seconds, 1e-9));
  if (report.skipped != 0) text += fmt::format("; {} cells could not run here", report.skipped);
  if (report.failed != 0) text += fmt::format("; {} samples FAILED, see logs/", report.failed);
  if (report.interrupted) text += "; interrupted, what is complete was kept";
  if (report.imprecise != 0) {
    text += fmt::format("; the budget was spent before {} blocks were precise", report.imprecise);
  }
  for (const auto& [reason, samples] : report.refused) {
    text += fmt::format("\n{} samples could not run here: {}", samples, reason);
  }
  if (report.interrupted && !resume.empty()) text += "\nto go on: " + resume;
  return text;
}

}  // namespace

Report choose_report(const RunCommandOptions& options) {
  Report report{parse_report_format(options.format), MetricChoice(options.metrics), {}};
  for (const std::string& condition : options.fail_on) {
    report.fail_on.push_back(parse_fail_on(condition));
  }
  return report;
}

std::size_t tell_results(const RunFolder& folder, const RunSummary& summary, const Report& report) {
  write_summary(folder, summary);
  const double margin = summary.facts.margin;
  std::vector<ReportedPair> pairs = pairs_of_run(summary, report.metrics);
  const std::size_t fired = mark_fired(report.fail_on, pairs);
  if (report.format != ReportFormat::kText) {
    std::fputs(comparison_report(pairs, report.format, margin).c_str(), stdout);
  } else {
    std::fputs(ranking_text(summary, wants_colour(STDOUT_FILENO)).c_str(), stdout);
  }
  std::fputs(controls_text(summary).c_str(), told_beside(report));
  if (report.format == ReportFormat::kText && fired != 0) {
    std::erase_if(pairs, [](const ReportedPair& pair) { return !pair.fired; });
    std::fputs(comparison_report(pairs, report.format, margin).c_str(), stdout);
  }
  return fired;
}

void tell_outcome(const RunReport& outcome, const RunFolder& folder, const std::string& resume,
                  const Report& report) {
  std::fprintf(told_beside(report), "%s\nresults: %s\n",
               printable(outcome_text(outcome, resume)).c_str(),
               printable(folder.path.string()).c_str());
}

ExitCode tell_complete_run(const Resumption& resumption, const Report& report) {
  const RunSummary summary = load_run(resumption.folder);
  const std::size_t fired = tell_results(resumption.folder, summary, report);
  std::fprintf(told_beside(report), "this run is complete: nothing was left to run\nresults: %s\n",
               printable(resumption.folder.path.string()).c_str());
  return summary.failed == 0 && fired == 0 ? ExitCode::kOk : ExitCode::kFailed;
}

}  // namespace stackheap
