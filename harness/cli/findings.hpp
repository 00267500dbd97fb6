// The doctor's findings as text.
#pragma once

#include <string>

#include "harness/machine/doctor.hpp"

namespace stackheap {

// One to three lines: what, and unless it is fine, why it matters and the command that mends it.
std::string finding_text(const Finding& finding, bool colour);

}  // namespace stackheap
