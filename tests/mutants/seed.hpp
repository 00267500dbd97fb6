// Where and when a mutant's fault shows, drawn from MUTANT_SEED: the same seed gives the
// same draws in a thread that makes the same calls.
#pragma once

#include <dlfcn.h>
#include <stdlib.h>

#include <atomic>
#include <cstdint>

#include "harness/base/random.hpp"

// Initial-exec: a mutant is preloaded, and an access must not call malloc.
#define MUTANT_THREAD_LOCAL static constinit thread_local __attribute__((tls_model("initial-exec")))

namespace mutant {

inline std::uint64_t g_seed = 0;
// Faults begin with main(): a program that is torn apart by its own static initialisation would
// prove nothing of the checks.
inline bool g_armed = false;

[[gnu::constructor(102)]] static void read_seed() {
  const char* const text = ::getenv("MUTANT_SEED");
  g_seed = text == nullptr ? 0 : ::strtoull(text, nullptr, 10);
}

using Main = int (*)(int, char**, char**);
inline Main g_main = nullptr;
inline int armed_main(int count, char** arguments, char** environment) {
  g_armed = true;
  return g_main(count, arguments, environment);
}

// For choices that hold for the whole process.
inline std::uint64_t draw_once(std::uint64_t stream) {
  return stackheap::derive_seed(g_seed, stream);
}

inline std::atomic<std::uint64_t> g_threads{0};
MUTANT_THREAD_LOCAL std::uint64_t random_state = 0;

inline std::uint64_t draw() {
  if (random_state == 0) random_state = draw_once(++g_threads);
  return stackheap::splitmix64(random_state);
}

inline bool one_in(std::uint32_t n) {
  return g_armed && draw() % n == 0;
}

// The same from a thousand calls on, for what would damage a program while it reads its options.
inline std::atomic<std::uint32_t> g_early_calls{0};
inline bool later_one_in(std::uint32_t n) {
  constexpr std::uint32_t kEarly = 1000;
  if (!g_armed) return false;
  if (g_early_calls.load(std::memory_order_relaxed) < kEarly) {
    g_early_calls.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  return draw() % n == 0;
}

}  // namespace mutant

// Stands before the C library's, which runs static initialisation and then main().
extern "C" [[gnu::visibility("default")]] int __libc_start_main(mutant::Main main, int count,
                                                                char** arguments, void (*init)(),
                                                                void (*fini)(),
                                                                void (*linker_fini)(),
                                                                void* stack_end) {
  using Start = int (*)(mutant::Main, int, char**, void (*)(), void (*)(), void (*)(), void*);
  mutant::g_main = main;
  const auto start = reinterpret_cast<Start>(::dlsym(RTLD_NEXT, "__libc_start_main"));
  return start(mutant::armed_main, count, arguments, init, fini, linker_fini, stack_end);
}
