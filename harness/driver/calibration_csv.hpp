// calibration.csv: the figures of a calibration, one row each.
#pragma once

#include <string>
#include <vector>

#include "harness/driver/sample_csv.hpp"
#include "harness/stats/calibration.hpp"

namespace stackheap {

std::vector<ColumnInfo> calibration_columns();
std::string calibration_csv(const Calibration& calibration);

}  // namespace stackheap
