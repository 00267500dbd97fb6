// Control: the second allocator without a fault.
#include "tests/mutants/own/heap.hpp"

namespace mutant {

using Mutant = OwnHeap<NoFault>;
[[gnu::constructor]] static void start() {
  Mutant::start();
}

}  // namespace mutant

#include "tests/mutants/entry_points.hpp"
