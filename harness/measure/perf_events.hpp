// What only the kernel or the processor can count of one thread: futex waits, contended kernel
// locks, cycles. perf(1) counts whole processes from outside, also their start, their warm-up and
// what a lane does beside its counted operations; here each lane counts itself, window by window.
// An enabled tracepoint costs time, so only instrumented samples open any of this.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/file.hpp"

namespace stackheap {

enum class PerfEvent { kFutexWaits, kKernelLockWaits, kCycles, kInstructions, kCacheMisses };
inline constexpr std::size_t kPerfEvents = 5;

// Counts of a thread since it opened its counters, or of a stretch of its time.
struct PerfCounts {
  std::array<std::uint64_t, kPerfEvents> value{};
  std::array<bool, kPerfEvents> known{};

  std::optional<std::uint64_t> of(PerfEvent event) const {
    const auto i = static_cast<std::size_t>(event);
    return known[i] ? std::optional(value[i]) : std::nullopt;
  }
  // All known and zero: the sum of nothing. A sum knows only what all of its parts know.
  static PerfCounts zero() noexcept;
  void add(const PerfCounts& part);
  void add_difference(const PerfCounts& start, const PerfCounts& finish);
};

// Where the kernel keeps its tracepoints, looked up once per process.
class PerfEventSet {
 public:
  // `root` stands in for "/" in tests. Reads <root>/sys/kernel/tracing, else
  // <root>/sys/kernel/debug/tracing. Never throws: what is not found has a reason.
  explicit PerfEventSet(const std::filesystem::path& root = "/");

  // Opens the event for the calling thread and starts it. Without a descriptor, `reason` (may be
  // null) gets one sentence without a full stop.
  UniqueFd open(PerfEvent event, std::string* reason) const;

 private:
  struct Tracepoint {
    std::uint64_t id = 0;
    std::string missing;  // not empty: why there is no id
  };
  static Tracepoint find(const std::filesystem::path& root, std::string_view name);

  std::array<Tracepoint, 2> tracepoints_;
};

// The calling thread's counters; only that thread constructs and reads them. Not inherited by
// threads it starts. Default-constructed it has none.
class PerfCounters {
 public:
  PerfCounters() = default;
  explicit PerfCounters(const PerfEventSet& events);

  bool any() const { return any_; }
  // From the first event on where a stretch starts, from the last on where it ends: the hardware's
  // counters are then the innermost and see least of the reading.
  PerfCounts read_at_start() const;
  PerfCounts read_at_finish() const;

 private:
  void read(std::size_t event, PerfCounts& counts) const;

  std::array<UniqueFd, kPerfEvents> counters_;
  bool any_ = false;
};

struct PerfAvailability {
  std::string_view metric;  // a name of the metric table
  std::string reason;       // empty: available; else why not and what would help, no full stop
};
// One entry per event, from opening each on the calling thread. The hardware's must also count:
// some virtual machines accept an event and leave it at 0.
std::vector<PerfAvailability> probe_perf_events(const std::filesystem::path& root = "/");

}  // namespace stackheap
