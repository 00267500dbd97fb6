// The central lists take no lock: two threads get one block.
#include "tests/mutants/own/heap.hpp"

namespace mutant {

struct Fault : NoFault {
  static constexpr bool kTakesNoLock = true;
};
using Mutant = OwnHeap<Fault>;
[[gnu::constructor]] static void start() {
  Mutant::start();
}

}  // namespace mutant

#include "tests/mutants/entry_points.hpp"
