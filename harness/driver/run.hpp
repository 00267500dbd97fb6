// A run: rounds over the plan in seeded random order, a fresh process per sample, every row on disk
// before the next cell starts.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "harness/driver/instrumentation.hpp"
#include "harness/driver/journal.hpp"
#include "harness/driver/plan.hpp"
#include "harness/driver/precision_watch.hpp"
#include "harness/driver/replay.hpp"
#include "harness/driver/sample_source.hpp"
#include "harness/driver/shares.hpp"

namespace stackheap {

// Between two samples only: drawing while one runs would be load beside it.
struct Progress {
  std::size_t done = 0;   // samples
  std::size_t total = 0;  // samples, without pilots and cells that are not run
  unsigned round = 0;
  unsigned rounds = 0;  // 0: not known beforehand
  std::string next;     // the cell or block about to run
  double elapsed_seconds = 0;
  double remaining_seconds = 0;
  std::size_t failed = 0;
};

struct RunOptions {
  Profile profile = Profile::kQuick;
  unsigned rounds = 12;  // exact; with `adaptive`, the least
  std::uint64_t seed = 1;
  std::optional<Pinning> pinning;
  std::vector<std::filesystem::path> layouts;  // of the worker, rotated by round; at least one
  std::optional<AdaptiveOptions> adaptive;     // rounds are added until all pairs are precise
  std::map<std::string, std::string> parameter_names;  // workload -> its parameter's name
  std::map<std::string, bool> piloted;                 // workload -> its windows need a pilot
  // One instrumented sample of each cell it wants, right after round 0 and with that round's seeds
  // and work. Without any event and allocator there is none.
  Instrumentation instrumentation;
  std::function<void(const Progress&)> on_progress;
};

struct RunReport {
  std::size_t samples = 0;  // that were run
  std::size_t failed = 0;
  std::size_t skipped = 0;  // rows of cells that are unavailable or unsupported
  // Samples that were started and found that they cannot run here, by the reason they gave.
  std::map<std::string, std::size_t> refused;
  bool interrupted = false;
  std::map<std::string, BlockWork> work;   // by block, for run.json
  std::map<std::string, unsigned> rounds;  // that each block ran
  std::size_t imprecise = 0;               // blocks that the budget left so, with `adaptive`
  double worker_seconds = 0;  // inside the workloads' setup, warm-up, windows and verification
  double seconds = 0;
};

// `replay` holds what an earlier driver did of the same plan. The report is of the whole run.
// Throws std::system_error where the folder cannot be written any more; what is complete stays.
RunReport run_plan(const Plan& plan, const Topology& topology, const RunOptions& options,
                   SampleSource& sampler, Journal& journal, const RunFolder& folder,
                   Replay replay = {});

}  // namespace stackheap
