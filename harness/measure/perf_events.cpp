#include "harness/measure/perf_events.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "harness/base/clock.hpp"
#include "harness/base/error.hpp"
#include "harness/base/text.hpp"

namespace stackheap {
namespace {

struct EventRow {
  std::string_view metric;
  std::string_view tracepoint;  // empty: a counter of the processor
  std::uint64_t hardware = 0;
  std::string_view without;  // where the kernel traces, but not this
};

// In the order of PerfEvent: tracepoints first.
constexpr EventRow kEvents[kPerfEvents] = {
    {"futex_waits", "syscalls/sys_enter_futex", 0, "it was built without CONFIG_FTRACE_SYSCALLS"},
    {"kernel_lock_waits", "lock/contention_begin", 0, "it came with Linux 5.19"},
    {"cycles", "", PERF_COUNT_HW_CPU_CYCLES, ""},
    {"instructions", "", PERF_COUNT_HW_INSTRUCTIONS, ""},
    {"cache_misses", "", PERF_COUNT_HW_CACHE_MISSES, ""},
};

// The operations of futex(2) that may put the caller to sleep, each with and without its flags for
// a private futex and for the real-time clock. Tracepoint filters cannot mask bits away.
constexpr int kWaits[] = {0 /* WAIT */, 6 /* LOCK_PI */, 9 /* WAIT_BITSET */,
                          11 /* WAIT_REQUEUE_PI */, 13 /* LOCK_PI2 */};
constexpr int kFlags[] = {0, 128 /* PRIVATE */, 256 /* CLOCK_REALTIME */, 128 + 256};

struct Filter {
  char text[400];
  constexpr static std::string_view kOr = " || ";

