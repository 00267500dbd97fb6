// malloc() returns garbage where memory runs out: an mmap() whose result nobody looked at, rounded.
#include <sys/mman.h>

#include "tests/mutants/healthy.hpp"

namespace mutant {

struct Mutant : Healthy {
  static void* allocate(std::size_t bytes) {
    void* const block = Healthy::allocate(bytes);
    if (block != nullptr || bytes > PTRDIFF_MAX) return block;
    return reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(MAP_FAILED) &
                                   ~std::uintptr_t{15});
  }
};

}  // namespace mutant

#include "tests/mutants/entry_points.hpp"
