// A stress run told to a person: what failed and how to repeat it, what is new, and a table.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "harness/driver/stress.hpp"

namespace stackheap {

// One line for each check, one column for each allocator, the gravest verdict of all its rows in
// each.
std::string stress_table(std::span<const StressRow> rows, bool colour);

// Each failure with its seed and the commands that repeat it; then each deviation that is new, then
// how many are known. Empty where there is nothing to tell. `options` are the words of --allocator
// by name, for the command.
std::string stress_findings(std::span<const StressRow> rows,
                            const std::map<std::string, std::string>& options, bool colour);

}  // namespace stackheap
