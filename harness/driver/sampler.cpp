#include "harness/driver/sampler.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "harness/allocators/preload.hpp"
#include "harness/base/error.hpp"
#include "harness/base/file.hpp"
#include "harness/base/text.hpp"
#include "harness/driver/process_end.hpp"
#include "harness/driver/repeat_command.hpp"
#include "harness/driver/sample_csv.hpp"
#include "harness/driver/timeline.hpp"
#include "harness/driver/turn_ring.hpp"
#include "harness/machine/noise.hpp"
#include "harness/measure/metric_table.hpp"

namespace stackheap {
namespace {

constexpr std::uint32_t kLargestPadding = 4096;
constexpr double kListDeadlineSeconds = 30;

// A value that samples.csv could not be read back with would cost the whole run, not one sample.
std::string problem_of(const MetricValue& value) {
  const MetricRow* row = find_metric(value.name);
  if (row == nullptr || row->info.scope != MetricScope::kSample) {
    return "there is no such metric; driver and worker are not of one build";
  }
  return metric_problem(row->info, value.text);
}

WorkerResult parse_result(const ProcessOutcome& outcome) {
  if (outcome.result_too_large) {
    return failed(Status::kCrashed, "the worker wrote more than a result can be");
  }
  if (outcome.result.empty()) {
    return failed(Status::kCrashed, with_reason("the worker ended without a result", outcome.log));
  }
  try {
    WorkerResult result = worker_result_from_json(outcome.result);
    // How a process ended is for the driver to say.
    if (result.status == Status::kCrashed || result.status == Status::kTimeout) {
      return failed(Status::kCrashed, fmt::format("the worker claims to have ended '{}': {}",
                                                  to_string(result.status), result.detail));
    }
    for (const MetricValue& metric : result.metrics) {
      const std::string problem = problem_of(metric);
      if (problem.empty()) continue;
      return failed(Status::kCrashed, fmt::format("the worker's result is malformed: metric {}: {}",
                                                  metric.name, problem));
    }
    return result;
  } catch (const std::exception& error) {
    return failed(Status::kCrashed,
                  fmt::format("the worker's result is malformed: {}", error.what()));
  }
}

}  // namespace

std::vector<std::filesystem::path> worker_layouts(const std::filesystem::path& worker) {
  std::vector<std::filesystem::path> layouts{worker};
  const std::filesystem::path folder = worker.parent_path() / "layouts";
  for (;;) {
    auto next = folder / fmt::format("{}-{}", worker.filename().string(), layouts.size());
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(next, ignored)) return layouts;
    layouts.push_back(std::move(next));
  }
}

std::vector<std::string> inherited_environment() {
  static constexpr std::string_view kNames[] = {"PATH", "HOME", "LD_LIBRARY_PATH", "TMPDIR", "TZ"};
  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string_view name = text.substr(0, text.find('='));
    const bool passes = std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames) ||
                        name.starts_with("STACKHEAP_") || name.ends_with("SAN_OPTIONS");
    if (passes) result.emplace_back(text);
  }
  return result;
}

std::string random_padding(Random& random) {
  return "STACKHEAP_PADDING=" + std::string(random.below(kLargestPadding), 'x');
}

std::string list_from_worker(const std::filesystem::path& worker, const std::string& option) {
  ProcessRequest request;
  request.arguments = {worker.string(), option, "--result-fd", kResultFdPlaceholder};
  request.environment = inherited_environment();
  request.deadline_seconds = kListDeadlineSeconds;
  const ProcessOutcome outcome = supervise(request);
  if (outcome.end == ProcessEnd::kNotStarted) {
    throw UserError(fmt::format("{}: cannot start the worker: {}; build it with scripts/run, or "
                                "name another with --worker",
                                worker.string(), std::strerror(outcome.code)),
                    ExitCode::kMissing);
  }
  if (outcome.end != ProcessEnd::kExited || outcome.code != 0 || outcome.result.empty()) {
    throw UserError(
        fmt::format(
            "{}; is it a stackheap-worker? build it anew with scripts/run",
            with_reason(fmt::format("{} {} gave no list", worker.string(), option), outcome.log)),
        ExitCode::kMissing);
  }
  return outcome.result;
}

Sampler::Sampler(SamplerOptions options)
    : options_(std::move(options)), random_(options_.seed), judge_(options_.memory_ceiling_bytes) {
  for (const Allocator& allocator : options_.allocators) {
    allocators_.emplace(allocator.name, allocator);
  }
}

