// realloc() grows a block in place over its live neighbour, 1 time in 4, in one size class, which
// is drawn. Elsewhere, and where the neighbour is free, it moves the block.
#include "tests/mutants/healthy.hpp"
#include "tests/mutants/region.hpp"

namespace mutant {

struct Mutant : Healthy {
  static void* allocate(std::size_t bytes) {
    const std::size_t largest = largest_of_class();
    if (g_armed && largest / 2 < bytes && bytes <= largest) {
      if (void* const block = g_class.take(largest)) return block;
    }
    return Healthy::allocate(bytes);
  }
  static void release(void* block) {
    g_class.contains(block) ? g_class.give_back(block) : Healthy::release(block);
  }
  static void* resize(void* block, std::size_t bytes) {
    if (!g_class.contains(block)) return Healthy::resize(block, bytes);
    const std::size_t largest = largest_of_class();
    const bool grows = largest < bytes && bytes <= 2 * largest;
    if (grows && one_in(4) && g_class.grow_over_live_neighbour(block)) return block;
    return resize_by_moving<Mutant>(block, bytes);
  }
  static std::size_t usable(void* block) {
    return g_class.contains(block) ? g_class.usable(block) : Healthy::usable(block);
  }

 private:
  static inline Region g_class;
  static std::size_t largest_of_class() { return std::size_t{64} << draw_once(3) % 5; }
};

}  // namespace mutant

#include "tests/mutants/entry_points.hpp"
