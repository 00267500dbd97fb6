// What the instrumented round of a run can count on this machine, and which cells are worth it.
// Each sample could find out for itself, but then a machine without permission would run a round
// for nothing and say why in every log.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "harness/driver/plan.hpp"
#include "harness/measure/perf_events.hpp"

namespace stackheap {

struct Instrumentation {
  std::vector<PerfAvailability> events;
  std::set<std::string> counting_allocators;  // those that count their own locks
  // Workloads whose windows are piloted; true: an instrumented sample has few of them.
  std::map<std::string, bool> piloted;

  bool has_event() const;
  // Cells that can run, of workloads with windows (not those that record memory over time). Without
  // any event only under allocators that count themselves.
  bool wants(const Block& block, const PlannedCell& cell) const;
  // Expected time of one instrumented sample, without starting the process.
  double seconds_of(const PlannedCell& cell) const;
};

// Opens every event once on the calling thread. `root` stands in for "/" in tests.
Instrumentation find_instrumentation(std::span<const Allocator> allocators,
                                     std::map<std::string, bool> piloted,
                                     const std::filesystem::path& root = "/");

// What the round adds to a run.
struct InstrumentedRound {
  std::size_t samples = 0;
  double seconds = 0;
};
InstrumentedRound instrumented_round(const Plan& plan, const Instrumentation& instrumentation);

// What stays empty and why, metrics with the same reason together, ending in a line break; empty
// where nothing does.
std::string missing_text(const Instrumentation& instrumentation);

}  // namespace stackheap
