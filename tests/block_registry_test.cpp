// The registry of live blocks: overlap is found by ranges, wherever blocks lie and whoever adds
// them.
#include "harness/worker/block_registry.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <thread>
#include <vector>

#include "harness/base/random.hpp"

namespace stackheap {
namespace {

// Addresses need not be mapped: the registry never looks at what is there.
const void* at(std::uintptr_t address) {
  return reinterpret_cast<const void*>(address);  // NOLINT(performance-no-int-to-ptr)
}
constexpr std::uintptr_t kBase = 0x7f00'0000'0000;

TEST(BlockRegistry, BlocksBesideEachOtherDoNotOverlap) {
  BlockRegistry registry;
  EXPECT_FALSE(registry.insert(at(kBase), 16));
  EXPECT_FALSE(registry.insert(at(kBase + 16), 8));
  EXPECT_FALSE(registry.insert(at(kBase + 24), 1));
  EXPECT_FALSE(registry.insert(at(kBase + 32), 100'000));
  EXPECT_FALSE(registry.insert(at(kBase - 8), 5));
  EXPECT_EQ(registry.live_bytes(), 16U + 8 + 8 + 100'000 + 8);
}

TEST(BlockRegistry, TheSameBlockTwiceIsAnOverlapWithItself) {
  BlockRegistry registry;
  EXPECT_FALSE(registry.insert(at(kBase + 64), 48));
  const auto other = registry.insert(at(kBase + 64), 48);
  ASSERT_TRUE(other);
  EXPECT_EQ(other->begin, kBase + 64);
  EXPECT_EQ(other->end, kBase + 112);
}

TEST(BlockRegistry, AnOverlapOfOneGranuleIsFoundAtEitherEndAndTellsTheOtherBlock) {
  for (const std::uintptr_t base : {kBase + 0, kBase + 248, kBase + 65'536 - 64}) {
    BlockRegistry registry;
    EXPECT_FALSE(registry.insert(at(base), 512));
    auto other = registry.insert(at(base + 504), 64);
    ASSERT_TRUE(other);
    EXPECT_EQ(other->begin, base);
    EXPECT_EQ(other->end, base + 512);
    other = registry.insert(at(base - 56), 64);
    ASSERT_TRUE(other);
    EXPECT_EQ(other->begin, base);
    EXPECT_EQ(other->end, base + 512);
  }
}

TEST(BlockRegistry, ABlockWithinAndOneAroundAnotherAreFound) {
  BlockRegistry registry;
  EXPECT_FALSE(registry.insert(at(kBase + 4096), std::size_t{1} << 20U));
  EXPECT_TRUE(registry.insert(at(kBase + 500'000), 16));
  BlockRegistry around;
  EXPECT_FALSE(around.insert(at(kBase + 500'000), 16));
  const auto other = around.insert(at(kBase + 4096), std::size_t{1} << 20U);
  ASSERT_TRUE(other);
  EXPECT_EQ(other->begin, kBase + 500'000);
  EXPECT_EQ(other->end, kBase + 500'016);
}

TEST(BlockRegistry, WhatWasRemovedMayBeAddedAgain) {
  BlockRegistry registry;
  for (int round = 0; round < 3; ++round) {
    EXPECT_FALSE(registry.insert(at(kBase + 8), 5000));
    EXPECT_TRUE(registry.remove(at(kBase + 8), 5000));
    EXPECT_EQ(registry.live_bytes(), 0U);
  }
}

TEST(BlockRegistry, ABlockOfSizeZeroIsLikeNoOther) {
  BlockRegistry registry;
  EXPECT_FALSE(registry.insert(at(kBase), 0));
  EXPECT_TRUE(registry.insert(at(kBase), 0));
  BlockRegistry other;
  EXPECT_FALSE(other.insert(at(kBase), 0));
  EXPECT_TRUE(other.remove(at(kBase), 0));
}

TEST(BlockRegistry, RemovingWhatIsNotThereAsItIsIsTold) {
  BlockRegistry registry;
  EXPECT_FALSE(registry.remove(at(kBase), 16));
  EXPECT_FALSE(registry.insert(at(kBase), 64));
  EXPECT_FALSE(registry.remove(at(kBase + 16), 16));  // not where it begins
  BlockRegistry two;
  EXPECT_FALSE(two.insert(at(kBase), 32));
  EXPECT_FALSE(two.insert(at(kBase + 32), 32));
  EXPECT_FALSE(two.remove(at(kBase), 64));  // two blocks, not one
}

TEST(BlockRegistry, FindTellsTheBlockThatAByteIsIn) {
  BlockRegistry registry;
  registry.insert(at(kBase), 300);
  registry.insert(at(kBase + 304), 16);
  const auto found = registry.find(at(kBase + 299));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->begin, kBase);
  EXPECT_EQ(found->end, kBase + 304);
  EXPECT_FALSE(registry.find(at(kBase + 320)));
}

TEST(BlockRegistry, ItsOwnMemoryIsBoundedByWhatItCovers) {
  BlockRegistry registry;
  for (std::uintptr_t i = 0; i < 1024; ++i) registry.insert(at(kBase + (i << 16U)), 64);
  // 64 MiB of heap: 2 MiB of bits, and one or two pages of the table.
  EXPECT_GE(registry.own_bytes(), std::size_t{2} << 20U);
  EXPECT_LE(registry.own_bytes(), (std::size_t{2} << 20U) + 8192);
}

TEST(BlockRegistry, WhereItIsFullItSaysWhatItDidNotSee) {
  BlockRegistry registry(std::size_t{4} << 16U);
  for (std::uintptr_t i = 0; i < 4; ++i) registry.insert(at(kBase + (i << 16U)), 64);
  EXPECT_EQ(registry.untracked(), 0U);
  EXPECT_FALSE(registry.insert(at(kBase + (9U << 16U)), 64));
  EXPECT_TRUE(registry.remove(at(kBase + (9U << 16U)), 64));
  EXPECT_EQ(registry.untracked(), 2U);
  EXPECT_TRUE(registry.insert(at(kBase), 64));
}

// Against a model that is ordered by address: random blocks, of which some overlap.
TEST(BlockRegistry, AgreesWithAnOrderedMapOnRandomBlocks) {
  Random random(7);
  BlockRegistry registry;
  std::map<std::uintptr_t, std::size_t> live;  // begin, bytes in whole granules
  std::size_t overlaps = 0;
  for (int i = 0; i < 200'000; ++i) {
    if (!live.empty() && random.below(3) == 0) {
      auto victim = live.lower_bound(kBase + 8 * random.below(1 << 16U));
      if (victim == live.end()) victim = live.begin();
      EXPECT_TRUE(registry.remove(at(victim->first), victim->second));
      live.erase(victim);
      continue;
    }
    const std::uintptr_t begin = kBase + 8 * random.below(1 << 16U);
    const std::size_t bytes = 8 * (1 + random.below(random.below(10) == 0 ? 500 : 20));
    const auto next = live.lower_bound(begin);
    const bool overlaps_next = next != live.end() && next->first < begin + bytes;
    const bool overlaps_previous =
        next != live.begin() && std::prev(next)->first + std::prev(next)->second > begin;
    if (overlaps_next || overlaps_previous) {
      // After an overlap a registry means nothing, so it is asked by find() whether there is one.
      bool found = false;
      for (std::size_t byte = 0; byte < bytes; byte += 8)
        found |= !!registry.find(at(begin + byte));
      EXPECT_TRUE(found);
      ++overlaps;
      continue;
    }
    EXPECT_FALSE(registry.insert(at(begin), bytes));
    live[begin] = bytes;
  }
  EXPECT_GT(overlaps, 1000U);
}

TEST(BlockRegistry, ManyThreadsOnNeighbouringBlocksNeverSeeAnOverlap) {
  constexpr unsigned kThreads = 8;
  BlockRegistry registry;
  std::atomic<unsigned> overlaps{0};
  std::atomic<unsigned> unknown{0};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      // Blocks of 24 bytes, dealt to the threads in turn, so that each word is shared by several.
      for (int round = 0; round < 20; ++round) {
        for (std::uintptr_t i = t; i < 4000; i += kThreads) {
          overlaps += registry.insert(at(kBase + 24 * i), 24) ? 1U : 0U;
        }
        for (std::uintptr_t i = t; i < 4000; i += kThreads) {
          unknown += registry.remove(at(kBase + 24 * i), 24) ? 0U : 1U;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(overlaps.load(), 0U);
  EXPECT_EQ(unknown.load(), 0U);
  EXPECT_EQ(registry.live_bytes(), 0U);
}

TEST(BlockRegistry, OfManyThreadsThatAddOneBlockAllButOneAreTold) {
  constexpr unsigned kThreads = 8;
  for (int round = 0; round < 50; ++round) {
    BlockRegistry registry(std::size_t{1} << 20U);
    std::atomic<unsigned> told{0};
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < kThreads; ++t) {
      threads.emplace_back([&] { told += registry.insert(at(kBase + 64), 16) ? 1U : 0U; });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(told.load(), kThreads - 1);
  }
}

}  // namespace
}  // namespace stackheap
