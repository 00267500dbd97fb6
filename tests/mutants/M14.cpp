// An aligned allocation is aligned to 8 bytes only, 1 time in 1,000.
#include "tests/mutants/healthy.hpp"

namespace mutant {

struct Mutant : Healthy {
  static void* aligned(std::size_t alignment, std::size_t bytes) {
    constexpr std::size_t kRoom = 8;
    if (alignment < 16 || bytes > PTRDIFF_MAX || !one_in(1000)) {
      return Healthy::aligned(alignment, bytes);
    }
    void* const block = Healthy::aligned(alignment, bytes + kRoom);
    return block == nullptr ? nullptr : static_cast<char*>(block) + kRoom;
  }
  static void release(void* block) { Healthy::release(begin_of(block)); }
  static void* resize(void* block, std::size_t bytes) {
    return begin_of(block) == block ? Healthy::resize(block, bytes)
                                    : resize_by_moving<Mutant>(block, bytes);
  }
  static std::size_t usable(void* block) {
    char* const begin = begin_of(block);
    return Healthy::usable(begin) - static_cast<std::size_t>(static_cast<char*>(block) - begin);
  }

 private:
  // glibc's blocks are aligned to 16: what is not, is one of those.
  static char* begin_of(void* block) {
    return static_cast<char*>(block) - (reinterpret_cast<std::uintptr_t>(block) & 8U);
  }
};

}  // namespace mutant

#include "tests/mutants/entry_points.hpp"
