// A sample: the result of one cell in one round; one process, one row of samples.csv.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/model/cell.hpp"

namespace stackheap {

enum class Status {
  kOk,
  kFailedCheck,  // the workload's own result was wrong
  kCrashed,      // with the signal or exit code in `detail`
  kTimeout,      // its deadline passed
  kOutOfMemory,
  kNotInjected,  // the worker ran on another malloc than the cell names
  kUnavailable,  // a library or kernel feature is absent; `detail` names the package
  kUnsupported,  // cannot run here; `detail` says why
};
std::string_view to_string(Status status);
std::optional<Status> parse_status(std::string_view text);
// True for what counts as a failure of the run; unavailable and unsupported are told, not failures.
bool is_failure(Status status);

enum class SampleKind {
  kTimed,
  kInstrumented,  // probes on; never used for time
  kTwin,          // a cell run a second time under another name
  kAnchor,        // shows drift of the machine itself
  kLead,          // a block's discarded first process
};
std::string_view to_string(SampleKind kind);
std::optional<SampleKind> parse_sample_kind(std::string_view text);

struct WindowResult {
  std::uint64_t nanoseconds = 0;  // last finish - common start
  std::uint64_t operations = 0;   // of all lanes
};

struct MetricValue {
  std::string name;  // a name of the metric table, scope sample
  std::string text;  // as written in the CSV; never empty
};

inline constexpr std::size_t kMostPhases = 64;  // of one sample

// From this instant on a scripted workload is in this phase of its own, until the next mark.
struct PhaseMark {
  std::string name;
  std::uint64_t monotonic_ns = 0;  // CLOCK_MONOTONIC: the same clock in worker and driver
};

// Resident memory of a worker at one instant, as its driver saw it.
struct TimelinePoint {
  std::uint64_t elapsed_ns = 0;  // since the worker's start
  std::uint64_t resident_bytes = 0;
  std::string phase;  // "start" before the workload's first mark
};

// Times from lower_ns on and below upper_ns.
struct LatencyBucket {
  double lower_ns = 0;
  double upper_ns = 0;
  std::uint64_t count = 0;  // never 0: empty buckets are left out
};

// One kind of timed operation, over all lanes; buckets rise and do not overlap.
struct OperationLatency {
  std::string operation;  // a name of the workload's timed_operations
  std::vector<LatencyBucket> buckets;
};

// What a worker reports: the one JSON document on its result descriptor.
struct WorkerResult {
  Status status = Status::kOk;
  std::string detail;
  std::uint64_t share = 0;       // counted operations of one lane in one window
  std::uint64_t operations = 0;  // counted operations of all lanes and windows
  std::vector<WindowResult> windows;
  std::vector<MetricValue> metrics;
  std::vector<PhaseMark> phases;          // in the order of their times; only of scripted workloads
  std::vector<OperationLatency> latency;  // of the shape `histogram` only
};

struct Sample {
  std::uint64_t index = 0;  // unique in the run, in the order of execution
  unsigned round = 0;
  std::string block;
  unsigned order = 0;  // position within its block in its round
  SampleKind kind = SampleKind::kTimed;
  Cell cell;
  bool pinned = false;
  bool oversubscribed = false;
  std::uint64_t seed = 0;
  WorkerResult result;
  std::vector<TimelinePoint> timeline;  // only where the workload asks for it
};

// The versioned document between worker and driver, all keys always there:
// {"version":1,"status":"ok","detail":"","share":N,"operations":N,
//  "windows":[{"nanoseconds":N,"operations":N}],"metrics":[{"name":"ns_per_op","text":"17.5"}],
//  "phases":[{"name":"freed","monotonic_ns":N}],
//  "latency":[{"operation":"malloc","buckets":[[lower_ns,upper_ns,count]]}]}
// Parsing is strict and throws
// std::runtime_error: "worker result:LINE:COLUMN: ..." where the text is no JSON, else
// "worker result: PATH: expected ..., found ...". It validates status and metric names as names,
// not against the table, which model/ does not know. Sizes are capped; writing cuts a detail that
// is too long, reading refuses it.
std::string worker_result_to_json(const WorkerResult& result);
WorkerResult worker_result_from_json(std::string_view json);

}  // namespace stackheap
