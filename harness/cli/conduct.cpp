#include "harness/cli/conduct.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <system_error>
#include <utility>

#include "harness/base/build_info.hpp"
#include "harness/base/file.hpp"
#include "harness/base/printable.hpp"
#include "harness/base/text.hpp"
#include "harness/cli/findings.hpp"
#include "harness/cli/progress.hpp"
#include "harness/cli/run_options.hpp"
#include "harness/cli/terminal.hpp"
#include "harness/driver/preconditions.hpp"
#include "harness/driver/recover.hpp"
#include "harness/driver/summarize_run.hpp"

namespace stackheap {
namespace {

unsigned default_rounds(Profile profile) {
  return profile == Profile::kSmoke ? 1 : 12;
}

// The notes of which a run's timed samples have empty columns: no row could tell why.
bool empties_columns(const Finding& finding) {
  static constexpr std::string_view kSubjects[] = {"schedstat", "pressure", "stolen time"};
  return finding.severity == Severity::kNote &&
         std::find(std::begin(kSubjects), std::end(kSubjects), finding.subject) !=
             std::end(kSubjects);
}

// Both kinds go to stderr; warnings are fatal with --strict.
void tell_findings(const std::vector<Finding>& findings, bool strict) {
  const bool colour = wants_colour(STDERR_FILENO);
  std::size_t warnings = 0;
  for (const Finding& finding : findings) {
    if (finding.severity == Severity::kWarning) {
      ++warnings;
    } else if (!empties_columns(finding)) {
      continue;
    }
    std::fputs(finding_text(finding, colour).c_str(), stderr);
  }
  if (warnings != 0 && strict) {
    throw UserError(fmt::format("--strict: {} of the findings above must be mended first; "
                                "`stackheap doctor` shows them all",
                                warnings),
                    ExitCode::kMissing);
  }
}

void identify(RunDescription& run, const std::vector<std::filesystem::path>& layouts) {
  run.driver_sha256 = identify_library("/proc/self/exe").sha256;
  for (const auto& layout : layouts) run.layouts.push_back(identify_library(layout));
  for (const Allocator& allocator : run.options.allocators) {
    if (allocator.unavailable.empty()) {
      run.identities[allocator.name] = identify_allocator(allocator);
    }
  }
}

void make_adaptive(const RunCommandOptions& options, RunDescription& run, RunOptions& run_options) {
  const auto adaptive = choose_adaptive(options, run.profile == Profile::kFull, run.margin,
                                        run.plan->seconds(run.rounds));
  if (!adaptive) return;
  run.alpha = kAdaptiveAlpha;
  run.precision = adaptive->precision;
  run.budget_seconds = adaptive->budget_seconds;
  AdaptiveOptions& rule = run_options.adaptive.emplace();
  rule.precision = adaptive->precision;
  rule.budget_seconds = adaptive->budget_seconds;
  rule.workloads = run.workloads;
  rule.summary = summary_options(run.workloads, run.options.baseline_allocator);
  rule.summary.alpha = run.alpha;
  rule.summary.margin = run.margin;
}

}  // namespace

void refuse_preload() {
  const char* preload = std::getenv("LD_PRELOAD");
  if (preload != nullptr && *preload != '\0') {
    throw UserError(fmt::format(
        "LD_PRELOAD is set ({}): it would be loaded into the driver and compete with the allocator "
        "that each worker is given; unset it, and use --allocator NAME=PATH",
        preload));
  }
}

void refuse_bad_label(const std::string& label) {
  if (!label.empty() && !is_valid_name(label)) {
    throw UserError(fmt::format(
        "--label {}: a label is 1 to 64 letters, digits and . _ + -, as it names a folder", label));
  }
}

RunDescription describe_run(const CommonOptions& common, const RunCommandOptions& options,
                            Profile profile) {
  refuse_preload();
  refuse_bad_label(options.label);
  if (!options.out.empty()) refuse_existing(options.out);
  RunDescription run;
  run.profile = profile;
  run.rounds = options.rounds.empty() ? default_rounds(profile) : parse_rounds(options.rounds);
  run.margin = parse_percent("--margin", options.margin);
  run.seed = choose_seed(options.seed);
  run.topology = detect_topology();
  run.label = options.label;
  run.command_line = common.command_line;
  run.options.profile = profile;
  run.options.allocators = choose_allocators(options, profile == Profile::kFull);
  run.options.baseline_allocator = choose_baseline(options.baseline, run.options.allocators);
  run.options.available_memory_bytes = available_memory_bytes();
  run.options.exact_rounds = !options.rounds.empty();
  run.options.rounds = run.rounds;
  run.options.seed = run.seed;
  return run;
}

RunOptions run_options_of(const RunCommandOptions& options, RunDescription& run,
                          const std::vector<std::filesystem::path>& layouts) {
  RunOptions run_options;
  run_options.profile = run.profile;
  run_options.rounds = run.rounds;
  run_options.seed = run.seed;
  run_options.pinning = run.options.pinning;
  for (const WorkloadInfo& info : run.workloads) {
    run_options.parameter_names[info.name] = info.parameter ? info.parameter->name : "";
    run_options.piloted[info.name] = info.piloted;
  }
  run_options.layouts = layouts;
  make_adaptive(options, run, run_options);
  return run_options;
}

std::string rounds_text(const Plan& plan, unsigned rounds) {
  std::map<std::string, unsigned> fewer;
  for (const Block& block : plan.blocks) {
    if (block.rounds_of(rounds) < rounds) fewer[block.workload] = block.rounds_of(rounds);
  }
  std::string text;
  for (const auto& [workload, some] : fewer) {
    text += fmt::format("{}{} of {}", text.empty() ? "" : ", ", some, workload);
  }
  return fmt::format("{} round{}{}", rounds, rounds == 1 ? "" : "s",
                     text.empty() ? "" : " (" + text + ")");
}

std::optional<MachineLock> lock_machine(bool allow_concurrent) {
  std::optional<MachineLock> lock;
  if (!allow_concurrent) lock.emplace();
  return lock;
}

namespace {

void examine_machine(const RunCommandOptions& options, RunDescription& run,
                     const RunOptions& run_options) {
  run.environment = capture_environment();
  run.load_at_start = capture_load();
  run.calibration =
      find_calibration(options.calibration, machine_of(run.environment, run.topology)).facts;
  run.findings = examine(run.environment, run.load_at_start, run.topology, compiler_flags());
  tell_findings(run.findings, options.strict);
  std::fputs(missing_text(run.instrumentation).c_str(), stderr);
  identify(run, run_options.layouts);
}

void refuse_obstacles(const RunDescription& run, const std::filesystem::path& place) {
  const std::vector<std::string> obstacles = obstacles_to(
      needs_of(*run.plan, run.rounds, run.options.allocators), means_at(place, run.environment));
  if (obstacles.empty()) return;
  throw UserError(
      fmt::format("this run would not get to its end here: {}", join(obstacles, "; and ")),
      ExitCode::kMissing);
}

// A folder of results that is ours, and what is in it already.
struct Place {
  RunFolder folder;
  std::optional<FolderLock> lock;  // of a new folder; that of a resumed run is its own
  Recovered recovered;
};

Place prepare_place(const std::filesystem::path& path, RunDescription& run,
                    const Resumption* resumption) {
  Place place;
  if (resumption == nullptr) {
    place.folder = create_run_folder(path);
    place.lock.emplace(place.folder.path);
    return place;
  }
  refuse_differences(*resumption, run);
  place.folder = resumption->folder;
  std::error_code error;
  std::filesystem::create_directories(place.folder.logs(), error);
  place.recovered = recover_journal(place.folder, run.workloads);
  run.resumed_document = resumption->document;
  run.resumed_from = place.recovered.samples.size();
  for (const std::string& note : place.recovered.notes) {
    std::fprintf(stderr, "stackheap: %s\n", printable(note).c_str());
  }
  std::fprintf(stderr, "stackheap: going on after %zu samples\n", place.recovered.samples.size());
  return place;
}

// From run.json without an end to run.json with one.
RunEnd sample(std::string_view kind, RunDescription& run, RunOptions& run_options,
              SampleSource& source, Place place) {
  const Plan& plan = *run.plan;
  const RunFolder& folder = place.folder;
  run.started = utc_now();
  write_file_atomically(folder.run_json(), run_to_json(run, nullptr));
  Journal journal(folder);
  std::fprintf(stderr, "stackheap %s: %zu cells, %s, about %s; writing %s\n",
               std::string(kind).c_str(), plan.runnable_cells(),
               rounds_text(plan, run.rounds).c_str(),
               human_duration(plan.seconds(run.rounds) +
                              instrumented_round(plan, run.instrumentation).seconds)
                   .c_str(),
               printable(folder.path.string()).c_str());
  RunEnd end;
  {
    ProgressLine line;
    run_options.on_progress = [&](const Progress& progress) { line.show(progress); };
    end.report =
        run_plan(plan, run.topology, run_options, source, journal, folder,
                 Replay(std::move(place.recovered), run.workloads, folder.samples().string()));
  }
  end.finished = utc_now();
  end.load = capture_load();
  write_file_atomically(folder.run_json(), run_to_json(run, &end));
  return end;
}

}  // namespace

ExitCode conduct(const RunCommandOptions& options, const Report& report, std::string_view kind,
                 RunDescription& run, RunOptions& run_options, SampleSource& source,
                 const Resumption* resumption) {
  examine_machine(options, run, run_options);
  const std::filesystem::path path = resumption != nullptr ? resumption->folder.path
                                     : options.out.empty() ? default_run_path(options.label, kind)
                                                           : std::filesystem::path(options.out);
  refuse_obstacles(run, path);
  Place place = prepare_place(path, run, resumption);
  const RunFolder folder = place.folder;
  const std::optional<FolderLock> lock = std::move(place.lock);
  const std::string resume = run.words.empty() ? "" : resume_command(folder);
  RunEnd end;
  try {
    end = sample(kind, run, run_options, source, std::move(place));
  } catch (const std::system_error& error) {
    throw UserError(fmt::format("{}; what is complete was kept{}", error.what(),
                                resume.empty() ? "" : "; when that is mended, go on: " + resume),
                    ExitCode::kMissing);
  }
  const std::size_t fired = tell_results(folder, load_run(folder), report);
  tell_outcome(end.report, folder, resume, report);
  if (end.report.interrupted) return ExitCode::kInterrupted;
  return end.report.failed == 0 && fired == 0 ? ExitCode::kOk : ExitCode::kFailed;
}

}  // namespace stackheap
