// At one size-class boundary blocks overlap by 16 bytes: the class's stride is one quantum too
// short, so only the largest sizes of the class reach into the next block. The class is drawn.
#include "tests/mutants/healthy.hpp"
#include "tests/mutants/region.hpp"

namespace mutant {

struct Mutant : Healthy {
  static void* allocate(std::size_t bytes) {
    const std::size_t largest = largest_of_class();
    if (g_armed && largest - kQuantum < bytes && bytes <= largest) {
      if (void* const block = g_class.take(largest - kQuantum)) return block;
    }
    return Healthy::allocate(bytes);
  }
  static void release(void* block) {
    g_class.contains(block) ? g_class.give_back(block) : Healthy::release(block);
  }
  static void* resize(void* block, std::size_t bytes) {
    return g_class.contains(block) ? resize_by_moving<Mutant>(block, bytes)
                                   : Healthy::resize(block, bytes);
  }
  // It takes its class to be as large as it should be.
  static std::size_t usable(void* block) {
    return g_class.contains(block) ? largest_of_class() : Healthy::usable(block);
  }

 private:
  static constexpr std::size_t kQuantum = 16;
  static inline Region g_class;
  static std::size_t largest_of_class() {
    constexpr std::size_t kClasses[] = {64, 96, 128, 192, 256, 384, 512, 1024};
    return kClasses[draw_once(2) % 8];
  }
};

}  // namespace mutant

#include "tests/mutants/entry_points.hpp"
