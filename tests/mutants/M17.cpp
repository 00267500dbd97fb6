// What a thread has in its cache when it ends is lost.
#include "tests/mutants/healthy.hpp"

namespace mutant {

constexpr std::size_t kCached = 32;
MUTANT_THREAD_LOCAL void* cache[kCached] = {};
MUTANT_THREAD_LOCAL std::size_t cached = 0;

struct Mutant : Healthy {
  static void* allocate(std::size_t bytes) {
    if (cached != 0 && Healthy::usable(cache[cached - 1]) >= bytes) return cache[--cached];
    return Healthy::allocate(bytes);
  }
  static void release(void* block) {
    if (g_armed && cached < kCached) {
      cache[cached++] = block;
    } else {
      Healthy::release(block);
    }
  }
};

}  // namespace mutant

#include "tests/mutants/entry_points.hpp"
