// Workloads as a part of a document that is read strictly: the list of a worker, or run.json, whose
// refusals have a line.
#pragma once

#include <vector>

#include "harness/model/strict_json.hpp"
#include "harness/model/workload_info.hpp"

namespace stackheap {

// The member "workloads". Throws std::runtime_error, as JsonPlace does.
std::vector<WorkloadInfo> workloads_at(const JsonPlace& list);

}  // namespace stackheap
