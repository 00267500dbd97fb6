#include "harness/driver/run.hpp"

#include <algorithm>
#include <utility>

#include "harness/driver/round_order.hpp"
#include "harness/driver/sample_runner.hpp"
#include "harness/driver/turn_groups.hpp"

namespace stackheap {
namespace {

// Rounds, and when they end.
class Run {
 public:
  Run(const Plan& plan, const Topology& topology, const RunOptions& options, SampleSource& sampler,
      Journal& journal, const RunFolder& folder, Replay replay)
      : plan_(plan),
        options_(options),
        runner_(topology, options, sampler, journal, folder, std::move(replay),
                [this](const Block& block, const Sample& sample) {
                  if (watch_) watch_->add(index_of(block), sample);
                }) {}

  RunReport run() {
    const InstrumentedRound instrumented = instrumented_round(plan_, options_.instrumentation);
    runner_.expect(plan_.samples(options_.rounds) + instrumented.samples,
                   plan_.seconds(options_.rounds) + instrumented.seconds);
    if (options_.adaptive) watch_.emplace(plan_, *options_.adaptive);
    ended_.assign(plan_.blocks.size(), false);
    for (unsigned round = 0; !is_over(round); ++round) {
      // All cells of a round in the same layout: what is compared has it in common.
      runner_.begin_round(round);
      for (const Block& anchor : plan_.anchors) run_anchor(anchor, round);
      run_round(round);
      // Early, so that a run that is cut short has it.
      if (round == 0) run_instrumented();
      if (is_look(round)) look(round + 1);
    }
    RunReport report = runner_.finish();
    if (watch_) {
      report.imprecise = static_cast<std::size_t>(std::count_if(
          plan_.blocks.begin(), plan_.blocks.end(),
          [&](const Block& block) { return block.most_rounds == 0 && !ended_[index_of(block)]; }));
    }
    return report;
  }

 private:
  std::size_t index_of(const Block& block) const {
    return static_cast<std::size_t>(&block - plan_.blocks.data());
  }

  bool is_out_of_budget() const {
    // What was done was within the budget when it was done.
    if (runner_.is_replaying()) return false;
    return options_.adaptive && runner_.elapsed_seconds() >= options_.adaptive->budget_seconds;
  }
  bool must_stop() const { return runner_.report().interrupted || is_out_of_budget(); }

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
    runner_.expect(samples, seconds);
  }

  // Its own cell: no lead, no comparison.
  void run_anchor(const Block& anchor, unsigned round) {
    if (must_stop() || round % anchor.every != 0) return;
    if (round == 0) runner_.find_shares(anchor);
    runner_.run_cell(anchor, anchor.cells.front(), round, 0, SampleKind::kAnchor);
  }

  void run_round(unsigned round) {
    const RoundOrder order = round_order(plan_, options_.seed, round);
    for (std::size_t i = 0; i < order.blocks.size() && !must_stop(); ++i) {
      const Block& block = plan_.blocks[order.blocks[i]];
      if (ended_[order.blocks[i]] || (block.most_rounds != 0 && round >= block.most_rounds)) {
        continue;
      }
      if (round == 0) runner_.find_shares(block);
      run_block(block, order.cells[i], round);
    }
  }

  void run_block(const Block& block, const std::vector<std::size_t>& order, unsigned round) {
    unsigned position = 0;
    const auto first = std::find_if(order.begin(), order.end(), [&](std::size_t index) {
      return cell_of(block, index).skip_status.empty();
    });
    if (block.lead && first != order.end() && runner_.last_block() != block.name) {
      runner_.run_cell(block, cell_of(block, *first), round, position++, SampleKind::kLead);
    }
    for (const std::vector<std::size_t>& group : turn_groups(block, order)) {
      if (must_stop()) return;
      runner_.run_group(block, group, round, position);
    }
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
        runner_.run_cell(block, planned, 0, position++, SampleKind::kInstrumented);
      }
    }
  }

  const Plan& plan_;
  const RunOptions& options_;
  std::optional<PrecisionWatch> watch_;
  std::vector<bool> ended_;  // by block: precise, or all of its rounds are done
  SampleRunner runner_;
};

}  // namespace

RunReport run_plan(const Plan& plan, const Topology& topology, const RunOptions& options,
                   SampleSource& sampler, Journal& journal, const RunFolder& folder,
                   Replay replay) {
  return Run(plan, topology, options, sampler, journal, folder, std::move(replay)).run();
}

}  // namespace stackheap
