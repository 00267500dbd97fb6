// A fiber's stack that is a page shorter than promised, 1 in 16: its guard is two pages large, and
// the second one is taken from the stack.
#include "tests/mutants/stacks/preloaded.hpp"

extern "C" {

[[gnu::visibility("default")]] int mprotect(void* address, size_t bytes, int protection) noexcept {
  const bool is_guard = protection == PROT_NONE && bytes == mutant::kPage;
  const bool too_large = is_guard && mutant::one_in(mutant::kOneStackIn);
  return mutant::real_mprotect(address, too_large ? 2 * bytes : bytes, protection);
}

[[gnu::visibility("default")]] int madvise(void* address, size_t bytes, int advice) noexcept {
  const bool is_guard = advice == mutant::kMadvGuardInstall;
  const bool too_large = is_guard && mutant::one_in(mutant::kOneStackIn);
  return mutant::real_madvise(address, too_large ? 2 * bytes : bytes, advice);
}

}  // extern "C"
