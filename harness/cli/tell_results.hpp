// What a run ends with on the terminal, and the files of what is derived from its samples.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "harness/cli/commands.hpp"
#include "harness/cli/comparison_report.hpp"
#include "harness/cli/resume.hpp"
#include "harness/driver/fail_on.hpp"
#include "harness/driver/run.hpp"
#include "harness/driver/run_folder.hpp"
#include "harness/driver/run_pairs.hpp"

namespace stackheap {

// How the comparisons are told, and which of them fail the run.
struct Report {
  ReportFormat format = ReportFormat::kText;
  MetricChoice metrics;
  std::vector<FailOn> fail_on;
};

Report choose_report(const RunCommandOptions& options);

// Writes summary.csv and its sisters and prints the comparisons. How many conditions of --fail-on
// fired.
std::size_t tell_results(const RunFolder& folder, const RunSummary& summary, const Report& report);

// The last lines. `resume` is the command that goes on with an interrupted run; empty: there is
// none.
void tell_outcome(const RunReport& outcome, const RunFolder& folder, const std::string& resume,
                  const Report& report);

// All of it for a run of which nothing is left to run.
ExitCode tell_complete_run(const Resumption& resumption, const Report& report);

}  // namespace stackheap
