// calibration_samples.csv: the samples of all sessions of `calibrate`, appended row by row, so that
// a calibration can be interrupted at any instant, and go on another day.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "harness/base/file.hpp"
#include "harness/driver/sample_csv.hpp"
#include "harness/model/sample.hpp"
#include "harness/stats/bank.hpp"

namespace stackheap {

struct BankSample {
  std::uint64_t session = 0;
  std::string started;  // UTC, of the session
  std::string cell;     // label without the threads
  unsigned threads = 1;
  bool all_cpus = false;
  std::uint64_t round = 0;
  unsigned layout = 0;
  unsigned order = 0;
  std::size_t side = 0;
  Status status = Status::kOk;
  double seconds = 0;           // of the process
  std::uint64_t share = 0;      // operations of one thread in a window that are reported
  std::vector<double> windows;  // ns per reported operation
};

std::vector<ColumnInfo> bank_columns();

class BankFile {
 public:
  // Opens or creates; a torn last row is cut off. Throws std::system_error, CsvError.
  explicit BankFile(const std::filesystem::path& folder);

  const std::vector<Bank>& banks() const { return banks_; }
  std::uint64_t next_session() const { return next_session_; }
  // One write, on the disk when it returns; also enters the banks.
  void append(const BankSample& sample);

 private:
  void enter(const BankSample& sample, const WindowSummaryValues& values);

  std::filesystem::path path_;
  UniqueFd fd_;
  std::vector<Bank> banks_;
  std::vector<std::pair<double, std::size_t>> seconds_;  // of each bank's pairs: sum and number
  std::uint64_t next_session_ = 0;
};

}  // namespace stackheap
