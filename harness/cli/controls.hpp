// What a run says of its own error: its twins and its anchors. A table of verdicts without it would
// ask for trust.
#pragma once

#include <string>

#include "harness/driver/summarize_run.hpp"

namespace stackheap {

// A line on the twins, one on the drift of the machine; empty where the run had neither.
std::string controls_text(const RunSummary& run);

}  // namespace stackheap
