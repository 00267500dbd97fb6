// Where a workload puts the named metrics that only it can know: the harness sees its time and its
// bytes, but neither its addresses nor its phases.
#pragma once

#include <string_view>

namespace stackheap {

class Reporter {
 public:
  virtual ~Reporter() = default;
  // Sets a column of samples.csv; the name must be in the metric table with scope `sample`.
  virtual void report(std::string_view metric, double value) = 0;
  virtual void report_text(std::string_view metric, std::string_view value) = 0;
};

}  // namespace stackheap
