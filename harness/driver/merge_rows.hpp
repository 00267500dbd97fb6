// The rows of several runs as those of one: samples and rounds are numbered on, so that no two
// rounds collide and each pair of samples that ran within seconds of each other remains one.
// Joining files with `cat` would pair a sample of one run with one of another.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "harness/base/file.hpp"
#include "harness/driver/run_folder.hpp"

namespace stackheap {

// A CSV file that is written row by row through a buffer.
class CsvWriter {
 public:
  // Creates the file with its header. Throws std::system_error.
  CsvWriter(std::filesystem::path path, std::span<const std::string> header);
  void add(std::span<const std::string> fields);
  // To the disk; without it the last rows are lost.
  void finish();

 private:
  void flush();

  std::filesystem::path path_;
  UniqueFd fd_;
  std::string buffer_;
};

// Where a run's rows went.
struct MergedRows {
  std::uint64_t first_sample = 0;  // its first one's new number
  std::uint64_t samples = 0;
  unsigned first_round = 0;                      // what was added to its rounds
  unsigned rounds = 0;                           // highest round it has, + 1
  std::map<std::string, unsigned> block_rounds;  // the same of each block
  bool torn = false;                             // its last row was cut off and left out
};

class RowMerger {
 public:
  // Creates samples.csv, windows.csv, latency.csv and timeline.csv in an empty folder.
  explicit RowMerger(const RunFolder& out);

  // Appends a run's samples with their rows in the side files and their logs. Rows that belong to
  // no sample (of one that was cut off) are left out. The next run's rounds follow after at least
  // `planned_rounds`. Throws CsvError, and UserError where samples are not in ascending order.
  MergedRows add(const RunFolder& run, unsigned planned_rounds);

  void finish();

 private:
  void add_samples(const RunFolder& run, MergedRows& merged);
  void add_side_rows(const std::filesystem::path& file, CsvWriter& writer);

  RunFolder out_;
  CsvWriter samples_;
  CsvWriter windows_;
  CsvWriter latency_;
  CsvWriter timeline_;
  std::vector<std::uint64_t> numbers_;  // of the run being added, ascending: the old numbers
  std::uint64_t next_sample_ = 0;
  unsigned next_round_ = 0;
};

}  // namespace stackheap
