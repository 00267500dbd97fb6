// Control: no fault. Shows that wrapping alone accuses nobody.
#include "tests/mutants/healthy.hpp"

namespace mutant {
using Mutant = Healthy;
}  // namespace mutant

#include "tests/mutants/entry_points.hpp"
