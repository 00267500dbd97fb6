#include "harness/driver/replay.hpp"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "harness/base/csv.hpp"
#include "harness/base/error.hpp"

namespace stackheap {

Replay::Replay(Recovered recovered, std::span<const WorkloadInfo> workloads, std::string name)
    : recovered_(std::move(recovered)), name_(std::move(name)) {
  for (const WorkloadInfo& info : workloads) ranked_by_[info.name] = info.ranked_by;
}

std::optional<WorkerResult> Replay::take(const Sample& sample) {
  if (is_over()) return std::nullopt;
  const DoneSample& done = recovered_.samples[next_];
  const std::uint64_t wanted = sample_identity(sample.kind, sample.round, sample.block,
                                               sample.order, sample.cell, sample.seed);
  if (done.identity != wanted) {
    throw UserError(fmt::format(
        "{}:{}:1: expected the {} sample of {} in round {}, as the plan has it, found another one; "
        "was the file edited? a new run with --seed of this one repeats it",
        name_, done.line, to_string(sample.kind), sample.cell.label(""), sample.round));
  }
  ++next_;
  WorkerResult result;
  result.status = done.status;
  result.detail = done.detail;
  result.operations = done.operations;
  if (std::isfinite(done.ranked_by)) {
    result.metrics.push_back({ranked_by_.at(sample.cell.workload), csv_number(done.ranked_by)});
  }
  result.metrics.push_back({"worker_seconds", csv_number(done.worker_seconds)});
  seconds_ += done.sample_seconds;
  return result;
}

std::vector<PilotResult> Replay::take_pilots(const std::string& block) {
  const auto found = recovered_.pilots.find(block);
  return found == recovered_.pilots.end() ? std::vector<PilotResult>() : std::move(found->second);
}

void Replay::finish() const {
  if (is_over()) return;
  throw UserError(fmt::format(
      "{}:{}:1: expected no further sample, as the plan has none, found {}; was the file "
      "edited?",
      name_, recovered_.samples[next_].line, recovered_.samples.size() - next_));
}

}  // namespace stackheap
