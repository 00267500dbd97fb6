// All that a plan, a table or a figure needs to know of a workload. The worker fills it from the
// workload's registration and prints it as JSON (`stackheap-worker --list`); the driver reads it
// from there and links no workload.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/model/claim.hpp"

namespace stackheap {

enum class Shape {
  kWindowed,   // setup, step, verify; the harness owns threads, barrier and windows
  kScripted,   // runs once, drives its own threads, fibers or tasks
  kHistogram,  // windowed, and every operation is timed
};

enum class Profile { kSmoke, kQuick, kStandard, kFull };
inline constexpr Profile kProfiles[] = {Profile::kSmoke, Profile::kQuick, Profile::kStandard,
                                        Profile::kFull};

// How the workload's code obtains its memory or stack.
struct VariantInfo {
  std::string name{};
  std::string description{};
  // False: no heap under test is involved; planned once, with allocator `none`.
  bool uses_heap = true;
  // Needs this one allocator's own interface; planned for that one only. Empty: any.
  std::string only_allocator{};
  // The process stays single-threaded on purpose; planned for 1 thread only.
  bool single_threaded_process = false;
};

// The one numeric axis of a workload.
struct ParameterInfo {
  std::string name{};  // "size"
  std::string unit{};  // "B", "%", "count"
  std::int64_t minimum = 1;
  std::int64_t maximum = INT64_MAX;
};

// Bytes that the workload has live at once: what is asked of the heap or mapped for stacks, not
// what it costs. A plain formula, so that it survives the way through JSON.
struct LiveBytes {
  double fixed = 0;
  double per_thread = 0;
  double per_parameter = 0;             // times the parameter's value
  double per_thread_and_parameter = 0;  // times both
  double at(unsigned threads, std::int64_t parameter) const {
    return fixed + per_thread * threads +
           (per_parameter + per_thread_and_parameter * threads) * static_cast<double>(parameter);
  }
};

enum class TierThreads {
  kOne,        // 1 thread (or the workload's minimum)
  kAll,        // as many as CPUs (or the workload's minimum)
  kOneAndAll,  // both
  kSweep,      // 1, 2, 4 ... CPUs and 2 x CPUs
};
enum class TierAllocators {
  kAll,       // every selected allocator
  kBaseline,  // only the baseline allocator: the variants are what is compared
};

// A part of a workload that a profile runs: its variants times its values times its threads. No
// variants named means all of them; `values` is empty only where the workload has no parameter.
struct Tier {
  std::vector<std::string> variants{};
  std::vector<std::int64_t> values{};
  TierThreads threads = TierThreads::kOneAndAll;
  TierAllocators allocators = TierAllocators::kAll;
};

// Which threads counts a workload can run with.
struct ThreadSupport {
  unsigned minimum = 1;
  unsigned maximum = 4096;
};

struct WorkloadInfo {
  std::string name{};       // "heap/pair"
  std::string summary{};    // the first line of the file's opening comment
  std::string operation{};  // what one operation is
  Shape shape = Shape::kWindowed;
  std::vector<VariantInfo> variants{};
  std::string baseline_variant{};
  std::optional<ParameterInfo> parameter{};
  ThreadSupport threads{};
  // What each profile runs; several tiers of one profile add up, none leaves the workload out.
  std::vector<Tier> smoke{};
  std::vector<Tier> quick{};
  std::vector<Tier> standard{};
  std::vector<Tier> full{};
  double expected_seconds = 0.075;   // of one sample, besides what the parameter adds
  double seconds_per_parameter = 0;  // added to it for each unit of the parameter
  // A run has no more rounds of it, unless the user says how many (--rounds); 0: no limit. For
  // samples that take seconds and whose memory hardly differs between rounds.
  unsigned most_rounds = 0;
  LiveBytes live_bytes{};
  // Blocks wander from thread to thread without bound, so an allocator that keeps what it frees on
  // the freeing thread grows without bound: the reference allocator is unsupported here.
  bool blocks_migrate = false;
  // Operations per window are found by a pilot; false: the workload's amount of work is fixed.
  bool piloted = true;
  // False where a lane that has done its share cannot go on with uncounted operations.
  bool uncounted_work = true;
  // Switches of stacks in one operation (a resume and its return are two); 0: it switches none.
  // Gives the metric switch_ns.
  unsigned switches_per_operation = 0;
  // The driver reads its resident memory every 10 ms into timeline.csv, with the phases it marks.
  bool timeline = false;
  // The kinds of operation that the shape `histogram` times, in the order of the workload's
  // enumeration of them; each is named in latency.csv. Empty for other shapes.
  std::vector<std::string> timed_operations{};
  // It is in no plan: once a round it runs by itself, so that a run shows how far the machine
  // itself drifted.
  bool anchor = false;
  // The metric that ranks its choices in the table a run ends with.
  std::string ranked_by = "ns_per_op";
  // Which figures it plays in, see scripts/plot: "scaling", "ratio", "stack-against-heap",
  // "stack-kinds", "pareto", "contention", "memory-timeline", "resident-per-live", ...
  std::vector<std::string> roles{};
  // Which of the claims of stack and heap its cells test, and how.
  std::vector<Evidence> claims{};

  std::string_view suite() const { return std::string_view(name).substr(0, name.find('/')); }
  const VariantInfo* find_variant(std::string_view variant) const;
  // Expected of one sample, at a value of the parameter.
  double seconds_at(std::int64_t value) const {
    return expected_seconds + seconds_per_parameter * static_cast<double>(value);
  }
  const std::vector<Tier>& tiers_of(Profile profile) const;
};

std::string_view to_string(Shape shape);
std::string_view to_string(Profile profile);
std::optional<Profile> parse_profile(std::string_view text);

// The document of `stackheap-worker --list`: {"version":1,"benchmark_library":"1.7.1",
// "workloads":[...]}. `benchmark_library` is the version of Google Benchmark the worker runs on.
std::string workloads_to_json(const std::vector<WorkloadInfo>& workloads,
                              std::string_view benchmark_library = "");
// Strict: throws std::runtime_error("worker list: PATH: expected ..., found ...").
// `benchmark_library` (may be null) receives the document's member of that name.
std::vector<WorkloadInfo> workloads_from_json(std::string_view json,
                                              std::string* benchmark_library = nullptr);

}  // namespace stackheap
