// A request above PTRDIFF_MAX returns a small recycled block: its size class is looked up by a
// number that has lost its upper bits.
#include "tests/mutants/healthy.hpp"

namespace mutant {

struct Mutant : Healthy {
  static void* allocate(std::size_t bytes) {
    constexpr std::size_t kLargestSmall = 1024;
    return Healthy::allocate(bytes > PTRDIFF_MAX ? bytes % kLargestSmall : bytes);
  }
};

}  // namespace mutant

#include "tests/mutants/entry_points.hpp"
