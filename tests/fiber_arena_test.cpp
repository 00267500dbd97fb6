#include "suites/fibers/fiber_arena.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <set>
#include <vector>

#include "harness/base/random.hpp"

namespace stackheap {
namespace {

struct Held {
  unsigned char* memory = nullptr;
  std::size_t bytes = 0;
  unsigned char mark = 0;
};

TEST(FiberArena, BlocksAreAlignedAndNeverOverlap) {
  FiberArena arena;
  Random random(3);
  std::vector<Held> slots(200);
  for (int i = 0; i < 20'000; ++i) {
    Held& slot = slots[random.below(200)];
    if (slot.memory != nullptr) {
      for (std::size_t at = 0; at < slot.bytes; ++at) ASSERT_EQ(slot.memory[at], slot.mark);
      arena.give_back(slot.memory, slot.bytes);
    }
    slot.bytes = 1 + random.below(i % 50 == 0 ? FiberArena::kLargest : 300);
    slot.mark = static_cast<unsigned char>(i);
    slot.memory = static_cast<unsigned char*>(arena.obtain(slot.bytes));
    ASSERT_EQ(reinterpret_cast<std::uintptr_t>(slot.memory) % 16, 0U);
    std::memset(slot.memory, slot.mark, slot.bytes);
  }
}

TEST(FiberArena, ABlockGivenBackIsTheNextOfItsSize) {
  FiberArena arena;
  void* const small = arena.obtain(24);
  void* const large = arena.obtain(FiberArena::kLargest);
  arena.give_back(small, 24);
  arena.give_back(large, FiberArena::kLargest);
  EXPECT_EQ(arena.obtain(FiberArena::kLargest), large);
  EXPECT_EQ(arena.obtain(32), small);  // 17 to 32 B have one list
  EXPECT_NE(arena.obtain(32), small);
}

TEST(FiberArena, AfterReleaseItStartsAnew) {
  FiberArena arena;
  for (int i = 0; i < 10; ++i) arena.obtain(FiberArena::kLargest);
  arena.release();
  std::set<void*> blocks;
  for (int i = 0; i < 10; ++i) {
    void* const block = arena.obtain(1'000);
    std::memset(block, 1, 1'000);
    EXPECT_TRUE(blocks.insert(block).second);
  }
}

}  // namespace
}  // namespace stackheap
