// A thread's first small blocks lie in a chunk of its own, which is unmapped when the thread ends,
// whoever still uses them.
#include <pthread.h>
#include <sys/mman.h>

#include <atomic>

#include "tests/mutants/healthy.hpp"

namespace mutant {

constexpr std::size_t kChunk = std::size_t{64} << 10U;
constexpr std::size_t kChunks = 16'384;  // one for each thread that there will have been
constexpr std::size_t kLargest = 1024;
MUTANT_THREAD_LOCAL char* chunk = nullptr;
MUTANT_THREAD_LOCAL std::size_t used = 0;
MUTANT_THREAD_LOCAL bool has_asked = false;

struct Mutant : Healthy {
  static void* allocate(std::size_t bytes) {
    if (g_armed && !has_asked) take_chunk();
    const std::size_t needed = kHeader + (bytes + 15) / 16 * 16;
    if (chunk == nullptr || bytes > kLargest || used + needed > kChunk) {
      return Healthy::allocate(bytes);
    }
    char* const block = chunk + used + kHeader;
    used += needed;
    *size_of(block) = needed - kHeader;
    return block;
  }
  // A chunk's blocks go all at once.
  static void release(void* block) {
    if (!in_chunk(block)) Healthy::release(block);
  }
  static void* resize(void* block, std::size_t bytes) {
    return in_chunk(block) ? resize_by_moving<Mutant>(block, bytes) : Healthy::resize(block, bytes);
  }
  static std::size_t usable(void* block) {
    return in_chunk(block) ? *size_of(block) : Healthy::usable(block);
  }

  static void reserve() {
    g_main_thread = ::pthread_self();
    if (::pthread_key_create(&g_exit, unmap_chunk) != 0) return;
    void* const memory = ::mmap(nullptr, kChunks * kChunk, PROT_NONE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory != MAP_FAILED) g_reserve = static_cast<char*>(memory);
  }

 private:
  static constexpr std::size_t kHeader = 16;
  static inline char* g_reserve = nullptr;
  static inline std::atomic<std::size_t> g_taken{0};
  static inline pthread_key_t g_exit;
  static inline pthread_t g_main_thread;

  static std::size_t* size_of(void* block) {
    return reinterpret_cast<std::size_t*>(static_cast<char*>(block) - kHeader);
  }
  static bool in_chunk(const void* block) {
    const auto* const address = static_cast<const char*>(block);
    return g_reserve != nullptr && g_reserve <= address && address < g_reserve + kChunks * kChunk;
  }
  static void take_chunk() {
    has_asked = true;
    if (g_reserve == nullptr || ::pthread_equal(::pthread_self(), g_main_thread) != 0) return;
    const std::size_t index = g_taken.fetch_add(1);
    if (index >= kChunks) return;
    char* const own = g_reserve + index * kChunk;
    if (::mprotect(own, kChunk, PROT_READ | PROT_WRITE) != 0) return;
    if (::pthread_setspecific(g_exit, own) == 0) chunk = own;
  }
  // The addresses stay reserved, so that nothing else is ever mistaken for a chunk's block.
  static void unmap_chunk(void* own) {
    chunk = nullptr;
    ::mmap(own, kChunk, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  }
};

[[gnu::constructor]] static void reserve_chunks() {
  Mutant::reserve();
}

}  // namespace mutant

#include "tests/mutants/entry_points.hpp"
