// What other commands need of a run.json, read strictly: a figure is no better than what is known
// of the run it comes from.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/driver/calibration_file.hpp"
#include "harness/model/workload_info.hpp"
#include "harness/stats/stopping.hpp"

namespace stackheap {

inline constexpr int kRunJsonVersion = 1;

struct RunFacts {
  std::string profile;
  bool finished = false;
  unsigned rounds = 0;
  std::string version;                           // of the driver
  std::map<std::string, unsigned> block_rounds;  // planned for each block; some have fewer
  // Operations per window and thread that the pilots of a block fixed, by variant.
  std::map<std::string, std::map<std::string, std::uint64_t>> shares;
  double margin = 0.02;
  double alpha = kExactAlpha;
  bool adaptive = false;  // rounds were added as long as pairs were not precise
  std::string baseline_allocator;
  bool calibrated = false;   // the run found a calibration of its machine
  double layout_spread = 0;  // of that calibration, see SummaryOptions
  std::vector<WorkloadInfo> workloads;
  std::string label;
  // What must be the same where two runs are set against each other: plan, processor, kernel,
  // worker, settings of the machine, ... as texts.
  std::map<std::string, std::string> identity;
  std::map<std::string, std::string> allocators;  // name -> hashes of its libraries, environment
  CalibratedMachine machine;

  // What --resume needs besides.
  bool interrupted = false;                  // its last driver was asked to stop
  bool merged = false;                       // of several runs
  std::optional<std::uint64_t> seed;         // none where runs were merged
  std::vector<std::string> words;            // see RunDescription
  std::uint64_t available_memory_bytes = 0;  // that its plan was made for
  std::string driver;                        // hash of the program
  std::string events;                        // what its instrumented samples count
};

// Strict: a key that is not known is an error. Throws UserError "file:line:column: what was
// expected", and std::system_error where there is no such file.
RunFacts read_run_facts(const std::filesystem::path& run_json);
// The same from text; `name` stands for the file.
RunFacts parse_run_facts(std::string_view text, std::string_view name);

}  // namespace stackheap
