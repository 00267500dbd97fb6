// A lock that every allocation takes is held across fork: where another thread held it, the child
// waits for ever.
#include <pthread.h>

#include "tests/mutants/healthy.hpp"

namespace mutant {

struct Mutant : Healthy {
  static void* allocate(std::size_t bytes) {
    ::pthread_mutex_lock(&g_unguarded);
    void* const block = Healthy::allocate(bytes);
    ::pthread_mutex_unlock(&g_unguarded);
    return block;
  }

 private:
  static inline pthread_mutex_t g_unguarded = PTHREAD_MUTEX_INITIALIZER;
};

}  // namespace mutant

#include "tests/mutants/entry_points.hpp"
