#include "harness/cli/resume.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string_view>

#include "harness/base/file.hpp"
#include "harness/base/text.hpp"
#include "harness/cli/run_words.hpp"
#include "harness/driver/repeat_command.hpp"
#include "harness/driver/run_differences.hpp"

namespace stackheap {
namespace fs = std::filesystem;
namespace {

// These change nothing of what is measured.
constexpr std::string_view kAllowed[] = {"--resume",  "--format", "--metric",
                                         "--fail-on", "--strict", "--allow-concurrent"};

void refuse_no_run(const RunFolder& folder) {
  std::error_code error;
  if (!fs::is_directory(folder.path, error)) {
    throw UserError(
        fmt::format("--resume {}: no such folder; give the folder of a run, such as "
                    "results/20260131-120000-host-quick",
                    folder.path.string()));
  }
  if (!fs::exists(folder.run_json(), error)) {
    throw UserError(fmt::format(
        "--resume {}: run.json is missing, so no sample was taken; delete the folder and run again",
        folder.path.string()));
  }
}

}  // namespace

Resumption open_to_resume(const std::string& path) {
  const RunFolder folder{path};
  refuse_no_run(folder);
  FolderLock lock(folder.path);
  std::string document = read_file(folder.run_json());
  RunFacts facts = parse_run_facts(document, folder.run_json().string());
  Resumption resumption{folder, std::move(lock), std::move(document), std::move(facts)};
  if (resumption.facts.merged || !resumption.facts.seed) {
    throw UserError(fmt::format(
        "--resume {}: several runs were merged into it; go on with one of them, and merge again",
        path));
  }
  if (!parse_profile(resumption.facts.profile)) {
    throw UserError(
        fmt::format("--resume {}: this is a run of `exec`, which knows only by running the program "
                    "what it must "
                    "print; run it again, and merge both with `stackheap summarize`",
                    path));
  }
  return resumption;
}

RunCommandOptions resumed_options(const Resumption& resumption, const RunCommandOptions& now) {
  for (const std::string& name : now.given) {
    if (std::find(std::begin(kAllowed), std::end(kAllowed), name) != std::end(kAllowed)) continue;
    throw UserError(fmt::format(
        "{} beside --resume: plan, seed and options are those of {}; leave it out, or start a new "
        "run without --resume",
        name, resumption.folder.run_json().string()));
  }
  RunCommandOptions options =
      options_of_words(resumption.facts.words, resumption.folder.run_json().string());
  options.seed = fmt::format("{}", *resumption.facts.seed);
  options.label = resumption.facts.label;
  options.out.clear();
  options.resume = now.resume;
  options.dry_run = false;
  options.format = now.format;
  options.metrics = now.metrics;
  options.fail_on = now.fail_on;
  options.strict = now.strict;
  options.allow_concurrent = now.allow_concurrent;
  return options;
}

void refuse_differences(const Resumption& resumption, const RunDescription& now) {
  const RunFacts& before = resumption.facts;
  const RunFacts after = parse_run_facts(run_to_json(now, nullptr), "this run");
  std::vector<std::string> obstacles = merge_obstacles(before, after);
  const auto compare = [&](const char* what, const std::string& one, const std::string& other) {
    if (one == other) return;
    obstacles.push_back(fmt::format("{}: {} and {}", what, one.empty() ? "none" : one,
                                    other.empty() ? "none" : other));
  };
  compare("driver", before.driver, after.driver);
  compare("counted events", before.events, after.events);
  if (obstacles.empty()) return;
  throw UserError(
      fmt::format("--resume {}: since then something has changed:\n  {}\nSamples of before and "
                  "after are not of "
                  "one run; undo that, or start a new run",
                  resumption.folder.path.string(), join(obstacles, "\n  ")));
}

std::string resume_command(const RunFolder& folder) {
  return shell_words(
      std::vector<std::string>{"stackheap", "run", "--resume", folder.path.string()});
}

}  // namespace stackheap
