// heap_facts FACT: says whether one plain fact holds of this process's malloc, by the shortest
// program that can tell. Exit 0: it holds; anything else: it does not. Shows of each mutant that
// its fault is there, and that it has no other; knows nothing of the suites' checks.
#include <malloc.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <string_view>

#include "tests/mutants/thread_facts.hpp"

namespace {

using namespace facts;

// No block is handed out while it lives.
bool distinct() {
  for (int round = 0; round < 50'000; ++round) {
    void*& slot = live[draw() % kLive];
    free(slot);
    slot = malloc(48);
    for (void*& other : live) {
      if (&other != &slot && other == slot) return false;
    }
  }
  return true;
}

// Equal blocks do not overlap, whatever their size.
bool apart() {
  for (std::size_t bytes = 16; bytes <= 1024; bytes += 16) {
    for (void*& slot : live) slot = malloc(bytes);
    std::sort(live, live + kLive);
    for (std::size_t i = 1; i < kLive; ++i) {
      if (static_cast<char*>(live[i]) < static_cast<char*>(live[i - 1]) + bytes) return false;
    }
    for (void*& slot : live) free(slot);
  }
  return true;
}

// A block that grows leaves its neighbours alone.
bool grown() {
  for (std::size_t bytes = 64; bytes <= 2048; bytes *= 2) {
    for (void*& slot : live) slot = memset(malloc(bytes), 1, bytes);
    for (std::size_t i = 0; i < kLive; i += 2) {
      live[i] = realloc(live[i], bytes + bytes / 4);
      memset(live[i], 2, bytes + bytes / 4);
    }
    for (std::size_t i = 1; i < kLive; i += 2) {
      for (std::size_t at = 0; at < bytes; ++at) {
        if (text(live[i])[at] != 1) return false;
      }
    }
    for (void*& slot : live) free(slot);
  }
  return true;
}

// calloc() clears used blocks: in whole words, and in the rest of the last one.
bool clears(std::size_t from, std::size_t step) {
  for (std::size_t bytes = from; bytes <= 4000; bytes += step) {
    for (void*& slot : live) slot = memset(malloc(bytes), 0xff, bytes);
    for (void*& slot : live) free(slot);
    for (void*& slot : live) slot = calloc(1, bytes);
    for (void*& slot : live) {
      for (std::size_t at = 0; at < bytes; ++at) {
        if (text(slot)[at] != 0) return false;
      }
      free(slot);
    }
  }
  return true;
}
bool zeroed() {
  return clears(64, 248);
}
bool zeroed_tail() {
  return clears(61, 248);
}

// realloc() keeps the content when it moves a block.
bool moved() {
  for (std::size_t bytes = 24; bytes <= 20'000; bytes += 8 + bytes / 64 * 8) {
    auto* block = static_cast<char*>(memset(malloc(bytes), 7, bytes));
    block = static_cast<char*>(realloc(block, bytes * 40));
    for (std::size_t at = 0; at < bytes; ++at) {
      if (text(block)[at] != 7) return false;
    }
    free(block);
  }
  return true;
}

// A realloc() that fails leaves the old block as it is.
bool failed_resize() {
  void* const block = memset(malloc(100), 7, 100);
  if (realloc(block, PTRDIFF_MAX) != nullptr) return false;
  for (std::size_t at = 0; at < 100; ++at) {
    if (text(block)[at] != 7) return false;
  }
  return malloc(100) != block;
}

// A live block keeps its content while others come and go.
bool kept() {
  for (int round = 0; round < 100'000; ++round) {
    const std::size_t i = draw() % kLive;
    for (std::size_t at = 0; live[i] != nullptr && at < sizes[i]; ++at) {
      if (text(live[i])[at] != static_cast<char>(i)) return false;
    }
    free(live[i]);
    sizes[i] = 8 + draw() % 100;
    live[i] = memset(malloc(sizes[i]), static_cast<int>(i), sizes[i]);
  }
  return true;
}

// An array larger than the address space is refused.
bool product() {
  volatile std::size_t root = std::size_t{1} << 33U;
  volatile std::size_t half = SIZE_MAX / 2 + 10;
  return calloc(root, root) == nullptr && calloc(half, 2) == nullptr;
}

bool huge() {
  volatile std::size_t bytes = SIZE_MAX - 100;
  return malloc(bytes) == nullptr && malloc(bytes - 4096) == nullptr;
}

// The usable bytes can be used.
bool usable() {
  for (void*& slot : live) slot = malloc(1 + draw() % 500);
  for (void*& slot : live) memset(slot, 0xff, malloc_usable_size(slot));
  for (void*& slot : live) free(slot);
  for (void*& slot : live) slot = malloc(1000);
  return true;
}

// Where memory runs out, null is returned.
bool exhausted() {
  rlimit limit{};
  limit.rlim_cur = limit.rlim_max = std::size_t{4} << 30U;
  if (setrlimit(RLIMIT_AS, &limit) != 0) _exit(3);
  return malloc(std::size_t{8} << 30U) == nullptr;
}

bool aligns(std::size_t from, std::size_t to, int rounds) {
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t alignment = from; alignment <= to; alignment *= 2) {
      void*& slot = live[draw() % kLive];
      free(slot);
      slot = aligned_alloc(alignment, alignment);
      if (reinterpret_cast<std::uintptr_t>(slot) % alignment != 0) return false;
      memset(slot, 1, alignment);
    }
  }
  return true;
}
bool aligned_small() {
  return aligns(16, 4096, 3000);
}
bool aligned_large() {
  return aligns(std::size_t{64} << 10U, std::size_t{1} << 20U, 20);
}

// Every call returns.
bool returns() {
  alarm(5);
  for (int call = 0; call < 1'100'000; ++call) free(malloc(16));
  alarm(0);
  return true;
}

struct Fact {
  std::string_view name;
  bool (*holds)();
};
constexpr Fact kFacts[] = {
    {"distinct", distinct},
    {"apart", apart},
    {"grown", grown},
    {"zeroed", zeroed},
    {"zeroed_tail", zeroed_tail},
    {"moved", moved},
    {"failed_resize", failed_resize},
    {"kept", kept},
    {"product", product},
    {"huge", huge},
    {"usable", usable},
    {"exhausted", exhausted},
    {"aligned_small", aligned_small},
    {"aligned_large", aligned_large},
    {"remote_free", remote_free},
    {"raced", raced},
    {"lifetimes", lifetimes},
    {"outlived", outlived},
    {"forked", forked},
    {"returns", returns},
};

}  // namespace

int main(int count, char** arguments) {
  const std::string_view wanted = count > 1 ? arguments[1] : "";
  const rlimit no_core{};
  setrlimit(RLIMIT_CORE, &no_core);
  alarm(20);  // some faults end in a loop
  if (wanted == "--list") {
    for (const Fact& fact : kFacts) puts(fact.name.data());
    return 0;
  }
  for (const Fact& fact : kFacts) {
    if (fact.name == wanted) _exit(fact.holds() ? 0 : 1);
  }
  fprintf(stderr, "no fact '%s'; --list shows them\n", count > 1 ? arguments[1] : "");
  return 2;
}
