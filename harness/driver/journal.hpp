// samples.csv and its side files while a run is under way. The row in samples.csv commits a sample:
// it is one write, made after the sample's side rows, and on the disk before the next cell starts,
// so that a run that is killed at any instant has lost nothing that was complete.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "harness/base/file.hpp"
#include "harness/driver/run_folder.hpp"
#include "harness/driver/shares.hpp"
#include "harness/model/sample.hpp"

namespace stackheap {

class Journal {
 public:
  // Creates the files with their headers, or goes on behind what recover_journal() left. Throws
  // std::system_error.
  explicit Journal(const RunFolder& folder);

  // Throws std::system_error where it cannot be written, or where the folder was moved or deleted
  // under way; then the files are as they were before.
  void append(const Sample& sample);

  // What the pilots of a block found, before its first sample: resumed, the run must do the same
  // work per window.
  void append_pilots(std::string_view block, std::span<const PilotResult> pilots);

 private:
  struct File {
    File(std::filesystem::path where, std::string_view name);
    void write(std::string_view rows);
    // Cuts off what was written since the last commit.
    void take_back() noexcept;
    // Throws where the open file is no longer the one of its name.
    void require_in_place() const;

    std::filesystem::path path;
    UniqueFd fd;
    std::uint64_t committed = 0;  // bytes
    std::uint64_t written = 0;    // bytes, of whole writes
  };

  template <class Write>
  void commit(Write&& write);

  File samples_;
  File windows_;
  File latency_;
  File timeline_;
  File pilots_;
};

}  // namespace stackheap
