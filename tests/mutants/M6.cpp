// realloc() copies 8 bytes too few when it moves a block, which it always does.
#include "tests/mutants/healthy.hpp"

namespace mutant {

struct Mutant : Healthy {
  static void* resize(void* block, std::size_t bytes) {
    const std::size_t old = Healthy::usable(block);
    const std::size_t kept = old < bytes ? old : bytes;
    if (kept < 8) return Healthy::resize(block, bytes);
    void* const moved = Healthy::allocate(bytes);
    if (moved == nullptr) return nullptr;
    ::memcpy(moved, block, kept - 8);
    Healthy::release(block);
    return moved;
  }
};

}  // namespace mutant

#include "tests/mutants/entry_points.hpp"
