// A list of comparisons for people, for a pull request, for a spreadsheet or for a program.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "harness/stats/reported_pair.hpp"

namespace stackheap {

enum class ReportFormat { kText, kMarkdown, kCsv, kJson };

// "text", "markdown", "csv" or "json". Throws UserError.
ReportFormat parse_report_format(std::string_view text);

// Those that fired first, then by certain effect. CSV and JSON have every pair; the tables for
// people leave equivalent ones out, and say how many they are. Notes stand below the table, in JSON
// in a list of their own; a CSV file has no place for them: tell them elsewhere.
std::string comparison_report(std::span<const ReportedPair> pairs, ReportFormat format,
                              double margin, std::span<const std::string> notes = {});

}  // namespace stackheap
