// The blocks of the class of 512 bytes lie 496 bytes apart.
#include "tests/mutants/own/heap.hpp"

namespace mutant {

struct Fault : NoFault {
  static constexpr bool kShortStride = true;
};
using Mutant = OwnHeap<Fault>;
[[gnu::constructor]] static void start() {
  Mutant::start();
}

}  // namespace mutant

#include "tests/mutants/entry_points.hpp"
