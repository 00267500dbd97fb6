// A workload's evidence on its way from the worker to the driver. Only the .cpp files of this
// folder include this.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "harness/model/claim.hpp"
#include "harness/model/strict_json.hpp"

namespace stackheap {

nlohmann::json evidence_to_json(const Evidence& evidence);
// Refuses, with its path, what evidence_problem() finds wrong.
Evidence evidence_at(const JsonPlace& place, const WorkloadInfo& workload);

}  // namespace stackheap
