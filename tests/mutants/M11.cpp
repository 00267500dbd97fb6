// malloc_usable_size() says 8 too much: they are the next block's record.
#include "tests/mutants/healthy.hpp"

namespace mutant {

struct Mutant : Healthy {
  static std::size_t usable(void* block) { return Healthy::usable(block) + 8; }
};

}  // namespace mutant

#include "tests/mutants/entry_points.hpp"
