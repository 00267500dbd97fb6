// A live block of the same size is handed out again, 1 malloc in 64. The first free() of such a
// block ends one of its two lives and nothing more, so that no crash tells of it.
#include <string.h>

#include "tests/mutants/healthy.hpp"
#include "tests/mutants/live_blocks.hpp"

namespace mutant {

struct Mutant : Healthy {
  static void* allocate(std::size_t bytes) {
    if (later_one_in(64)) {
      if (void* const again = share_live(bytes)) return again;
    }
    void* const block = Healthy::allocate(bytes);
    const Locked locked;
    if (block != nullptr) g_live.note(block, bytes);
    return block;
  }
  static void release(void* block) {
    if (!unshare_or_forget(block)) Healthy::release(block);
  }
  // By moving: a shared block must not be freed by the healthy realloc().
  static void* resize(void* block, std::size_t bytes) {
    if (bytes != 0) return resize_by_moving<Mutant>(block, bytes);
    release(block);
    return nullptr;
  }

 private:
  static constexpr std::size_t kMostShared = 64;  // at a time
  static inline LiveBlocks g_live;
  static inline void* g_shared[kMostShared] = {};

  static void* share_live(std::size_t bytes) {
    const Locked locked;
    void* const block = g_live.of_size(bytes).block;
    if (block == nullptr) return nullptr;
    for (void*& slot : g_shared) {
      if (slot != nullptr) continue;
      slot = block;
      return block;
    }
    return nullptr;
  }
  // Whether it goes on living.
  static bool unshare_or_forget(void* block) {
    const Locked locked;
    for (void*& slot : g_shared) {
      if (slot != block) continue;
      slot = nullptr;
      return true;
    }
    g_live.forget(block);
    return false;
  }
};

}  // namespace mutant

#include "tests/mutants/entry_points.hpp"
