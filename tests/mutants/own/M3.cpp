// realloc() stays in place where a quarter more is asked for, whatever lies behind the block.
#include "tests/mutants/own/heap.hpp"

namespace mutant {

struct Fault : NoFault {
  static constexpr bool kGrowsInPlace = true;
};
using Mutant = OwnHeap<Fault>;
[[gnu::constructor]] static void start() {
  Mutant::start();
}

}  // namespace mutant

#include "tests/mutants/entry_points.hpp"
