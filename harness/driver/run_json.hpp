// run.json: what was asked, on which machine, with which binaries, so that a reader of the numbers
// can judge and repeat them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "harness/allocators/library_check.hpp"
#include "harness/driver/calibration_file.hpp"
#include "harness/driver/instrumentation.hpp"
#include "harness/driver/plan.hpp"
#include "harness/driver/program.hpp"
#include "harness/driver/run.hpp"
#include "harness/machine/doctor.hpp"
#include "harness/machine/environment.hpp"
#include "harness/machine/load.hpp"
#include "harness/machine/topology.hpp"
#include "harness/stats/stopping.hpp"

namespace stackheap {

// Everything that is known before the first sample.
struct RunDescription {
  std::string label;
  std::vector<std::string> command_line;
  std::string started;  // UTC
  Profile profile = Profile::kQuick;
  unsigned rounds = 0;
  std::uint64_t seed = 0;
  double margin = 0.02;
  double alpha = kExactAlpha;
  std::optional<double> precision;       // of an adaptive run
  std::optional<double> budget_seconds;  // of an adaptive run
  std::string pinning;                   // "auto", "none", "compact", "spread"
  PlanOptions options;
  const Plan* plan = nullptr;
  std::vector<WorkloadInfo> workloads;  // those in the plan
  std::string benchmark_library;        // Google Benchmark's version in the worker
  std::map<std::string, std::vector<LibraryIdentity>> identities;  // by allocator
  std::vector<LibraryIdentity> layouts;  // of the worker; the first is the worker itself
  Environment environment;
  Topology topology;
  std::optional<Program> program;               // of `exec`; its profile is written as "exec"
  std::optional<CalibrationFacts> calibration;  // of this machine, if there is one
  std::vector<Finding> findings;
  LoadSnapshot load_at_start;
  Instrumentation instrumentation;
};

// What is known at the end.
struct RunEnd {
  std::string finished;  // UTC
  RunReport report;
  LoadSnapshot load;
};

// The document; `end` is null while the run is under way, which marks it as unfinished.
std::string run_to_json(const RunDescription& description, const RunEnd* end);

// What summarizing needs of a run.json. Throws UserError naming the file and what is wrong.
struct RunFacts {
  std::string profile;
  bool finished = false;
  unsigned rounds = 0;
  std::string version;                           // of the driver
  std::map<std::string, unsigned> block_rounds;  // planned for each block; some have fewer
  // Operations per window and thread that the pilots of a block fixed, by variant.
  std::map<std::string, std::map<std::string, std::uint64_t>> shares;
  double margin = 0.02;
  double alpha = kExactAlpha;
  bool adaptive = false;  // rounds were added as long as pairs were not precise
  std::string baseline_allocator;
  bool calibrated = false;   // the run found a calibration of its machine
  double layout_spread = 0;  // of that calibration, see SummaryOptions
  std::vector<WorkloadInfo> workloads;
  std::string label;
  // What must be the same where two runs are set against each other: plan, processor, kernel,
  // worker, settings of the machine, ... as texts.
  std::map<std::string, std::string> identity;
  std::map<std::string, std::string> allocators;  // name -> hashes of its libraries, environment
  CalibratedMachine machine;
};
RunFacts read_run_facts(const std::filesystem::path& run_json);

}  // namespace stackheap
