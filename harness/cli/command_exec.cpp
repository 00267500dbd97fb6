#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>

#include "harness/allocators/table.hpp"
#include "harness/base/random.hpp"
#include "harness/base/text.hpp"
#include "harness/cli/commands.hpp"
#include "harness/cli/conduct.hpp"
#include "harness/cli/interrupt.hpp"
#include "harness/driver/program_sampler.hpp"
#include "harness/driver/repeat_command.hpp"
#include "harness/driver/sampler.hpp"

namespace stackheap {
namespace {

constexpr const char* kVariant = "program";
constexpr double kAnchorPart = 0.1;  // of the time of a program that is short
// Of an execution before it is known how long one takes.
constexpr double kFirstDeadlineSeconds = 86'400;

struct ExecCommandOptions {
  RunCommandOptions run;
  std::string input = "/dev/null";
  int exit_code = 0;
  bool ignore_output = false;
};

std::string workload_name(const Program& program) {
  return "exec/" + program.name;
}

// The program as the one workload of a run.
WorkloadInfo workload_of(const Program& program, double seconds) {
  WorkloadInfo info;
  info.name = workload_name(program);
  info.summary = shell_words(program.words);
  info.operation = "one execution of the program";
  info.shape = Shape::kScripted;
  info.variants = {{.name = kVariant, .description = "the program as it is", .uses_heap = true}};
  info.baseline_variant = kVariant;
  info.threads = {.minimum = 1, .maximum = 1};
  info.smoke = {{.threads = TierThreads::kOne}};
  info.quick = info.smoke;
  info.expected_seconds = seconds;
  info.piloted = false;
  info.ranked_by = "wall_seconds";
  return info;
}

std::string short_name(const Program& program) {
  return fmt::format("`{}`", shell_words(program.words).substr(0, 200));
}

void require_end(const ProgramExecution& execution, const Program& program,
                 const std::string& allocator) {
  if (execution.interrupted)
    throw UserError("interrupted; nothing was measured", ExitCode::kInterrupted);
  if (!execution.failure) return;
  throw UserError(fmt::format("{} under {}: {} ({}); nothing was measured. --exit-code says which "
                              "code is right. Repeat it with: {}",
                              short_name(program), allocator, execution.failure->detail,
                              to_string(execution.failure->status), execution.command),
                  ExitCode::kFailed);
}

// Executes the program once under each allocator and traces it: does every process run on it? Then
// without tracing under the baseline. Returns that one's time; fixes what is expected of the
// output.
double prove(const ExecCommandOptions& options, const RunDescription& run, const Program& program,
             ProgramSampler& sampler) {
  std::map<std::string, std::string> outputs;
  for (const Allocator& allocator : run.options.allocators) {
    if (!allocator.unavailable.empty()) continue;
    std::fprintf(stderr, "checking %s under %s\n", short_name(program).c_str(),
                 allocator.name.c_str());
    const ProgramExecution traced = sampler.execute(allocator.name, true, kFirstDeadlineSeconds);
    require_end(traced, program, allocator.name);
    const std::string problem = injection_problem(traced.processes, allocator);
    if (!problem.empty()) {
      throw UserError(fmt::format("{} does not run on {} as a whole: {}; nothing was measured",
                                  short_name(program), allocator.name, problem),
                      ExitCode::kFailed);
    }
    outputs[allocator.name] = traced.output_sha256;
  }
  const std::string& baseline = run.options.baseline_allocator;
  const auto found = outputs.find(baseline);
  if (found == outputs.end()) {
    throw UserError(
        fmt::format("the baseline {} is not available here; --baseline names another", baseline),
        ExitCode::kMissing);
  }
  const ProgramExecution plain = sampler.execute(baseline, false, kFirstDeadlineSeconds);
  require_end(plain, program, baseline);
  if (options.ignore_output) return plain.seconds;
  if (plain.output_sha256 != found->second) {
    std::fprintf(stderr,
                 "note: its output differs from one execution to the next under %s itself, so it "
                 "is not compared\n",
                 baseline.c_str());
    return plain.seconds;
  }
  for (const auto& [allocator, output] : outputs) {
    if (output == plain.output_sha256) continue;
    throw UserError(fmt::format("the output of {} under {} is not that under {}; nothing was "
                                "measured. --ignore-output accepts that",
                                short_name(program), allocator, baseline),
                    ExitCode::kFailed);
  }
  sampler.expect_output(plain.output_sha256);
  return plain.seconds;
}

std::filesystem::path find_launcher() {
  std::filesystem::path beside = executable_folder() / "stackheap-launcher";
  if (!std::filesystem::exists(beside)) {
    throw UserError(fmt::format("{} is missing; build it with scripts/run", beside.string()),
                    ExitCode::kMissing);
  }
  return beside;
}

ExitCode command_exec(const CommonOptions& common, const ExecCommandOptions& options) {
  if (common.program.empty()) {
    throw UserError("exec needs a program after `--`, for instance: stackheap exec -- sort file");
  }
  if (options.exit_code < 0 || options.exit_code > 255) {
    throw UserError(fmt::format("--exit-code {}: expected 0 to 255", options.exit_code));
  }
  if (!std::filesystem::exists(options.input)) {
    throw UserError(fmt::format("--input {}: there is no such file", options.input));
  }
  RunDescription run = describe_run(common, options.run, Profile::kQuick);
  const Report report = choose_report(options.run);
  const Program program = find_program(common.program);
  run.pinning = "none";
  run.options.pinning = Pinning::kNone;
  run.program = program;

  const std::string worker = worker_path(common);
  const auto offered = workloads_from_json(list_from_worker(worker), &run.benchmark_library);
  const std::optional<MachineLock> lock = lock_machine(options.run.allow_concurrent);
  const int interrupt_fd = install_interrupt_handlers();
  Sampler anchors({.worker = worker,
                   .allocators = run.options.allocators,
                   .memory_ceiling_bytes = 0,
                   .interrupt_fd = interrupt_fd,
                   .seed = derive_seed(run.seed, 0)});
  ProgramSampler sampler({.launcher = find_launcher(),
                          .program = program,
                          .allocators = run.options.allocators,
                          .workload = workload_name(program),
                          .input = options.input,
                          .exit_code = options.exit_code,
                          .check_output = !options.ignore_output,
                          .interrupt_fd = interrupt_fd,
                          .seed = derive_seed(run.seed, 1)},
                         anchors);
  const double seconds = prove(options, run, program, sampler);
  run.workloads = {workload_of(program, seconds)};
  for (const WorkloadInfo& info : offered) {
    if (info.anchor) run.workloads.push_back(info);
  }
  Plan plan = make_plan(run.workloads, run.options, run.topology);
  ration_anchors(plan, kAnchorPart);
  run.plan = &plan;
  RunOptions run_options = run_options_of(options.run, run, worker_layouts(worker));
  return conduct(options.run, report, "exec", run, run_options, sampler);
}

}  // namespace

Subcommand define_exec(CLI::App& app, const CommonOptions& common) {
  CLI::App& exec = *app.add_subcommand(
      "exec", "a program of yours under every allocator: same rounds, twins and verdicts as run");
  const auto o = std::make_shared<ExecCommandOptions>();
  add_measuring_options(exec, o->run);
  exec.add_option("--input", o->input, "the program's standard input, opened anew each time")
      ->type_name("FILE")
      ->capture_default_str();
  exec.add_option("--exit-code", o->exit_code, "what the program must end with")
      ->type_name("N")
      ->capture_default_str();
  exec.add_flag("--ignore-output", o->ignore_output,
                "do not compare what it prints; else it must be the same under every allocator");
  exec.footer(
      "\nThe program stands after `--`, with its arguments; no shell takes them apart.\n\n"
      "Example:\n  stackheap exec --allocator glibc --allocator mimalloc -- sort /etc/services");
  return {&exec, [&common, o] { return command_exec(common, *o); }};
}

}  // namespace stackheap
