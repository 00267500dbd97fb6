// run.json of several runs that became one: what they have in common stands where it stands in one
// run, so that everything that reads a run reads this one; what each had of its own is listed.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "harness/driver/merge_rows.hpp"
#include "harness/driver/run_json.hpp"

namespace stackheap {

struct MergedRun {
  std::filesystem::path path;
  std::string document;  // its run.json
  std::string started;   // UTC
  RunFacts facts;
  // SHA-256 of its samples.csv, or of those of all runs that a merged one was made of.
  std::vector<std::string> origins;
  MergedRows rows = {};  // where they went
};

// All of it but the rows. Throws UserError where run.json lacks what a merged one needs, and
// CsvError for a malformed samples.csv.
MergedRun read_run_to_merge(const RunFolder& folder);

// Runs in the order in which their rows were merged; at least one, and all of one plan.
std::string merged_run_json(std::span<const MergedRun> runs,
                            const std::vector<std::string>& command_line);

}  // namespace stackheap
