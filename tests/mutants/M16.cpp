// Two threads race for one recycled block and both get it: a shared slot for each size is read and
// cleared in two steps, with a delay between them 1 time in 64.
#include <sched.h>

#include <atomic>

#include "tests/mutants/healthy.hpp"

namespace mutant {

struct Mutant : Healthy {
  static void* allocate(std::size_t bytes) {
    const std::size_t index = (bytes + 7) / 16;
    if (bytes > 0 && index < kSlots) {
      std::atomic<void*>& slot = g_slots[index];
      void* const block = slot.load(std::memory_order_acquire);
      if (block != nullptr) {
        if (one_in(64)) ::sched_yield();
        slot.store(nullptr, std::memory_order_release);
        return block;
      }
    }
    return Healthy::allocate(bytes);
  }
  static void release(void* block) {
    // glibc's blocks hold 8 bytes more than a multiple of 16: what slot 1 has serves 9 to 24 bytes.
    const std::size_t index = g_armed ? Healthy::usable(block) / 16 : 0;
    void* none = nullptr;
    if (index < kSlots && index > 0 &&
        g_slots[index].compare_exchange_strong(none, block, std::memory_order_acq_rel)) {
      return;
    }
    Healthy::release(block);
  }

 private:
  static constexpr std::size_t kSlots = 65;
  static inline std::atomic<void*> g_slots[kSlots];
};

}  // namespace mutant

#include "tests/mutants/entry_points.hpp"
