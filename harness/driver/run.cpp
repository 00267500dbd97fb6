#include "harness/driver/run.hpp"

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

class Run {
 public:
  Run(const Plan& plan, const Topology& topology, const RunOptions& options, SampleSource& sampler,
      Journal& journal, const RunFolder& folder, Replay replay)
      : plan_(plan),
        topology_(topology),
        options_(options),
        sampler_(sampler),
        journal_(journal),
        folder_(folder),
        replay_(std::move(replay)) {}

  RunReport run() {
    started_ns_ = monotonic_ns();
    const InstrumentedRound instrumented = instrumented_round(plan_, options_.instrumentation);
    total_ = plan_.samples(options_.rounds) + instrumented.samples;
    planned_seconds_ = plan_.seconds(options_.rounds) + instrumented.seconds;
    if (options_.adaptive) watch_.emplace(plan_, *options_.adaptive);
    ended_.assign(plan_.blocks.size(), false);
    for (unsigned round = 0; !is_over(round); ++round) {
      // All cells of a round in the same layout: what is compared has it in common.
      sampler_.use_worker(options_.layouts[layout_of(round)]);
      for (const Block& anchor : plan_.anchors) run_anchor(anchor, round);
      run_round(round);
      // Early, so that a run that is cut short has it.
      if (round == 0) run_instrumented();
      if (is_look(round)) look(round + 1);
    }
    if (!report_.interrupted) replay_.finish();
    if (watch_) {
      report_.imprecise = static_cast<std::size_t>(std::count_if(
          plan_.blocks.begin(), plan_.blocks.end(),
          [&](const Block& block) { return block.most_rounds == 0 && !ended_[index_of(block)]; }));
    }
    report_.seconds = elapsed();
    return std::move(report_);
  }

 private:
  // Of the whole run, without the time between its drivers.
  double elapsed() const {
    return replay_.seconds() + static_cast<double>(monotonic_ns() - started_ns_) * 1e-9;
  }
  std::size_t index_of(const Block& block) const {
    return static_cast<std::size_t>(&block - plan_.blocks.data());
  }
  std::size_t layout_of(unsigned round) const { return round % options_.layouts.size(); }

  bool is_out_of_budget() const {
    // What was done was within the budget when it was done.
    if (!replay_.is_over()) return false;
    return options_.adaptive && elapsed() >= options_.adaptive->budget_seconds;
  }
  bool must_stop() const { return report_.interrupted || is_out_of_budget(); }

  bool is_over(unsigned round) const {
    if (must_stop()) return true;
    if (!options_.adaptive) return round >= options_.rounds;
    return round >= options_.rounds &&
           std::all_of(ended_.begin(), ended_.end(), [](bool ended) { return ended; });
  }

  bool is_look(unsigned round) const {
    const unsigned done = round + 1;
    return watch_ && done >= options_.rounds &&
           (done - options_.rounds) % options_.adaptive->look_every == 0;
  }

  // Blocks that are precise run no more; a block whose rounds are limited ends with them.
  void look(unsigned rounds) {
    double seconds = 0;
    std::size_t samples = 0;
    for (const Block& block : plan_.blocks) {
      const std::size_t index = index_of(block);
      if (ended_[index]) continue;
      const PrecisionWatch::Look found = watch_->look(index);
      ended_[index] = found.precise || (block.most_rounds != 0 && rounds >= block.most_rounds);
      if (ended_[index]) continue;
      seconds += static_cast<double>(found.more_rounds) * seconds_of_round(block);
      samples += found.more_rounds * (block.cells.size() + 2);
    }
    planned_seconds_ = seconds_done_ + seconds;
    total_ = report_.samples + samples;
  }

  // Its own cell: no lead, no comparison.
  void run_anchor(const Block& anchor, unsigned round) {
    if (must_stop() || round % anchor.every != 0) return;
    if (round == 0) find_shares(anchor);
    run_cell(anchor, anchor.cells.front(), round, 0, SampleKind::kAnchor);
  }

