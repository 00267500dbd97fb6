// The samples of a run, one by one or several in turns: each is taken from what an earlier driver
// did, or run and written to the disk, and counted. Which samples, and how many rounds of them, is
// decided elsewhere (harness/driver/run.cpp).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "harness/driver/journal.hpp"
#include "harness/driver/plan.hpp"
#include "harness/driver/replay.hpp"
#include "harness/driver/run.hpp"
#include "harness/driver/run_folder.hpp"
#include "harness/driver/sample_source.hpp"

namespace stackheap {

class SampleRunner {
 public:
  // All but the last, which is called with each timed sample and its block, are as in run_plan().
  SampleRunner(const Topology& topology, const RunOptions& options, SampleSource& sampler,
               Journal& journal, const RunFolder& folder, Replay replay,
               std::function<void(const Block&, const Sample&)> on_timed);

  // The cells of this round run in the layout that is its turn.
  void begin_round(unsigned round);

  // What is still to be run, as far as is known, for the progress that is told.
  void expect(std::size_t samples, double seconds);

  // How much work a window of the block's cells is, from one short process of each.
  void find_shares(const Block& block);

  // One sample, or the row of a cell that cannot run.
  void run_cell(const Block& block, const PlannedCell& planned, unsigned round, unsigned position,
                SampleKind kind);

  // One of turn_groups(): a cell by itself, or several that take turns. `position` is that of the
  // first within the block and then of what follows.
  void run_group(const Block& block, const std::vector<std::size_t>& group, unsigned round,
                 unsigned& position);

  // That the last process was started of.
  const std::string& last_block() const { return last_block_; }
  bool is_replaying() const { return !replay_.is_over(); }
  // Of the whole run, without the time between its drivers.
  double elapsed_seconds() const;

  // Without what only the rounds tell: `imprecise`.
  const RunReport& report() const { return report_; }
  // The run is over. Throws UserError where an earlier driver did more than the plan wants.
  RunReport finish();

 private:
  // A sample that is to run with others.
  struct Pending {
    const PlannedCell* planned;
    Sample sample;
    CellRequest request;
  };

  std::size_t layout_of(unsigned round) const { return round % options_.layouts.size(); }
  CellRequest request_for(const Block& block, const PlannedCell& planned, unsigned round) const;
  std::vector<PilotResult> run_pilots(const Block& block);
  void tell_skipped(const PlannedCell& planned, Sample& sample);
  void choose(const Block& block, const PlannedCell& planned, SampleKind kind,
              CellRequest& request) const;
  bool take_replayed(Sample& sample);
  bool execute(const Block& block, const PlannedCell& planned, CellRequest request, Sample& sample);
  void execute_in_turns(const Block& block, std::vector<Pending> pending);
  void record(Execution& execution, Sample& sample);
  void count(const Block& block, const Sample& sample, double expected_seconds);
  void write_log(const Sample& sample, const Execution& execution) const;
  void announce(const std::string& next, unsigned round);

  const Topology& topology_;
  const RunOptions& options_;
  SampleSource& sampler_;
  Journal& journal_;
  const RunFolder& folder_;
  Replay replay_;
  std::function<void(const Block&, const Sample&)> on_timed_;
  RunReport report_;
  std::string last_block_;
  std::uint64_t started_ns_;
  std::uint64_t next_index_ = 0;
  std::size_t total_ = 0;
  double planned_seconds_ = 0;
  double seconds_done_ = 0;  // as declared, of the samples that ended
};

}  // namespace stackheap
