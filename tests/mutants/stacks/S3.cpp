// Two fibers share a page, 1 stack in 16: a page in the middle of a stack is also a page of the one
// that was mapped before it.
#include <atomic>

#include "tests/mutants/stacks/preloaded.hpp"

namespace mutant {

struct Stack {
  char* base = nullptr;
  std::size_t pages = 0;
};
static Stack g_before;
static std::atomic_flag g_busy;

// Neither the lowest page, which may become a guard, nor the highest, where the fiber's own record
// is. One memory file page in both places.
static void share_page(const Stack& one, const Stack& other) {
  const int file = static_cast<int>(::syscall(SYS_memfd_create, "", 0));
  if (file < 0) return;
  if (::ftruncate(file, kPage) == 0) {
    for (const Stack& stack : {one, other}) {
      char* const page = stack.base + (1 + draw() % (stack.pages - 2)) * kPage;
      real_mmap(page, kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0);
    }
  }
  ::close(file);
}

}  // namespace mutant

extern "C" {

[[gnu::visibility("default")]] void* mmap(void* address, size_t bytes, int protection, int flags,
                                          int fd, off_t offset) noexcept {
  using namespace mutant;
  void* const memory = real_mmap(address, bytes, protection, flags, fd, offset);
  if (memory == MAP_FAILED || (flags & MAP_STACK) == 0 || bytes < 4 * kPage) return memory;
  if (g_busy.test_and_set()) return memory;
  const Stack stack{static_cast<char*>(memory), bytes / kPage};
  if (g_before.base != nullptr && one_in(kOneStackIn)) share_page(g_before, stack);
  g_before = stack;
  g_busy.clear();
  return memory;
}

[[gnu::visibility("default")]] int munmap(void* address, size_t bytes) noexcept {
  using namespace mutant;
  while (g_busy.test_and_set()) {
  }
  // A stack that is gone shares nothing: its place may be another's by now.
  if (address == g_before.base) g_before = {};
  const auto result = static_cast<int>(::syscall(SYS_munmap, address, bytes));
  g_busy.clear();
  return result;
}

}  // extern "C"
