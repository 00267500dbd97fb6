// The sampling of `calibrate`: sessions of one cell each, whose sides are the cell itself under
// several names, and known variations of it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/driver/bank_file.hpp"
#include "harness/driver/sample_source.hpp"
#include "harness/machine/topology.hpp"
#include "harness/model/workload_info.hpp"

namespace stackheap {

struct CalibrateOptions {
  double budget_seconds = 600;
  std::uint64_t seed = 1;
  std::string allocator = "glibc";
  std::optional<std::string> other;  // another one, for the spread between layouts
  bool turns = false;  // the sides of a unit are alive together and take turns, window by window
  std::vector<std::filesystem::path> layouts;
  // Between samples: session, round, seconds left of the budget.
  std::function<void(std::uint64_t, std::uint64_t, double)> on_progress;
};

struct CalibrateReport {
  std::size_t samples = 0;
  std::size_t failed = 0;
  bool interrupted = false;
  std::string failure;  // of the last one that failed
};

// Appends sessions until the budget is spent. A session lasts until a pair of its sides has had 60
// s of processes (10 s in three of five); sessions take turns over the cells. Throws UserError
// where `workloads` lacks them.
CalibrateReport calibrate(std::span<const WorkloadInfo> workloads, const Topology& topology,
                          const CalibrateOptions& options, SampleSource& sampler, BankFile& file);

}  // namespace stackheap
