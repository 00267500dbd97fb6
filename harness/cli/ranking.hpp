// The ranked table a run ends with: one small table per family of comparisons, within 100 columns.
// Ranks are intervals, because "cannot be told apart" is not transitive: a single rank would claim
// an order that the data do not hold.
#pragma once

#include <string>

#include "harness/driver/summarize_run.hpp"

namespace stackheap {

// By what each workload is ranked by, mostly time per operation. `colour` paints verdicts.
std::string ranking_text(const RunSummary& run, bool colour);

}  // namespace stackheap
