// The samples that a resumed run has already. The run goes over its plan from the beginning and
// takes each sample from here as long as there are any, so that everything that follows from them
// (which blocks are precise, how much work a window is) comes out as if it had never stopped.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/driver/plan.hpp"
#include "harness/driver/recover.hpp"
#include "harness/model/sample.hpp"
#include "harness/model/workload_info.hpp"

namespace stackheap {

class Replay {
 public:
  Replay() = default;  // of a new run: there is nothing
  // `name` of samples.csv is for messages.
  Replay(Recovered recovered, std::span<const WorkloadInfo> workloads, std::string name);

  bool is_over() const { return next_ == recovered_.samples.size(); }

  // The result of this sample, which is the next one that the plan wants; nothing where replay is
  // over. It holds no more metrics than a run looks at. Throws UserError where the next row is
  // another sample.
  std::optional<WorkerResult> take(const Sample& sample);

  // Of a block whose first sample is the next; the run must not look for other work.
  std::vector<PilotResult> take_pilots(const std::string& block);

  // That the samples taken so far took, as far as they say so: those that failed do not.
  double seconds() const { return seconds_; }

  // Throws UserError where rows remain though the plan wants no more samples.
  void finish() const;

 private:
  Recovered recovered_;
  std::map<std::string, std::string, std::less<>> ranked_by_;  // metric, by workload
  std::string name_;
  std::size_t next_ = 0;
  double seconds_ = 0;
};

}  // namespace stackheap
