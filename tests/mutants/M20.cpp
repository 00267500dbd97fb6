// One malloc() in a million does not return.
#include <unistd.h>

#include <atomic>

#include "tests/mutants/healthy.hpp"

namespace mutant {

struct Mutant : Healthy {
  static void* allocate(std::size_t bytes) {
    constexpr std::uint64_t kPeriod = 1'000'000;
    if (g_armed && (g_calls.fetch_add(1) + draw_once(20)) % kPeriod == 0) {
      for (;;) ::pause();
    }
    return Healthy::allocate(bytes);
  }

 private:
  static inline std::atomic<std::uint64_t> g_calls{0};
};

}  // namespace mutant

#include "tests/mutants/entry_points.hpp"
