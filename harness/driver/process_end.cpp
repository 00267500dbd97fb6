#include "harness/driver/process_end.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <cstring>
#include <utility>

#include "harness/base/error.hpp"
#include "harness/base/file.hpp"
#include "harness/base/text.hpp"

namespace stackheap {
namespace {

// Kills by the kernel's out-of-memory killer since boot; 0 where the kernel does not count them.
std::uint64_t count_oom_kills() {
  const auto text = try_read_file("/proc/vmstat");
  if (!text) return 0;
  constexpr std::string_view kKey = "\noom_kill ";
  const auto at = text->find(kKey);
  if (at == std::string::npos) return 0;
  const auto start = at + kKey.size();
  const auto value =
      parse_integer(std::string_view(*text).substr(start, text->find('\n', start) - start));
  return value ? static_cast<std::uint64_t>(*value) : 0;
}

// The last line of a log that says something, for a row's detail.
std::string last_line(std::string_view log) {
  std::string_view last;
  for (const std::string_view line : split(log, '\n')) {
    if (!trim(line).empty()) last = trim(line);
  }
  return std::string(last.substr(0, 300));
}

}  // namespace

namespace {

// "SIGSEGV"; real-time signals have no name of their own in the C library.
std::string signal_name(int signal) {
  const char* abbreviation = ::sigabbrev_np(signal);
  if (abbreviation != nullptr) return fmt::format("SIG{}", abbreviation);
  if (signal >= SIGRTMIN && signal <= SIGRTMAX)
    return fmt::format("SIGRTMIN+{}", signal - SIGRTMIN);
  return fmt::format("signal {}", signal);
}

}  // namespace

std::string with_reason(const std::string& text, std::string_view log) {
  const std::string line = last_line(log);
  return line.empty() ? text : text + ": " + line;
}

WorkerResult failed(Status status, std::string detail) {
  WorkerResult result;
  result.status = status;
  result.detail = std::move(detail);
  return result;
}

EndJudge::EndJudge(std::uint64_t memory_ceiling_bytes)
    : memory_ceiling_bytes_(memory_ceiling_bytes), oom_kills_(count_oom_kills()) {}

WorkerResult EndJudge::failure_of_signal(int signal, std::string_view log) {
  const std::uint64_t before = std::exchange(oom_kills_, count_oom_kills());
  if (signal == SIGKILL && oom_kills_ > before) {
    return failed(Status::kOutOfMemory, "ended by the kernel's out-of-memory killer");
  }
  return failed(Status::kCrashed, with_reason("signal " + signal_name(signal), log));
}

std::optional<WorkerResult> EndJudge::failure(const ProcessOutcome& outcome,
                                              double deadline_seconds) {
  switch (outcome.end) {
    case ProcessEnd::kExited:
      if (outcome.code == 0) return std::nullopt;
      return failed(Status::kCrashed,
                    with_reason(fmt::format("exit code {}", outcome.code), outcome.log));
    case ProcessEnd::kSignalled:
      return failure_of_signal(outcome.code, outcome.log);
    case ProcessEnd::kTimeout:
      return failed(Status::kTimeout,
                    fmt::format("no result within {}", human_duration(deadline_seconds)));
    case ProcessEnd::kMemory:
      return failed(Status::kOutOfMemory,
                    fmt::format("its resident set passed {}",
                                human_bytes(static_cast<double>(memory_ceiling_bytes_))));
    case ProcessEnd::kNotStarted:
      return failed(Status::kCrashed,
                    fmt::format("cannot start the worker: {}", std::strerror(outcome.code)));
    case ProcessEnd::kInterrupted:
      break;
  }
  STACKHEAP_CHECK(false);
  return {};
}

void add_machine_metrics(const MachineCounters& noise, double seconds, WorkerResult& result) {
  const auto add = [&](const char* name, const std::optional<std::uint64_t>& value) {
    if (value) result.metrics.push_back({name, fmt::format("{}", *value)});
  };
  add("steal_ns", noise.steal_ns);
  add("psi_cpu_us", noise.psi_cpu_us);
  add("tlb_shootdowns", noise.tlb_shootdowns);
  result.metrics.push_back({"sample_seconds", fmt::format("{:.6f}", seconds)});
}

}  // namespace stackheap
