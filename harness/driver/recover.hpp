// What a run that was cut short left in its folder, made whole again: torn rows and the rows of a
// sample that was never committed are cut off, and what is complete is read for the run to go on
// from. Reading them while the run goes on would find its new rows too.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "harness/driver/run_folder.hpp"
#include "harness/driver/shares.hpp"
#include "harness/model/sample.hpp"
#include "harness/model/workload_info.hpp"

namespace stackheap {

// A committed sample, with no more than a run needs to know of it: there may be millions.
struct DoneSample {
  std::uint64_t identity = 0;  // sample_identity()
  std::size_t line = 0;        // in samples.csv
  Status status = Status::kOk;
  std::uint64_t operations = 0;
  double ranked_by = 0;  // the metric its workload is ranked by; NaN where there is none
  double worker_seconds = 0;
  double sample_seconds = 0;
  std::string detail;  // only of those that could not run here
};

// A hash of all that the plan and the seed decide of a sample.
std::uint64_t sample_identity(SampleKind kind, unsigned round, std::string_view block,
                              std::uint64_t order, const Cell& cell, std::uint64_t seed);

struct Recovered {
  std::vector<DoneSample> samples;                         // in their order
  std::map<std::string, std::vector<PilotResult>> pilots;  // of blocks that have a sample
  std::vector<std::string> notes;                          // what was dropped, as sentences
};

// Requires that nobody else writes to the folder. `workloads` are those of its plan. Throws
// std::system_error; CsvError for rows that no run writes: that is no torn tail, and cutting it off
// would lose samples.
Recovered recover_journal(const RunFolder& folder, std::span<const WorkloadInfo> workloads);

}  // namespace stackheap