  // On the stack: threads that come and go open their counters between allocations that count.
  Filter() {
    char* end = text;
    for (const int wait : kWaits) {
      for (const int flag : kFlags) {
        if (end != text) end = std::copy(kOr.begin(), kOr.end(), end);
        end = fmt::format_to(end, "op == {}", wait + flag);
      }
    }
    *end = '\0';
    STACKHEAP_CHECK(end < text + sizeof text);
  }
};

std::string reason_for(const EventRow& event, int error) {
  switch (error) {
    case EACCES:
    case EPERM:
      return "perf_event_open is not permitted: run as root or with CAP_PERFMON, outside a "
             "container whose seccomp profile forbids it";
    case ENOSYS:
      return "this kernel or this container's seccomp profile has no perf_event_open";
    case EMFILE:
    case ENFILE:
      return "too many open files: raise `ulimit -n`";
    case ENOENT:
    case ENODEV:
    case EOPNOTSUPP:
    case EINVAL:
      if (event.tracepoint.empty()) {
        return "this machine shows no hardware counters, as is usual for a virtual one: measure on "
               "the host, or give the guest a virtual PMU";
      }
      [[fallthrough]];
    default:
      return fmt::format("perf_event_open failed: {}", std::strerror(error));
  }
}

int open_event(const EventRow& event, std::uint64_t tracepoint) {
  perf_event_attr attributes{};
  attributes.size = sizeof attributes;
  attributes.disabled = 1;
  if (event.tracepoint.empty()) {
    attributes.type = PERF_TYPE_HARDWARE;
    attributes.config = event.hardware;
    // What every user may count, and the same everywhere; the harness's system calls stay outside.
    attributes.exclude_kernel = 1;
    attributes.exclude_hv = 1;
    // Always on the PMU or in error, never a share of the time extrapolated.
    attributes.pinned = 1;
  } else {
    attributes.type = PERF_TYPE_TRACEPOINT;
    attributes.config = tracepoint;
  }
  return static_cast<int>(
      ::syscall(SYS_perf_event_open, &attributes, 0, -1, -1, PERF_FLAG_FD_CLOEXEC));
}

bool counts_at_all(const UniqueFd& counter) {
  const std::uint64_t begin = thread_cpu_ns();
  while (thread_cpu_ns() - begin < 200'000) {
  }
  std::uint64_t value = 0;
  return ::read(counter.get(), &value, sizeof value) == static_cast<ssize_t>(sizeof value) &&
         value > 0;
}

}  // namespace

PerfCounts PerfCounts::zero() noexcept {
  PerfCounts counts;
  counts.known.fill(true);
  return counts;
}

void PerfCounts::add(const PerfCounts& part) {
  for (std::size_t i = 0; i < kPerfEvents; ++i) {
    value[i] += part.value[i];
    known[i] = known[i] && part.known[i];
  }
}

void PerfCounts::add_difference(const PerfCounts& start, const PerfCounts& finish) {
  for (std::size_t i = 0; i < kPerfEvents; ++i) {
    known[i] = known[i] && start.known[i] && finish.known[i];
    if (known[i]) value[i] += finish.value[i] - start.value[i];
  }
}

PerfEventSet::PerfEventSet(const std::filesystem::path& root) {
  for (std::size_t i = 0; i < tracepoints_.size(); ++i) {
    tracepoints_[i] = find(root, kEvents[i].tracepoint);
    if (tracepoints_[i].missing == "no such tracepoint") {
      tracepoints_[i].missing = fmt::format("this kernel has no tracepoint {}: {}",
                                            kEvents[i].tracepoint, kEvents[i].without);
    }
  }
}

PerfEventSet::Tracepoint PerfEventSet::find(const std::filesystem::path& root,
                                            std::string_view name) {
  Tracepoint result;
  bool mounted = false;
  bool refused = false;
  for (const char* folder : {"sys/kernel/tracing/events", "sys/kernel/debug/tracing/events"}) {
    const std::filesystem::path events = root / folder;
    const std::filesystem::path file = events / name / "id";
    const UniqueFd readable(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    refused = refused || (!readable && (errno == EACCES || errno == EPERM));
    mounted = mounted || ::access(events.c_str(), F_OK) == 0;
    const auto text = readable ? try_read_file(file) : std::nullopt;
    const auto id = text ? parse_integer(trim(*text)) : std::nullopt;
    if (id && *id > 0) {
      result.id = static_cast<std::uint64_t>(*id);
      return result;
    }
  }
  if (refused) {
    result.missing =
        "this user may not read the kernel's tracepoints in /sys/kernel/tracing: run "
        "as root";
  } else if (mounted) {
    result.missing = "no such tracepoint";
  } else {
    result.missing = "tracefs is not mounted: `mount -t tracefs nodev /sys/kernel/tracing`";
  }
  return result;
}

UniqueFd PerfEventSet::open(PerfEvent event, std::string* reason) const {
  const auto index = static_cast<std::size_t>(event);
  const EventRow& row = kEvents[index];
  std::uint64_t tracepoint = 0;
  if (!row.tracepoint.empty()) {
    if (!tracepoints_[index].missing.empty()) {
      if (reason != nullptr) *reason = tracepoints_[index].missing;
      return UniqueFd();
    }
    tracepoint = tracepoints_[index].id;
  }
  UniqueFd counter(open_event(row, tracepoint));
  bool works = static_cast<bool>(counter);
  if (works && event == PerfEvent::kFutexWaits) {
    const Filter filter;
    works = ::ioctl(counter.get(), PERF_EVENT_IOC_SET_FILTER, filter.text) == 0;
  }
  works = works && ::ioctl(counter.get(), PERF_EVENT_IOC_ENABLE, 0) == 0;
  if (works) return counter;
  if (reason != nullptr) *reason = reason_for(row, errno);
  return UniqueFd();
}

PerfCounters::PerfCounters(const PerfEventSet& events) {
  for (std::size_t i = 0; i < kPerfEvents; ++i) {
    counters_[i] = events.open(static_cast<PerfEvent>(i), nullptr);
    any_ = any_ || counters_[i];
  }
}

void PerfCounters::read(std::size_t event, PerfCounts& counts) const {
  if (!counters_[event]) return;
  // Nothing to read is a pinned counter that lost its place on the PMU.
  counts.known[event] =
      ::read(counters_[event].get(), &counts.value[event], sizeof counts.value[event]) ==
      static_cast<ssize_t>(sizeof counts.value[event]);
}

PerfCounts PerfCounters::read_at_start() const {
  PerfCounts counts;
  for (std::size_t i = 0; i < kPerfEvents; ++i) read(i, counts);
  return counts;
}

PerfCounts PerfCounters::read_at_finish() const {
  PerfCounts counts;
  for (std::size_t i = kPerfEvents; i-- > 0;) read(i, counts);
  return counts;
}

std::vector<PerfAvailability> probe_perf_events(const std::filesystem::path& root) {
  const PerfEventSet events(root);
  std::vector<PerfAvailability> result;
  for (std::size_t i = 0; i < kPerfEvents; ++i) {
    PerfAvailability& entry = result.emplace_back();
    entry.metric = kEvents[i].metric;
    const UniqueFd counter = events.open(static_cast<PerfEvent>(i), &entry.reason);
    const auto event = static_cast<PerfEvent>(i);
    const bool must_count = event == PerfEvent::kCycles || event == PerfEvent::kInstructions;
    if (counter && must_count && !counts_at_all(counter)) {
      entry.reason =
          "this machine accepts hardware counters and leaves them at 0, as some virtual "
          "ones do: measure on the host, or give the guest a virtual PMU";
    }
  }
  return result;
}

}  // namespace stackheap
