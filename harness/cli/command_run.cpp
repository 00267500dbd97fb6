#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <optional>

#include "harness/base/random.hpp"
#include "harness/base/text.hpp"
#include "harness/cli/commands.hpp"
#include "harness/cli/conduct.hpp"
#include "harness/cli/interrupt.hpp"
#include "harness/cli/resume.hpp"
#include "harness/cli/run_options.hpp"
#include "harness/cli/run_words.hpp"
#include "harness/driver/run_json.hpp"
#include "harness/driver/sampler.hpp"

namespace stackheap {
namespace {

// The worker may take this part of the available memory; then it is ended as out of memory, before
// the machine is.
constexpr double kCeilingPart = 0.85;

// Anchors too.
std::vector<WorkloadInfo> workloads_of(const Plan& plan, const std::vector<WorkloadInfo>& all) {
  std::vector<WorkloadInfo> planned;
  for (const WorkloadInfo& info : all) {
    const auto is_its = [&](const Block& block) { return block.workload == info.name; };
    if (std::any_of(plan.blocks.begin(), plan.blocks.end(), is_its) ||
        std::any_of(plan.anchors.begin(), plan.anchors.end(), is_its)) {
      planned.push_back(info);
    }
  }
  return planned;
}

// The cells and the expected time, on stdout; nothing is started.
void print_plan(const Plan& plan, const RunOptions& options) {
  std::printf("%-60s %7s  %s\n", "cell", "pinned", "note");
  for (const Block& block : plan.blocks) {
    for (const PlannedCell& planned : block.cells) {
      std::string note = planned.oversubscribed ? "more threads than CPUs" : "";
      if (!planned.skip_status.empty()) note = planned.skip_status + ": " + planned.skip_detail;
      const std::string label =
          planned.cell.label(options.parameter_names.at(planned.cell.workload));
      std::printf("%-60s %7s  %s\n", label.c_str(), planned.pinned ? "yes" : "", note.c_str());
    }
  }
  const InstrumentedRound instrumented = instrumented_round(plan, options.instrumentation);
  std::printf(
      "\n%zu cells in %zu blocks, %zu of them can run here; %s, %zu instrumented samples, "
      "about %s\n",
      plan.cells(), plan.blocks.size(), plan.runnable_cells(),
      rounds_text(plan, options.rounds).c_str(), instrumented.samples,
      human_duration(plan.seconds(options.rounds) + instrumented.seconds).c_str());
}

ExitCode measure(const CommonOptions& common, const RunCommandOptions& options,
                 const Resumption* resumption) {
  RunDescription run = describe_run(common, options, parse_profile_option(options.profile));
  const Report report = choose_report(options);
  run.words = words_of(options);
  run.pinning = options.pin.empty() ? "auto" : options.pin;
  run.options.workload_globs = options.workloads;
  run.options.variant_globs = options.variants;
  run.options.parameters = parse_parameters(options.parameters);
  run.options.threads = parse_threads(options.threads, run.topology);
  run.options.pinning = parse_pinning(options.pin);
  run.options.turns = options.turns;
  const std::uint64_t available = run.options.available_memory_bytes;
  // A few bytes more or less than then must not make it another plan.
  if (resumption != nullptr) {
    run.options.available_memory_bytes = resumption->facts.available_memory_bytes;
  }

  const std::string worker = worker_path(common);
  const auto infos = workloads_from_json(list_from_worker(worker), &run.benchmark_library);
  const Plan plan = make_plan(infos, run.options, run.topology);
  run.plan = &plan;
  run.workloads = workloads_of(plan, infos);

  RunOptions run_options = run_options_of(options, run, worker_layouts(worker));
  run.instrumentation = find_instrumentation(run.options.allocators, run_options.piloted);
  run_options.instrumentation = run.instrumentation;
  if (options.dry_run) {
    print_plan(plan, run_options);
    return ExitCode::kOk;
  }

  // Nothing is claimed from the times of `smoke`.
  const std::optional<MachineLock> lock =
      lock_machine(options.allow_concurrent || run.profile == Profile::kSmoke);
  const std::uint64_t stream = resumption == nullptr ? 0 : stable_hash(resumption->document);
  Sampler sampler({.worker = worker,
                   .allocators = run.options.allocators,
                   .memory_ceiling_bytes =
                       static_cast<std::uint64_t>(kCeilingPart * static_cast<double>(available)),
                   .interrupt_fd = install_interrupt_handlers(),
                   .seed = derive_seed(run.seed, stream)});
  return conduct(options, report, to_string(run.profile), run, run_options, sampler, resumption);
}

}  // namespace

ExitCode command_run(const CommonOptions& common, const RunCommandOptions& options) {
  if (options.resume.empty()) return measure(common, options, nullptr);
  const Resumption resumption = open_to_resume(options.resume);
  const RunCommandOptions resumed = resumed_options(resumption, options);
  if (resumption.is_complete()) return tell_complete_run(resumption, choose_report(resumed));
  return measure(common, resumed, &resumption);
}

}  // namespace stackheap
