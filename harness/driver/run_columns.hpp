// The columns of every CSV file of a run. The files' headers, `stackheap list columns` and
// results/README.md all come from this one table, so that none of them can fall behind.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/driver/sample_csv.hpp"

namespace stackheap {

struct FileColumns {
  std::string_view file;
  std::vector<ColumnInfo> columns;  // in their order
};

// samples.csv with its metrics, windows.csv, latency.csv, timeline.csv, pilots.csv, summary.csv,
// comparisons.csv, scaling.csv, twins.csv, claims.csv, claim_tests.csv.
std::vector<FileColumns> run_columns();

// The header of one of these files. `file` must be one of them.
std::vector<std::string> header_of(std::string_view file);

}  // namespace stackheap
