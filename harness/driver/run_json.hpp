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
#include "harness/driver/run_facts.hpp"
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
  // Of the command line, as far as --resume needs it: options that choose the plan, with absolute
  // paths. Empty for `exec`, which cannot be resumed.
  std::vector<std::string> words;
  std::string driver_sha256;
  // The run.json of the run that is gone on with: what it says of the machine, of the start and of
  // earlier interruptions stays. Empty for a new run.
  std::string resumed_document;
  std::uint64_t resumed_from = 0;  // samples it had; for `resumed_document` only
};

// What is known at the end.
struct RunEnd {
  std::string finished;  // UTC
  RunReport report;
  LoadSnapshot load;
};

// The document; `end` is null while the run is under way, which marks it as unfinished.
std::string run_to_json(const RunDescription& description, const RunEnd* end);

}  // namespace stackheap
