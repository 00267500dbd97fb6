// From what was asked to the cells that will run. Pure: the same options give the same plan, and
// nothing is started.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/machine/topology.hpp"
#include "harness/model/allocator.hpp"
#include "harness/model/cell.hpp"
#include "harness/model/workload_info.hpp"

namespace stackheap {

enum class Pinning { kNone, kCompact, kSpread };
std::string_view to_string(Pinning pinning);

struct PlanOptions {
  Profile profile = Profile::kQuick;
  std::vector<std::string> workload_globs;                      // empty: what the profile runs
  std::vector<std::string> variant_globs;                       // empty: what the profile runs
  std::vector<Allocator> allocators;                            // the selected ones, in order
  std::string baseline_allocator;                               // one of them
  std::map<std::string, std::vector<std::int64_t>> parameters;  // replaces the profile's values
  std::vector<unsigned> threads;             // replaces the profile's choice; empty: the profile's
  std::optional<Pinning> pinning;            // nothing: spread where threads <= CPUs, else none
  std::uint64_t available_memory_bytes = 0;  // 0: unknown
  // The user said how many rounds, so all workloads have them; else their most_rounds holds.
  bool exact_rounds = false;
  // Cells of a block with the same number of threads, no more than CPUs, are alive together and
  // take turns window by window; windowed workloads only, and only what fits into memory together.
  bool turns = false;
  unsigned rounds = 12;  // planned; too few for an interval means no twins
  std::uint64_t seed = 1;
};

// What a process costs besides its windows: start, exit, reaping, the journal.
inline constexpr double kProcessSeconds = 0.012;

struct Plan {
  std::vector<Block> blocks;
  // Blocks of one cell, run at the start of each round; none in `smoke`, which times nothing.
  std::vector<Block> anchors;

  std::size_t cells() const;
  std::size_t runnable_cells() const;
  // Of a whole run of that many rounds, in which some blocks have fewer: samples that are planned,
  // leads, twins and anchors among them, and their expected time with the cost of starting
  // processes.
  std::size_t samples(unsigned rounds) const;
  double seconds(unsigned rounds) const;
  // Changes with every cell and its place; in run.json, so that resume and compare can refuse
  // another plan. 16 hexadecimal digits.
  std::string hash() const;
};

// Throws UserError where a glob or a parameter matches nothing, a value lies outside the
// parameter's range, or nothing is left to run.
Plan make_plan(std::span<const WorkloadInfo> workloads, const PlanOptions& options,
               const Topology& topology);

// Lets anchors run only so often that they take at most about this part of a run's time, but at
// least in every eighth round: where a round is a few short processes, they would be most of it.
void ration_anchors(Plan& plan, double part);

// Expected for one round of a block, with its lead and its twin.
double seconds_of_round(const Block& block);

// The CPUs for a cell's lanes in this pinning, empty where it is not pinned.
std::vector<unsigned> lane_cpus(const PlannedCell& cell, const Topology& topology,
                                std::optional<Pinning> pinning);

}  // namespace stackheap
