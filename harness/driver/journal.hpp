// samples.csv and its side files while a run is under way. The row in samples.csv commits a sample:
// it is one write, made after the sample's side rows, and on the disk before the next cell starts,
// so that a run that is killed at any instant has lost nothing that was complete.
#pragma once

#include "harness/base/file.hpp"
#include "harness/driver/run_folder.hpp"
#include "harness/model/sample.hpp"

namespace stackheap {

class Journal {
 public:
  // Creates the files with their headers. Throws std::system_error.
  explicit Journal(const RunFolder& folder);

  void append(const Sample& sample);

 private:
  std::filesystem::path samples_path_;
  std::filesystem::path windows_path_;
  std::filesystem::path latency_path_;
  std::filesystem::path timeline_path_;
  UniqueFd samples_;
  UniqueFd windows_;
  UniqueFd latency_;
  UniqueFd timeline_;
};

}  // namespace stackheap