std::vector<std::string> Sampler::environment_for(const Allocator* allocator,
                                                  const std::string& preload) {
  std::vector<std::string> environment = inherited_environment();
  if (allocator != nullptr) {
    for (const auto& [name, value] : allocator->environment) {
      environment.push_back(name + "=" + value);
    }
  }
  if (!preload.empty()) environment.push_back("LD_PRELOAD=" + preload);
  environment.push_back(random_padding(random_));
  return environment;
}

Sampler::Start Sampler::prepare(CellRequest request, const std::string& allocator_name,
                                double deadline_seconds) {
  const auto found = allocators_.find(allocator_name);
  Start start;
  start.allocator = found == allocators_.end() ? nullptr : &found->second;
  STACKHEAP_CHECK(start.allocator != nullptr || allocator_name == kNoAllocator);
  STACKHEAP_CHECK(!request.wall_clock_only);
  if (start.allocator != nullptr) {
    start.preload = plan_preload(*start.allocator);
    request.expected_files = expected_files(*start.allocator);
  }
  request.prove_allocator = start.allocator != nullptr;
  start.request = std::move(request);

  ProcessRequest& process = start.process;
  process.arguments = {options_.worker.string(), "--cell", to_json(start.request), "--result-fd",
                       kResultFdPlaceholder};
  process.environment = environment_for(start.allocator, start.preload.value);
  for (const UniqueFd& fd : start.preload.descriptors) process.inherited.push_back(fd.get());
  process.deadline_seconds = deadline_seconds;
  process.memory_ceiling_bytes = options_.memory_ceiling_bytes;
  return start;
}

Execution Sampler::judge(const Start& start, const ProcessOutcome& outcome,
                         const MachineCounters& noise, std::size_t together) {
  Execution execution;
  execution.seconds = outcome.seconds / static_cast<double>(together);
  execution.log = outcome.log;
  execution.command =
      repeat_command(options_.worker, start.allocator, start.preload, start.request);
  execution.interrupted = outcome.end == ProcessEnd::kInterrupted;
  if (execution.interrupted) return execution;
  const auto failure = judge_.failure(outcome, start.process.deadline_seconds);
  execution.result = failure ? *failure : parse_result(outcome);
  if (execution.result.status == Status::kOk) {
    add_machine_metrics(noise, execution.seconds, execution.result);
  }
  return execution;
}

Execution Sampler::run(CellRequest request, const std::string& allocator_name,
                       double deadline_seconds, bool timeline) {
  const Start start = prepare(std::move(request), allocator_name, deadline_seconds);
  const MachineCounters before = read_machine_counters();
  ResidentWatch watch;
  SuperviseHooks hooks;
  hooks.interrupt_fd = options_.interrupt_fd;
  hooks.tick_ms = kTimelineTickMs;
  if (timeline) hooks.on_tick = [&watch](pid_t worker) { watch.tick(worker); };
  const ProcessOutcome outcome = supervise(start.process, hooks);
  const MachineCounters noise = difference(before, read_machine_counters());
  Execution execution = judge(start, outcome, noise, 1);
  if (timeline && execution.result.status == Status::kOk) {
    execution.timeline = watch.timeline(execution.result.phases);
  }
  return execution;
}

std::vector<Execution> Sampler::run_together(std::span<const PlacedRequest> cells,
                                             double deadline_seconds) {
  std::vector<Start> starts;
  for (const PlacedRequest& cell : cells) {
    starts.push_back(prepare(cell.request, cell.allocator,
                             deadline_seconds * static_cast<double>(cells.size())));
  }
  TurnRing ring(cells.size());
  std::vector<ProcessRequest> processes;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    ring.join(i, starts[i].process);
    processes.push_back(starts[i].process);
  }
  const MachineCounters before = read_machine_counters();
  ring.begin();
  const std::vector<ProcessOutcome> outcomes =
      supervise_all(processes, {.interrupt_fd = options_.interrupt_fd,
                                .on_end = [&](std::size_t place) { ring.leave(place); }});
  const MachineCounters noise = difference(before, read_machine_counters());
  std::vector<Execution> executions;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    executions.push_back(judge(starts[i], outcomes[i], noise, starts.size()));
  }
  return executions;
}

}  // namespace stackheap
