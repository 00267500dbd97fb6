#include "harness/driver/sample_runner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "harness/base/clock.hpp"
#include "harness/base/error.hpp"
#include "harness/base/text.hpp"
#include "harness/driver/round_order.hpp"
#include "harness/driver/turn_groups.hpp"
#include "harness/driver/window_choice.hpp"

namespace stackheap {
namespace {

// A worker that takes ten times what its workload declared, and ten seconds more, hangs.
constexpr double kDeadlineFactor = 10;
constexpr double kDeadlineExtraSeconds = 10;

double deadline_of(const PlannedCell& planned) {
  return kDeadlineFactor * planned.expected_seconds + kDeadlineExtraSeconds;
}

SampleKind kind_of(const Block& block, std::size_t index) {
  return index == block.cells.size() ? SampleKind::kTwin : SampleKind::kTimed;
}

bool takes_turns(const Block& block) {
  return std::any_of(block.cells.begin(), block.cells.end(),
                     [](const PlannedCell& planned) { return planned.turns; });
}

Sample sample_of(const Block& block, const PlannedCell& planned, unsigned round, unsigned position,
                 SampleKind kind) {
  Sample sample;
  sample.kind = kind;
  sample.round = round;
  sample.block = block.name;
  sample.order = position;
  sample.cell = planned.cell;
  sample.pinned = planned.pinned;
  sample.oversubscribed = planned.oversubscribed;
  return sample;
}

}  // namespace

SampleRunner::SampleRunner(const Topology& topology, const RunOptions& options,
                           SampleSource& sampler, Journal& journal, const RunFolder& folder,
                           Replay replay, std::function<void(const Block&, const Sample&)> on_timed)
    : topology_(topology),
      options_(options),
      sampler_(sampler),
      journal_(journal),
      folder_(folder),
      replay_(std::move(replay)),
      on_timed_(std::move(on_timed)),
      started_ns_(monotonic_ns()) {}

double SampleRunner::elapsed_seconds() const {
  return replay_.seconds() + static_cast<double>(monotonic_ns() - started_ns_) * 1e-9;
}

void SampleRunner::begin_round(unsigned round) {
  sampler_.use_worker(options_.layouts[layout_of(round)]);
}

void SampleRunner::expect(std::size_t samples, double seconds) {
  total_ = report_.samples + samples;
  planned_seconds_ = seconds_done_ + seconds;
}

RunReport SampleRunner::finish() {
  if (!report_.interrupted) replay_.finish();
  report_.seconds = elapsed_seconds();
  return std::move(report_);
}

CellRequest SampleRunner::request_for(const Block& block, const PlannedCell& planned,
                                      unsigned round) const {
  CellRequest request;
  request.workload = planned.cell.workload;
  request.variant = planned.cell.variant;
  request.parameter = planned.cell.parameter.value_or(0);
  request.threads = planned.cell.threads;
  request.seed = block_seed(options_.seed, block.name, round);
  request.oversubscribed = planned.oversubscribed;
  request.cpus = lane_cpus(planned, topology_, options_.pinning);
  return request;
}

// One short process per cell of the block; the shares then hold for the whole run. In `smoke`
// nothing is claimed from times, so each sample finds its own share and no pilot is run.
void SampleRunner::find_shares(const Block& block) {
  if (options_.profile == Profile::kSmoke || !options_.piloted.at(block.workload)) return;
  std::vector<PilotResult> pilots;
  if (!replay_.is_over()) {
    pilots = replay_.take_pilots(block.name);
  } else {
    pilots = run_pilots(block);
    if (report_.interrupted) return;
    journal_.append_pilots(block.name, pilots);
  }
  report_.work[block.name] = work_from_pilots(pilots, takes_turns(block) ? kInTurns : kApart);
}

std::vector<PilotResult> SampleRunner::run_pilots(const Block& block) {
  std::vector<PilotResult> pilots;
  announce(block.name + " (pilot)", 0);
  for (const PlannedCell& planned : block.cells) {
    if (!planned.skip_status.empty()) continue;
    CellRequest request = request_for(block, planned, 0);
    choose_pilot_windows(request);
    const Execution execution =
        sampler_.run(request, planned.cell.allocator, deadline_of(planned), /*timeline=*/false);
    if (execution.interrupted) {
      report_.interrupted = true;
      return {};
    }
    const WorkerResult& result = execution.result;
    // A cell that fails its pilot will fail its sample and say why there.
    if (result.status != Status::kOk || result.windows.empty() || result.share == 0) continue;
    const auto fastest = std::min_element(
        result.windows.begin(), result.windows.end(),
        [](const WindowResult& a, const WindowResult& b) { return a.nanoseconds < b.nanoseconds; });
    pilots.push_back(
        {planned.cell, planned.oversubscribed,
         static_cast<double>(fastest->nanoseconds) / static_cast<double>(result.share)});
  }
  return pilots;
}

void SampleRunner::run_cell(const Block& block, const PlannedCell& planned, unsigned round,
                            unsigned position, SampleKind kind) {
  Sample sample = sample_of(block, planned, round, position, kind);
  if (!planned.skip_status.empty()) {
    // Told once; it would be the same in every round.
    if (round == 0) tell_skipped(planned, sample);
    return;
  }
  CellRequest request = request_for(block, planned, round);
  sample.seed = request.seed;
  double expected_seconds = planned.expected_seconds;
  if (kind == SampleKind::kInstrumented) {
    expected_seconds = options_.instrumentation.seconds_of(planned);
  }
  last_block_ = block.name;  // also where it was before a resumption: the plan is the same
  if (!take_replayed(sample) && !execute(block, planned, std::move(request), sample)) return;
  count(block, sample, expected_seconds);
}

void SampleRunner::run_group(const Block& block, const std::vector<std::size_t>& group,
                             unsigned round, unsigned& position) {
  if (group.size() == 1) {
    const std::size_t index = group.front();
    return run_cell(block, cell_of(block, index), round, position++, kind_of(block, index));
  }
  std::vector<Pending> pending;
  for (const std::size_t index : group) {
    const PlannedCell& planned = cell_of(block, index);
    Pending one{&planned, sample_of(block, planned, round, position++, kind_of(block, index)),
                request_for(block, planned, round)};
    one.sample.seed = one.request.seed;
    last_block_ = block.name;
    if (take_replayed(one.sample)) {
      count(block, one.sample, planned.expected_seconds);
    } else {
      pending.push_back(std::move(one));
    }
  }
  if (!pending.empty()) execute_in_turns(block, std::move(pending));
}

void SampleRunner::tell_skipped(const PlannedCell& planned, Sample& sample) {
  sample.index = next_index_++;
  ++report_.skipped;
  if (replay_.take(sample)) return;
  const auto status = parse_status(planned.skip_status);
  STACKHEAP_CHECK(status.has_value());
  sample.result.status = *status;
  sample.result.detail = planned.skip_detail;
  journal_.append(sample);
}

void SampleRunner::choose(const Block& block, const PlannedCell& planned, SampleKind kind,
                          CellRequest& request) const {
  const auto work = report_.work.find(block.name);
  choose_windows(kind, options_.profile, planned,
                 work == report_.work.end() ? nullptr : &work->second, request);
  request.instrumented = kind == SampleKind::kInstrumented;
}

// Where an earlier driver has run it.
bool SampleRunner::take_replayed(Sample& sample) {
  auto done = replay_.take(sample);
  if (!done) return false;
  sample.index = next_index_++;
  sample.result = *std::move(done);
  return true;
}

// Runs it and journals it; false where it was interrupted.
bool SampleRunner::execute(const Block& block, const PlannedCell& planned, CellRequest request,
                           Sample& sample) {
  announce(planned.cell.label(options_.parameter_names.at(planned.cell.workload)), sample.round);
  choose(block, planned, sample.kind, request);
  const bool timeline = block.timeline && sample.kind == SampleKind::kTimed;
  Execution execution =
      sampler_.run(request, planned.cell.allocator, deadline_of(planned), timeline);
  if (execution.interrupted) {
    report_.interrupted = true;
    return false;
  }
  record(execution, sample);
  return true;
}

void SampleRunner::execute_in_turns(const Block& block, std::vector<Pending> pending) {
  announce(fmt::format("{}: {} in turns", block.name, pending.size()),
           pending.front().sample.round);
  std::vector<PlacedRequest> placed;
  double deadline = 0;
  for (Pending& one : pending) {
    choose(block, *one.planned, one.sample.kind, one.request);
    placed.push_back({one.request, one.planned->cell.allocator});
    deadline = std::max(deadline, deadline_of(*one.planned));
  }
  std::vector<Execution> executions = sampler_.run_together(placed, deadline);
  report_.interrupted =
      std::all_of(executions.begin(), executions.end(),
                  [](const Execution& execution) { return execution.interrupted; });
  if (report_.interrupted) return;
  for (std::size_t i = 0; i < pending.size(); ++i) {
    Pending& one = pending[i];
    if (!executions[i].interrupted) {
      record(executions[i], one.sample);
    } else if (!execute(block, *one.planned, one.request, one.sample)) {
      // Another's failure had ended it, so it ran by itself.
      return;
    }
    count(block, one.sample, one.planned->expected_seconds);
  }
}

void SampleRunner::record(Execution& execution, Sample& sample) {
  sample.index = next_index_++;
  sample.result = execution.result;
  if (sample.result.status == Status::kOk && execution.in_worker) {
    sample.result.metrics.push_back({"layout", fmt::format("{}", layout_of(sample.round))});
  }
  sample.timeline = std::move(execution.timeline);
  if (sample.result.status != Status::kOk) write_log(sample, execution);
  journal_.append(sample);
}

void SampleRunner::count(const Block& block, const Sample& sample, double expected_seconds) {
  if (sample.kind == SampleKind::kTimed) {
    report_.rounds[block.name] = sample.round + 1;
    on_timed_(block, sample);
  }
  ++report_.samples;
  seconds_done_ += expected_seconds;
  if (is_failure(sample.result.status)) {
    ++report_.failed;
  } else if (sample.result.status != Status::kOk) {
    ++report_.refused[sample.result.detail];
  }
  for (const MetricValue& metric : sample.result.metrics) {
    if (metric.name == "worker_seconds") {
      report_.worker_seconds += parse_real(metric.text).value_or(0);
    }
  }
}

void SampleRunner::write_log(const Sample& sample, const Execution& execution) const {
  const auto path = folder_.logs() / fmt::format("{}.log", sample.index);
  write_file_atomically(
      path, fmt::format("{}\nstatus: {}\ndetail: {}\nrepeat: {}\n\n{}",
                        sample.cell.label(options_.parameter_names.at(sample.cell.workload)),
                        to_string(sample.result.status), sample.result.detail, execution.command,
                        execution.log));
}

void SampleRunner::announce(const std::string& next, unsigned round) {
  if (!options_.on_progress) return;
  Progress progress;
  progress.done = report_.samples;
  progress.total = total_;
  progress.round = round;
  progress.rounds = options_.adaptive ? 0 : options_.rounds;
  progress.next = next;
  progress.failed = report_.failed;
  progress.elapsed_seconds = elapsed_seconds();
  // What is left, at the pace so far; the declared durations until there is one.
  const double pace =
      report_.samples < 10 ? 1 : progress.elapsed_seconds / std::max(seconds_done_, 1e-3);
  progress.remaining_seconds = std::max(0.0, planned_seconds_ - seconds_done_) * pace;
  if (options_.adaptive) {
    const double left = options_.adaptive->budget_seconds - progress.elapsed_seconds;
    progress.remaining_seconds = std::clamp(progress.remaining_seconds, 0.0, std::max(left, 0.0));
  }
  options_.on_progress(progress);
}

}  // namespace stackheap
