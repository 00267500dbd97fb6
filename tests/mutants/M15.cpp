// A block that is freed by another thread than the one that allocated it is lost.
#include "tests/mutants/healthy.hpp"
#include "tests/mutants/live_blocks.hpp"

namespace mutant {

struct Mutant : Healthy {
  static void* allocate(std::size_t bytes) {
    void* const block = Healthy::allocate(bytes);
    const Locked locked;
    if (block != nullptr) g_live.note(block, bytes);
    return block;
  }
  static void release(void* block) {
    const LiveBlock known = forget(block);
    const bool remote = known.block != nullptr && known.owner != this_thread();
    if (!remote) Healthy::release(block);
  }
  static void* resize(void* block, std::size_t bytes) {
    forget(block);
    return Healthy::resize(block, bytes);
  }

 private:
  static inline LiveBlocks g_live;
  static LiveBlock forget(void* block) {
    const Locked locked;
    return g_live.forget(block);
  }
};

}  // namespace mutant

#include "tests/mutants/entry_points.hpp"
