// A free-list link is written into the last word of a live block, 1 free() in 64.
#include <string.h>

#include "tests/mutants/healthy.hpp"
#include "tests/mutants/live_blocks.hpp"

namespace mutant {

struct Mutant : Healthy {
  static void* allocate(std::size_t bytes) {
    void* const block = Healthy::allocate(bytes);
    const Locked locked;
    if (block != nullptr && bytes >= sizeof(void*)) g_live.note(block, bytes);
    return block;
  }
  static void release(void* block) {
    forget(block);
    if (later_one_in(64)) write_link_into_live(block);
    Healthy::release(block);
  }
  static void* resize(void* block, std::size_t bytes) {
    forget(block);
    return Healthy::resize(block, bytes);
  }

 private:
  static inline LiveBlocks g_live;
  static void forget(void* block) {
    const Locked locked;
    g_live.forget(block);
  }
  static void write_link_into_live(void* link) {
    const Locked locked;
    const LiveBlock live = g_live.any(draw());
    if (live.block == nullptr) return;
    const std::size_t last_word = live.bytes / sizeof link * sizeof link - sizeof link;
    ::memcpy(static_cast<char*>(live.block) + last_word, &link, sizeof link);
  }
};

}  // namespace mutant

#include "tests/mutants/entry_points.hpp"
