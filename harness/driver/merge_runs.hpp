// Several runs of one plan, taken with the same binaries on the same machine, as one run with all
// of their rounds. Averaging their summaries would lose that samples are compared within a round.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "harness/driver/run_folder.hpp"

namespace stackheap {

struct MergeReport {
  RunFolder folder;                // the new run, without what is derived
  std::vector<std::string> notes;  // what a reader of its numbers should know, as sentences
};

// Writes the data files, run.json and logs/ of the new run into `out`, which must not exist;
// load_run and write_summary do the rest. Rows come in the order in which the runs were started.
// Throws UserError and CsvError: where runs differ in what merge_obstacles() tells, where a run is
// given twice, also inside a merged one, and where a file is malformed. Then nothing is left of
// `out`.
MergeReport merge_runs(std::span<const RunFolder> runs, const std::filesystem::path& out,
                       const std::vector<std::string>& command_line);

}  // namespace stackheap
