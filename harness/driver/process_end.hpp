// What became of a process, as the status of its sample.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "harness/driver/supervise.hpp"
#include "harness/machine/noise.hpp"
#include "harness/model/sample.hpp"

namespace stackheap {

WorkerResult failed(Status status, std::string detail);

// `text`, and the last line of the log where that says something.
std::string with_reason(const std::string& text, std::string_view log);

class EndJudge {
 public:
  // `memory_ceiling_bytes` as in the requests.
  explicit EndJudge(std::uint64_t memory_ceiling_bytes);

  // Nothing where the process exited with code 0. Requires that it was not interrupted.
  std::optional<WorkerResult> failure(const ProcessOutcome& outcome, double deadline_seconds);
  // Of a process that a signal ended.
  WorkerResult failure_of_signal(int signal, std::string_view log);

 private:
  std::uint64_t memory_ceiling_bytes_;
  std::uint64_t oom_kills_;
};

// The metrics steal_ns, psi_cpu_us, tlb_shootdowns and sample_seconds of an ok sample.
void add_machine_metrics(const MachineCounters& noise, double seconds, WorkerResult& result);

}  // namespace stackheap
