// Alignments of 64 KiB and more are served as if they were a page.
#include "tests/mutants/healthy.hpp"

namespace mutant {

struct Mutant : Healthy {
  static void* aligned(std::size_t alignment, std::size_t bytes) {
    constexpr std::size_t kPage = 4096;
    constexpr std::size_t kWrongFrom = std::size_t{64} << 10U;
    return Healthy::aligned(alignment >= kWrongFrom ? kPage : alignment, bytes);
  }
};

}  // namespace mutant

#include "tests/mutants/entry_points.hpp"
