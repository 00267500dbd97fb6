// stress.json: what a stress run was, beside its rows.
#pragma once

#include <string>
#include <vector>

#include "harness/driver/stress.hpp"

namespace stackheap {

std::string stress_json(const StressOptions& options, const std::vector<std::string>& command_line);

}  // namespace stackheap
