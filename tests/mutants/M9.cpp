// calloc()'s product wraps: an array that is too large for the address space becomes a small block.
#include "tests/mutants/healthy.hpp"

namespace mutant {

struct Mutant : Healthy {
  static void* zeroed(std::size_t count, std::size_t size) {
    return Healthy::zeroed(1, count * size);
  }
};

}  // namespace mutant

#include "tests/mutants/entry_points.hpp"
