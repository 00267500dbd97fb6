// realloc() copies 8 bytes too few.
#include "tests/mutants/own/heap.hpp"

namespace mutant {

struct Fault : NoFault {
  static constexpr bool kCopiesTooLittle = true;
};
using Mutant = OwnHeap<Fault>;
[[gnu::constructor]] static void start() {
  Mutant::start();
}

}  // namespace mutant

#include "tests/mutants/entry_points.hpp"
