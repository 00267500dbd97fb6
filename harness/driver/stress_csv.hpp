// stress.csv: one row for each check-run.
#pragma once

#include <string>
#include <vector>

#include "harness/driver/sample_csv.hpp"
#include "harness/driver/stress.hpp"

namespace stackheap {

std::vector<ColumnInfo> stress_columns();
std::string stress_header();
std::string stress_csv_row(const StressRow& row);

// What a row says in words: its detail, or its deviations.
std::string detail_of(const StressRow& row);

}  // namespace stackheap
