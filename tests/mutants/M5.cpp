// calloc() clears by whole words and leaves the last partial one: up to seven bytes, where the size
// is no multiple of eight.
#include "tests/mutants/healthy.hpp"

namespace mutant {

struct Mutant : Healthy {
  static void* zeroed(std::size_t count, std::size_t size) {
    std::size_t bytes = 0;
    if (__builtin_mul_overflow(count, size, &bytes)) return out_of_memory();
    void* const block = Healthy::allocate(bytes);
    if (block != nullptr) ::memset(block, 0, bytes / 8 * 8);
    return block;
  }
};

}  // namespace mutant

#include "tests/mutants/entry_points.hpp"
