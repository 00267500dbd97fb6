#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>

#include "harness/allocators/table.hpp"
#include "harness/base/clock.hpp"
#include "harness/base/file.hpp"
#include "harness/base/random.hpp"
#include "harness/base/text.hpp"
#include "harness/cli/commands.hpp"
#include "harness/cli/conduct.hpp"
#include "harness/cli/interrupt.hpp"
#include "harness/cli/run_options.hpp"
#include "harness/cli/terminal.hpp"
#include "harness/driver/calibrate.hpp"
#include "harness/driver/calibration_csv.hpp"
#include "harness/driver/calibration_file.hpp"
#include "harness/driver/run_folder.hpp"
#include "harness/driver/sampler.hpp"
#include "harness/machine/environment.hpp"

namespace stackheap {
namespace {

// Of adaptive trials: half of the default margin, as a run's, and one that a noisy machine reaches
// in few rounds, where the number of rounds follows the data the most.
constexpr double kPrecisions[] = {0.01, 0.03};
constexpr std::uint64_t kToldEveryNs = 15'000'000'000;

struct CalibrateCommandOptions {
  std::string budget = "10m";
  std::string out;
  std::string seed;
  std::string other = "mimalloc";
  bool turns = false;
  bool evaluate_only = false;
  bool allow_concurrent = false;
};

std::string value_text(const CalibrationFigure& figure) {
  if (figure.value.n == 0 || !(figure.value.point >= 0 || figure.value.point < 0))
    return "no trials";
  const auto percent = [](double value) { return fmt::format("{:.2f}", 100 * value); };
  return fmt::format("{:>6} % [{}, {}]", percent(figure.value.point), percent(figure.value.lower),
                     percent(figure.value.upper));
}

std::string table_of(const Calibration& calibration) {
  std::string text =
      fmt::format("{:<48} {:>6} {:>24}  {}\n", "", "trials", "95 % interval", "target");
  for (const CalibrationFigure& figure : calibration.figures) {
    const std::string threads = figure.threads.empty()  ? ""
                                : figure.threads == "1" ? ", 1 thread"
                                                        : ", all CPUs";
    const std::string summary = figure.design == "window summaries" ? " of " + figure.summary : "";
    const std::string met = !figure.met   ? (figure.target.empty() ? "" : " (too few to say)")
                            : *figure.met ? " met"
                                          : " NOT met";
    text += fmt::format("{:<48} {:>6} {:>24}  {}{}\n",
                        shortened(fmt::format("{}: {}{}", figure.design, figure.what, summary), 48),
                        figure.n, value_text(figure), figure.target, met);
    text += fmt::format("    {}{}\n", figure.rule, threads);
  }
  if (calibration.layout_spread) {
    text +=
        fmt::format("spread of the worker's layouts, standard error of a run's ratio: {:.3f} %\n",
                    100 * *calibration.layout_spread);
  }
  if (calibration.between_runs) {
    text += fmt::format(
        "spread between two runs, standard deviation of a ratio: {:.2f} % ({} "
        "sessions)\n",
        100 * calibration.between_runs->deviation, calibration.between_runs->sessions);
  }
  if (!calibration.window_summary.empty()) {
    text += fmt::format("least detectable slowdown by the {} of a sample's windows\n",
                        calibration.window_summary);
  }
  return text;
}

// Refuses a folder that another machine, or another way of sampling, began: its sessions and ours
// cannot be one calibration. Returns whether its sides take turns.
bool check_folder(const std::filesystem::path& folder, const CalibratedMachine& machine,
                  const CalibrateCommandOptions& options) {
  const auto known = read_calibration(folder);
  if (!known) return options.turns;
  if (!(known->machine == machine)) {
    throw UserError(fmt::format(
        "{} was begun on another machine ({}, {} CPUs, kernel {}); --out names a new folder",
        folder.string(), known->machine.processor, known->machine.cpus, known->machine.kernel));
  }
  if (!options.evaluate_only && known->turns != options.turns) {
    throw UserError(fmt::format("{} was begun {} --turns; do so too, or name a new folder by --out",
                                folder.string(), known->turns ? "with" : "without"));
  }
  return known->turns;
}

void write_results(const std::filesystem::path& folder, const CalibratedMachine& machine,
                   bool turns, const BankFile& file, const Calibration& calibration) {
  write_file_atomically(folder / "calibration.csv", calibration_csv(calibration));
  write_file_atomically(folder / "calibration.json",
                        calibration_to_json({.machine = machine,
                                             .when = utc_now(),
                                             .sessions = file.banks().size(),
                                             .turns = turns,
                                             .layout_spread = calibration.layout_spread,
                                             .between_runs = calibration.between_runs,
                                             .window_summary = calibration.window_summary}));
}

CalibrateReport sample(const CommonOptions& common, const CalibrateCommandOptions& options,
                       const Topology& topology, BankFile& file) {
  const std::optional<MachineLock> lock = lock_machine(options.allow_concurrent);
  const auto budget = parse_duration_seconds(options.budget);
  if (!budget) {
    throw UserError(
        fmt::format("--budget {}: expected a time such as 90s, 10m or 2h", options.budget));
  }
  const std::string worker = worker_path(common);
  const auto workloads = workloads_from_json(list_from_worker(worker));
  const std::vector<Allocator> all = builtin_allocators(executable_folder());
  CalibrateOptions calibration;
  calibration.budget_seconds = *budget;
  calibration.seed = choose_seed(options.seed);
  calibration.layouts = worker_layouts(worker);
  const auto other = std::find_if(all.begin(), all.end(), [&](const Allocator& allocator) {
    return allocator.name == options.other;
  });
  if (other == all.end() || !other->unavailable.empty()) {
    throw UserError(fmt::format("--other {}: {}", options.other,
                                other == all.end() ? "there is no such allocator; `stackheap list "
                                                     "allocators` lists them"
                                                   : other->unavailable),
                    other == all.end() ? ExitCode::kUsage : ExitCode::kMissing);
  }
  calibration.other = options.other;
  calibration.turns = options.turns;
  std::uint64_t told = 0;
  calibration.on_progress = [&](std::uint64_t session, std::uint64_t round, double left) {
    const std::uint64_t now = monotonic_ns();
    if (now - told < kToldEveryNs) return;
    told = now;
    std::fprintf(stderr, "session %llu, round %llu, about %s left\n",
                 static_cast<unsigned long long>(session), static_cast<unsigned long long>(round),
                 human_duration(left).c_str());
  };
  Sampler sampler({.worker = worker,
                   .allocators = all,
                   .memory_ceiling_bytes = 0,
                   .interrupt_fd = install_interrupt_handlers(),
                   .seed = derive_seed(calibration.seed, 0)});
  return calibrate(workloads, topology, calibration, sampler, file);
}

ExitCode command_calibrate(const CommonOptions& common, const CalibrateCommandOptions& options) {
  const std::filesystem::path folder =
      options.out.empty() ? default_calibration_folder() : std::filesystem::path(options.out);
  const Topology topology = detect_topology();
  const CalibratedMachine machine = machine_of(capture_environment(), topology);
  const bool turns = check_folder(folder, machine, options);
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    throw UserError(fmt::format("{}: cannot be created: {}; --out names another folder",
                                folder.string(), error.message()));
  }
  const FolderLock folder_lock(folder);
  BankFile file(folder);
  // So that the folder is this machine's from the first sample on.
  write_results(folder, machine, turns, file, evaluate_calibration(file.banks(), kPrecisions));
  CalibrateReport report;
  if (!options.evaluate_only) report = sample(common, options, topology, file);
  const Calibration calibration = evaluate_calibration(file.banks(), kPrecisions);
  write_results(folder, machine, turns, file, calibration);
  std::fputs(table_of(calibration).c_str(), stdout);
  std::printf("%zu sessions in %s, %zu samples added%s\n", file.banks().size(), folder.c_str(),
              report.samples,
              report.failed == 0
                  ? ""
                  : fmt::format(", {} FAILED: {}", report.failed, report.failure).c_str());
  if (report.interrupted) return ExitCode::kInterrupted;
  return report.failed == 0 ? ExitCode::kOk : ExitCode::kFailed;
}

}  // namespace

