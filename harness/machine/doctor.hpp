// Is this machine fit to measure on? Turns what was captured into findings: what is the case, why
// it matters for these measurements, and the exact command that mends it. Nothing is changed here:
// a benchmark that sets a governor leaves a laptop with it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/machine/environment.hpp"
#include "harness/machine/load.hpp"
#include "harness/machine/topology.hpp"

namespace stackheap {

enum class Severity {
  kOk,
  kNote,     // leaves columns empty, or narrows what a result holds for
  kWarning,  // makes results noisier or biased; `run` prints these, --strict refuses
};
std::string_view to_string(Severity severity);  // "ok", "note", "warning"

struct Finding {
  Severity severity = Severity::kOk;
  std::string subject;  // two or three words, the same for every outcome of a check
  std::string what;     // what was found; where nothing can be done, says so
  std::string why;      // why it matters
  std::string mend;     // shell command; empty if ok or nothing can be done
};

// One finding per check, in the table's order, the good ones too. `build_flags` are those the
// worker was compiled with. Pure: the same input gives the same findings.
std::vector<Finding> examine(const Environment& environment, const LoadSnapshot& load,
                             const Topology& topology, std::string_view build_flags);

}  // namespace stackheap
