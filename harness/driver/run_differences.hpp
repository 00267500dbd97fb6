// In what two runs differ besides their numbers. The numbers never tell: a ratio of two kernels
// looks like a ratio of two allocators.
#pragma once

#include <string>
#include <vector>

#include "harness/driver/run_json.hpp"

namespace stackheap {

// What says that two runs cannot be compared as they are: "kernel: 6.1.0 and 6.12.0", one entry for
// each difference of plan, machine and its settings, kernel, worker or pinning; empty where there
// is none. The allocators may differ: they are what two runs are compared for.
std::vector<std::string> differences_of(const RunFacts& one, const RunFacts& other);

// In which allocators they differ: another library, another environment, or only one run has it.
std::vector<std::string> allocator_differences_of(const RunFacts& one, const RunFacts& other);

// What says that two runs cannot become one: all of the above, and the baseline, the margin and the
// version of the driver, which fixes how a sample is taken.
std::vector<std::string> merge_obstacles(const RunFacts& one, const RunFacts& other);

// Blocks in which they fixed other numbers of operations per window: "heap/pair/size:64 (malloc:
// 1000 and 1200)". Times per operation remain comparable; totals do not.
std::vector<std::string> share_differences_of(const RunFacts& one, const RunFacts& other);

}  // namespace stackheap
