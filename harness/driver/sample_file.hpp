// A whole samples.csv, row by row. A vector of rows would do for a small run; a journal of a
// million samples has to be read in less memory than it has bytes.
#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <string_view>

#include "harness/base/csv.hpp"
#include "harness/base/mapped_text.hpp"
#include "harness/driver/sample_csv.hpp"

namespace stackheap {

// One row, valid during the call only.
struct SampleLine {
  SampleRow row;
  std::span<const std::string_view> fields;  // in the order of the file's header
  CsvPosition position;
};

class SampleFile {
 public:
  // Throws std::system_error, and CsvError for a header that is not ours.
  explicit SampleFile(const std::filesystem::path& path);

  // Visits each complete row. False: the last one was cut off, and was left out. Throws CsvError
  // with file, line and column; what `visit` throws as std::invalid_argument becomes one too.
  bool for_each(const std::function<void(SampleLine&)>& visit);
  // After for_each: bytes up to the end of the last complete row.
  std::size_t complete_bytes() const { return complete_; }
  const std::vector<std::string>& header() const { return reader_.header(); }

 private:
  std::string name_;
  MappedText text_;
  SampleReader reader_;
  std::size_t complete_ = 0;
};

// The columns of a CSV file of which nothing else has been read yet.
std::vector<std::string> header_of_text(std::string_view text, std::string_view name);

}  // namespace stackheap
