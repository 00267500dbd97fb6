// A realloc() that fails frees the old block.
#include "tests/mutants/healthy.hpp"

namespace mutant {

struct Mutant : Healthy {
  static void* resize(void* block, std::size_t bytes) {
    void* const moved = Healthy::resize(block, bytes);
    if (moved == nullptr && bytes != 0) Healthy::release(block);
    return moved;
  }
};

}  // namespace mutant

#include "tests/mutants/entry_points.hpp"
