#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "harness/base/build_info.hpp"
#include "harness/cli/commands.hpp"
#include "harness/cli/findings.hpp"
#include "harness/cli/terminal.hpp"

namespace stackheap {

std::string finding_text(const Finding& finding, bool colour) {
  const Colour tone = finding.severity == Severity::kWarning ? Colour::kBad
                      : finding.severity == Severity::kOk    ? Colour::kGood
                                                             : Colour::kPlain;
  std::string text = fmt::format(
      "{} {}: {}\n", painted(fmt::format("{:<7}", to_string(finding.severity)), tone, colour),
      finding.subject, finding.what);
  if (finding.severity == Severity::kOk) return text;
  text += fmt::format("        why:  {}\n", finding.why);
  if (!finding.mend.empty()) text += fmt::format("        mend: {}\n", finding.mend);
  return text;
}

namespace {

ExitCode command_doctor() {
  const bool colour = wants_colour(STDOUT_FILENO);
  std::size_t warnings = 0;
  std::size_t notes = 0;
  for (const Finding& finding :
       examine(capture_environment(), capture_load(), detect_topology(), compiler_flags())) {
    std::fputs(finding_text(finding, colour).c_str(), stdout);
    warnings += finding.severity == Severity::kWarning ? 1 : 0;
    notes += finding.severity == Severity::kNote ? 1 : 0;
  }
  std::printf("\n%zu warnings, %zu notes. Nothing was changed.\n", warnings, notes);
  return ExitCode::kOk;
}

}  // namespace

Subcommand define_doctor(CLI::App& app, const CommonOptions&) {
  CLI::App& doctor = *app.add_subcommand(
      "doctor", "is this machine fit to measure on? each finding, why, and what mends it");
  doctor.footer("\nExample:\n  stackheap doctor");
  return {&doctor, command_doctor};
}

}  // namespace stackheap
