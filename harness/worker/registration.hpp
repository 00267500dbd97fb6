// The start-up checks of a registration, apart from the registry so that tests can see each of them
// refuse. A wrong registration found later would be a missing or a wrong row in someone's results.
#pragma once

#include <string>

#include "harness/model/workload_info.hpp"

namespace stackheap {

// What is wrong with a registration and how to mend it; empty where it is sound. Looks at one
// workload only: that a name is registered once is the registry's to see.
std::string registration_problem(const WorkloadInfo& info);

}  // namespace stackheap