  void run_round(unsigned round) {
    const RoundOrder order = round_order(plan_, options_.seed, round);
    for (std::size_t i = 0; i < order.blocks.size() && !must_stop(); ++i) {
      const Block& block = plan_.blocks[order.blocks[i]];
      if (ended_[order.blocks[i]] || (block.most_rounds != 0 && round >= block.most_rounds)) {
        continue;
      }
      if (round == 0) find_shares(block);
      run_block(block, order.cells[i], round);
    }
  }

  void run_block(const Block& block, const std::vector<std::size_t>& order, unsigned round) {
    unsigned position = 0;
    const auto first = std::find_if(order.begin(), order.end(), [&](std::size_t index) {
      return cell_of(block, index).skip_status.empty();
    });
    if (block.lead && first != order.end() && last_block_ != block.name) {
      run_cell(block, cell_of(block, *first), round, position++, SampleKind::kLead);
    }
    for (const std::vector<std::size_t>& group : turn_groups(block, order)) {
      if (must_stop()) return;
      run_group(block, group, round, position);
    }
  }

  static SampleKind kind_of(const Block& block, std::size_t index) {
    return index == block.cells.size() ? SampleKind::kTwin : SampleKind::kTimed;
  }

  // One cell by itself, or several that take turns.
  void run_group(const Block& block, const std::vector<std::size_t>& group, unsigned round,
                 unsigned& position) {
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
      if (auto done = replay_.take(one.sample)) {
        one.sample.index = next_index_++;
        one.sample.result = *std::move(done);
        count(block, one.sample, planned.expected_seconds);
      } else {
        pending.push_back(std::move(one));
      }
    }
    if (!pending.empty()) execute_in_turns(block, std::move(pending));
  }

  void run_instrumented() {
    const RoundOrder order = round_order(plan_, options_.seed, 0);
    for (std::size_t i = 0; i < order.blocks.size(); ++i) {
      const Block& block = plan_.blocks[order.blocks[i]];
      unsigned position = 0;
      for (const std::size_t index : order.cells[i]) {
        if (must_stop()) return;
        if (index == block.cells.size()) continue;
        const PlannedCell& planned = block.cells[index];
        if (!options_.instrumentation.wants(block, planned)) continue;
        run_cell(block, planned, 0, position++, SampleKind::kInstrumented);
      }
    }
  }

  CellRequest request_for(const Block& block, const PlannedCell& planned, unsigned round) const {
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

  static double deadline_of(const PlannedCell& planned) {
    return kDeadlineFactor * planned.expected_seconds + kDeadlineExtraSeconds;
  }

  bool is_smoke() const { return options_.profile == Profile::kSmoke; }

  // One short process per cell of the block; the shares then hold for the whole run. In `smoke`
  // nothing is claimed from times, so each sample finds its own share and no pilot is run.
  void find_shares(const Block& block) {
    if (is_smoke() || !options_.piloted.at(block.workload)) return;
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

  static bool takes_turns(const Block& block) {
    return std::any_of(block.cells.begin(), block.cells.end(),
                       [](const PlannedCell& planned) { return planned.turns; });
  }

  std::vector<PilotResult> run_pilots(const Block& block) {
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
      const auto fastest = std::min_element(result.windows.begin(), result.windows.end(),
                                            [](const WindowResult& a, const WindowResult& b) {
                                              return a.nanoseconds < b.nanoseconds;
                                            });
      pilots.push_back(
          {planned.cell, planned.oversubscribed,
           static_cast<double>(fastest->nanoseconds) / static_cast<double>(result.share)});
    }
    return pilots;
  }

  static Sample sample_of(const Block& block, const PlannedCell& planned, unsigned round,
                          unsigned position, SampleKind kind) {
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

  void run_cell(const Block& block, const PlannedCell& planned, unsigned round, unsigned position,
                SampleKind kind) {
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
    if (auto done = replay_.take(sample)) {
      sample.index = next_index_++;
      sample.result = *std::move(done);
    } else if (!execute(block, planned, std::move(request), sample)) {
      return;
    }
    count(block, sample, expected_seconds);
  }

  void tell_skipped(const PlannedCell& planned, Sample& sample) {
    sample.index = next_index_++;
    ++report_.skipped;
    if (replay_.take(sample)) return;
    const auto status = parse_status(planned.skip_status);
    STACKHEAP_CHECK(status.has_value());
    sample.result.status = *status;
    sample.result.detail = planned.skip_detail;
    journal_.append(sample);
  }

  void choose(const Block& block, const PlannedCell& planned, SampleKind kind,
              CellRequest& request) const {
    const auto work = report_.work.find(block.name);
    choose_windows(kind, options_.profile, planned,
                   work == report_.work.end() ? nullptr : &work->second, request);
    request.instrumented = kind == SampleKind::kInstrumented;
  }

  // Runs it and journals it; false where it was interrupted.
  bool execute(const Block& block, const PlannedCell& planned, CellRequest request,
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

  // A sample that is to run with others.
  struct Pending {
    const PlannedCell* planned;
    Sample sample;
    CellRequest request;
  };

  void execute_in_turns(const Block& block, std::vector<Pending> pending) {
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

  void record(Execution& execution, Sample& sample) {
    sample.index = next_index_++;
    sample.result = execution.result;
    if (sample.result.status == Status::kOk && execution.in_worker) {
      sample.result.metrics.push_back({"layout", fmt::format("{}", layout_of(sample.round))});
    }
    sample.timeline = std::move(execution.timeline);
    if (sample.result.status != Status::kOk) write_log(sample, execution);
    journal_.append(sample);
  }

  void count(const Block& block, const Sample& sample, double expected_seconds) {
    if (sample.kind == SampleKind::kTimed) {
      report_.rounds[block.name] = sample.round + 1;
      if (watch_) watch_->add(index_of(block), sample);
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

  void write_log(const Sample& sample, const Execution& execution) const {
    const auto path = folder_.logs() / fmt::format("{}.log", sample.index);
    write_file_atomically(
        path, fmt::format("{}\nstatus: {}\ndetail: {}\nrepeat: {}\n\n{}",
                          sample.cell.label(options_.parameter_names.at(sample.cell.workload)),
                          to_string(sample.result.status), sample.result.detail, execution.command,
                          execution.log));
  }

  void announce(const std::string& next, unsigned round) {
    if (!options_.on_progress) return;
    Progress progress;
    progress.done = report_.samples;
    progress.total = total_;
    progress.round = round;
    progress.rounds = options_.adaptive ? 0 : options_.rounds;
    progress.next = next;
    progress.failed = report_.failed;
    progress.elapsed_seconds = elapsed();
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

  const Plan& plan_;
  const Topology& topology_;
  const RunOptions& options_;
  SampleSource& sampler_;
  Journal& journal_;
  const RunFolder& folder_;
  Replay replay_;
  RunReport report_;
  std::optional<PrecisionWatch> watch_;
  std::vector<bool> ended_;  // by block: precise, or all of its rounds are done
  std::string last_block_;   // that a process was started of
  std::uint64_t started_ns_ = 0;
  std::uint64_t next_index_ = 0;
  std::size_t total_ = 0;
  double planned_seconds_ = 0;
  double seconds_done_ = 0;  // as declared, of the samples that ended
};

}  // namespace

RunReport run_plan(const Plan& plan, const Topology& topology, const RunOptions& options,
                   SampleSource& sampler, Journal& journal, const RunFolder& folder,
                   Replay replay) {
  return Run(plan, topology, options, sampler, journal, folder, std::move(replay)).run();
}

}  // namespace stackheap