Subcommand define_calibrate(CLI::App& app, const CommonOptions& common) {
  CLI::App& calibrate = *app.add_subcommand(
      "calibrate", "how far can verdicts be believed on this machine? error rates, by trial");
  const auto o = std::make_shared<CalibrateCommandOptions>();
  calibrate
      .add_option("--budget", o->budget,
                  "sample for so long, then evaluate all sessions so far; a later call goes on")
      ->type_name("TIME")
      ->capture_default_str();
  calibrate
      .add_option("--out", o->out, "the folder; else results/calibration, where `compare` looks")
      ->type_name("DIR");
  calibrate.add_option("--seed", o->seed, "order and random numbers")->type_name("N");
  calibrate
      .add_option("--other", o->other,
                  "the allocator that glibc is set against in each of the worker's layouts")
      ->type_name("NAME")
      ->capture_default_str();
  calibrate.add_flag("--turns", o->turns,
                     "the sides of a pair are alive together and take turns, window by window");
  calibrate.add_flag("--evaluate", o->evaluate_only, "evaluate what is there, sample nothing");
  add_concurrency_option(calibrate, o->allow_concurrent);
  calibrate.footer("\nExample:\n  stackheap calibrate --budget 2h");
  return {&calibrate, [&common, o] { return command_calibrate(common, *o); }};
}

}  // namespace stackheap
