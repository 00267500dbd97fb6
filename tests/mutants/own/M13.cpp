// Large alignments are counted from the mapping's first unit instead of from address 0.
#include "tests/mutants/own/heap.hpp"

namespace mutant {

struct Fault : NoFault {
  static constexpr bool kAlignsOffsets = true;
};
using Mutant = OwnHeap<Fault>;
[[gnu::constructor]] static void start() {
  Mutant::start();
}

}  // namespace mutant

#include "tests/mutants/entry_points.hpp"
