// What a block is filled with shows any byte that is not its own, at any size and place.
#include "harness/worker/block_contents.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace stackheap {
namespace {

TEST(BlockContents, AreIntactAtEverySizeAndAlignment) {
  std::vector<unsigned char> memory(400);
  for (std::size_t size = 0; size <= 300; ++size) {
    for (const std::size_t offset : {0U, 1U, 8U, 13U}) {
      contents::fill(memory.data() + offset, size, 17);
      EXPECT_TRUE(contents::intact(memory.data() + offset, size, 17)) << size;
      for (std::size_t i = 0; i < size; ++i) {
        ASSERT_EQ(memory[offset + i], contents::byte_at(17, i)) << size << " " << i;
      }
    }
  }
}

TEST(BlockContents, AnyChangedBitIsSeenAndNothingBeyondTheSizeMatters) {
  for (const std::size_t size : {1U, 7U, 8U, 15U, 64U, 65U, 200U}) {
    std::vector<unsigned char> memory(size + 16, 0xee);
    contents::fill(memory.data(), size, 99);
    for (std::size_t i = 0; i < size; ++i) {
      for (unsigned bit = 0; bit < 8; ++bit) {
        memory[i] ^= static_cast<unsigned char>(1U << bit);
        EXPECT_FALSE(contents::intact(memory.data(), size, 99)) << size << " " << i;
        memory[i] ^= static_cast<unsigned char>(1U << bit);
      }
    }
    EXPECT_EQ(memory[size], 0xee);
    memory[size] = 1;
    EXPECT_TRUE(contents::intact(memory.data(), size, 99));
  }
}

TEST(BlockContents, APrefixOfALargerBlockIsIntact) {
  std::vector<unsigned char> memory(1000);
  contents::fill(memory.data(), memory.size(), 5);
  for (std::size_t bytes = 0; bytes <= memory.size(); ++bytes) {
    EXPECT_TRUE(contents::intact(memory.data(), bytes, 5));
  }
}

TEST(BlockContents, TwoBlocksAgreeInNoWord) {
  std::vector<std::uint64_t> first(4000);
  std::vector<std::uint64_t> second(4000);
  contents::fill(first.data(), first.size() * 8, 1);
  contents::fill(second.data(), second.size() * 8, 2);
  for (std::size_t i = 0; i < first.size(); ++i) EXPECT_NE(first[i], second[i]);
}

TEST(BlockContents, DamageIsDescribedByItsPlaceAndExtent) {
  std::vector<unsigned char> memory(128);
  contents::fill(memory.data(), memory.size(), 3);
  memory[40] ^= 0xffU;
  memory[57] ^= 1U;
  const contents::Damage damage = contents::damage_of(memory.data(), memory.size(), 3);
  EXPECT_EQ(damage.first, 40U);
  EXPECT_EQ(damage.last, 57U);
  EXPECT_EQ(damage.bytes, 2U);
  EXPECT_EQ(damage.found, memory[40]);
  EXPECT_EQ(damage.expected, static_cast<unsigned char>(memory[40] ^ 0xffU));
}

TEST(BlockContents, ZeroesAreToldFromAnythingElse) {
  for (const std::size_t size : {0U, 1U, 7U, 8U, 63U, 64U, 100U}) {
    std::vector<unsigned char> memory(size + 1, 0);
    memory[size] = 1;  // beyond
    EXPECT_TRUE(contents::is_zero(memory.data(), size)) << size;
    for (std::size_t i = 0; i < size; ++i) {
      memory[i] = 0x80;
      EXPECT_FALSE(contents::is_zero(memory.data(), size)) << size << " " << i;
      memory[i] = 0;
    }
  }
}

}  // namespace
}  // namespace stackheap
