// samples.csv as rows: the fixed columns, then the metric table's columns of scope sample.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/csv.hpp"
#include "harness/model/metric.hpp"
#include "harness/model/sample.hpp"

namespace stackheap {

struct ColumnInfo {
  std::string_view name;
  std::string_view type;  // "integer", "real", "text", "flag" (0 or 1)
  std::string_view unit;  // empty for text and flags
  std::string_view meaning;
};

// The columns before the metrics, in their order.
std::vector<ColumnInfo> sample_columns();
// All names: sample_columns(), then the metrics.
std::vector<std::string> sample_header();
// One field per column of the header. A metric has a value only where the status is `ok`.
std::vector<std::string> sample_fields(const Sample& sample);

// Why `text` cannot stand in the metric's column, as "expected ..., found ..."; empty where it can.
std::string metric_problem(const MetricInfo& metric, std::string_view text);

// A row read back, with what summarizing needs. Values are NaN where the field is empty or not a
// number (text metrics).
struct SampleRow {
  std::uint64_t index = 0;
  unsigned round = 0;
  std::string block;
  SampleKind kind = SampleKind::kTimed;
  Cell cell;
  bool oversubscribed = false;
  Status status = Status::kOk;
  std::uint64_t operations = 0;
  std::vector<double> metrics;  // in the order of sample_metrics()
  // The same of the text metrics, empty for numbers; views into the fields that were read.
  std::vector<std::string_view> texts;
};

// Maps a file's header to its columns, then reads rows. Throws CsvError with file, line, column and
// the column's name for what no run of ours writes: an unknown status, a negative time, a time that
// is not finite, text for a number.
class SampleReader {
 public:
  SampleReader(std::string file, std::vector<std::string> header);
  const std::vector<std::string>& header() const { return header_; }
  SampleRow read(std::span<const std::string_view> fields, CsvPosition position) const;

 private:
  [[noreturn]] void fail(std::span<const std::string_view> fields, CsvPosition position,
                         std::size_t column, const std::string& what) const;
  std::size_t require(std::string_view column) const;

  std::string file_;
  std::vector<std::string> header_;
  std::vector<std::size_t> fixed_;
  std::vector<MetricInfo> metrics_;
  std::vector<std::size_t> metric_columns_;
};

}  // namespace stackheap
