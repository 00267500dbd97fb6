// What a stress run recorded of misuse: per allocator and case, whether it was caught, and how.
// Derived from the records of the checks misuse/*, whose texts suites/stress/misuse.cpp describes.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "harness/driver/sample_csv.hpp"
#include "harness/driver/stress.hpp"

namespace stackheap {

struct MisuseRow {
  std::string allocator;
  std::string misuse;   // "double-free"
  std::string variant;  // "small"
  std::string outcome;  // caught, reported, crashed, hangs, silent or harmless
  std::string when;     // at once, later or nothing
  std::string how;      // signal and message, or the damage
};

// "caught at once: SIGABRT, ..." taken apart; the text as `how` where it is of another form.
MisuseRow parse_misuse(const std::string& allocator, const std::string& misuse,
                       const CheckNote& record);
// In the order of the rows, the first of each.
std::vector<MisuseRow> misuse_rows(std::span<const StressRow> rows);

std::vector<ColumnInfo> misuse_columns();
std::string misuse_csv(std::span<const MisuseRow> rows);
// A line for each case, a column for each allocator; empty without rows.
std::string misuse_table(std::span<const MisuseRow> rows);

}  // namespace stackheap
