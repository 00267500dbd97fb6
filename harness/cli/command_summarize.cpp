#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "harness/cli/commands.hpp"
#include "harness/cli/controls.hpp"
#include "harness/cli/ranking.hpp"
#include "harness/cli/terminal.hpp"
#include "harness/driver/merge_runs.hpp"
#include "harness/driver/summarize_run.hpp"

namespace stackheap {
namespace {

struct SummarizeOptions {
  std::vector<std::string> runs;
  std::string out;
};

ExitCode summarize_folder(const RunFolder& folder) {
  const RunSummary run = load_run(folder);
  write_summary(folder, run);
  std::fputs(ranking_text(run, wants_colour(STDOUT_FILENO)).c_str(), stdout);
  std::fputs(controls_text(run).c_str(), stdout);
  if (run.torn) {
    std::fprintf(stderr, "stackheap: %s: the last row was cut off and left out\n",
                 folder.samples().c_str());
  }
  if (!run.facts.finished) {
    std::fprintf(stderr, "stackheap: this run was not finished; what is complete is summarised\n");
  }
  if (run.failed != 0) {
    std::fprintf(stderr, "stackheap: %zu of %zu samples failed\n", run.failed, run.rows);
  }
  if (run.summary.rows.empty()) {
    std::fprintf(stderr, "stackheap: %s: no sample ended ok, so there is nothing to estimate\n",
                 folder.samples().c_str());
  }
  std::printf("wrote %s, comparisons.csv, scaling.csv, twins.csv, claims.csv and claim_tests.csv\n",
              folder.summary().c_str());
  return run.failed == 0 ? ExitCode::kOk : ExitCode::kFailed;
}

ExitCode command_summarize(const CommonOptions& common, const SummarizeOptions& options) {
  if (options.runs.size() == 1) {
    if (!options.out.empty()) {
      throw UserError(fmt::format(
          "--out {}: one run is summarised in its own folder; --out is for several runs, which are "
          "merged into a new one",
          options.out));
    }
    return summarize_folder(open_run_folder(options.runs.front()));
  }
  if (options.out.empty()) {
    throw UserError(
        "several runs are merged into a new folder: name it with --out DIR; to summarise each by "
        "itself, give one at a time");
  }
  std::vector<RunFolder> folders;
  for (const std::string& run : options.runs) folders.push_back(open_run_folder(run));
  const MergeReport report = merge_runs(folders, options.out, common.command_line);
  for (const std::string& note : report.notes) {
    std::fprintf(stderr, "stackheap: %s\n", note.c_str());
  }
  return summarize_folder(report.folder);
}

}  // namespace

Subcommand define_summarize(CLI::App& app, const CommonOptions& common) {
  CLI::App& summarize = *app.add_subcommand(
      "summarize",
      "compute summary.csv and its sisters anew from samples.csv; several runs become one");
  const auto o = std::make_shared<SummarizeOptions>();
  summarize.add_option("run", o->runs, "the folder of a run; several are merged, if they match")
      ->required();
  summarize
      .add_option("--out", o->out, "of several runs: the folder to write, which must not exist")
      ->type_name("DIR");
  summarize.footer(
      "\nExamples:\n"
      "  stackheap summarize results/20260131-120000-host-quick\n"
      "  stackheap summarize results/monday results/tuesday --out results/both");
  return {&summarize, [&common, o] { return command_summarize(common, *o); }};
}

}  // namespace stackheap
