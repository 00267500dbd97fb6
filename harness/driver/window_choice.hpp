// How many windows a sample has, and how much work is in each: by kind of sample, by profile, and
// by what the pilots of its block found.
#pragma once

#include "harness/driver/shares.hpp"
#include "harness/model/cell.hpp"
#include "harness/model/cell_request.hpp"
#include "harness/model/sample.hpp"
#include "harness/model/workload_info.hpp"

namespace stackheap {

// Of a pilot, which only finds out how long one operation takes.
void choose_pilot_windows(CellRequest& request);

// Of a sample. `work` may be null: then it finds its own share.
void choose_windows(SampleKind kind, Profile profile, const PlannedCell& planned,
                    const BlockWork* work, CellRequest& request);

}  // namespace stackheap
