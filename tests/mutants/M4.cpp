// calloc() forgets that recycled blocks hold what was written into them: it relies on the kernel's
// zeroes.
#include "tests/mutants/healthy.hpp"

namespace mutant {

struct Mutant : Healthy {
  static void* zeroed(std::size_t count, std::size_t size) {
    std::size_t bytes = 0;
    if (__builtin_mul_overflow(count, size, &bytes)) return out_of_memory();
    return g_armed ? Healthy::allocate(bytes) : Healthy::zeroed(1, bytes);
  }
};

}  // namespace mutant

#include "tests/mutants/entry_points.hpp"
