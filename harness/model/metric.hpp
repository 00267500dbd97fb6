// A metric: a named quantity with a unit, a column of samples.csv or of summary.csv. The table of
// all of them is measure/metric_table.hpp; this is the plain part that everything may know.
#pragma once

#include <string_view>

namespace stackheap {

enum class MetricType { kInteger, kReal, kText };
enum class MetricScope {
  kSample,   // measured in one sample: a column of samples.csv
  kDerived,  // computed from several cells: only in summary.csv and its sisters
};
// What is better; kNone for quantities that only describe.
enum class Direction { kNone, kLess, kMore };

struct MetricInfo {
  std::string_view name;  // snake_case, unit last
  std::string_view unit;  // "ns", "B", "1/s", "count", "1" for ratios, "" for text
  MetricType type = MetricType::kReal;
  MetricScope scope = MetricScope::kSample;
  Direction direction = Direction::kNone;
  bool comparable = false;     // comparisons.csv has ratios of it
  bool per_operation = false;  // a count that is divided by operations where cells are compared
  std::string_view meaning;    // one sentence or two, for results/README.md
  // Only the samples of the kind `instrumented` have it: one of a cell and run, so no interval.
  bool instrumented = false;
};

std::string_view to_string(MetricType type);
std::string_view to_string(MetricScope scope);
std::string_view to_string(Direction direction);

}  // namespace stackheap
