// A fiber's stack without its guard, 1 in 16: the call that makes the guard succeeds and does
// nothing.
#include "tests/mutants/stacks/preloaded.hpp"

extern "C" {

[[gnu::visibility("default")]] int mprotect(void* address, size_t bytes, int protection) noexcept {
  const bool is_guard = protection == PROT_NONE && bytes == mutant::kPage;
  if (is_guard && mutant::one_in(mutant::kOneStackIn)) return 0;
  return mutant::real_mprotect(address, bytes, protection);
}

[[gnu::visibility("default")]] int madvise(void* address, size_t bytes, int advice) noexcept {
  const bool is_guard = advice == mutant::kMadvGuardInstall;
  if (is_guard && mutant::one_in(mutant::kOneStackIn)) return 0;
  return mutant::real_madvise(address, bytes, advice);
}

}  // extern "C"
