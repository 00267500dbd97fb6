// The laws that heap/pareto and heap/large draw from, against their descriptions.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <map>
#include <vector>

#include "harness/base/random.hpp"
#include "suites/heap/large_law.hpp"
#include "suites/heap/pareto_law.hpp"

namespace stackheap {
namespace {

constexpr int kDraws = 1'000'000;

// Six standard errors: one false alarm in 10^8 seeds, and the seed is fixed.
double tolerance(double p) {
  return 6 * std::sqrt(std::max(0.0, p * (1 - p)) / kDraws) + 1e-9;
}

// Picks and slots of each class by the rule itself: six levels, each hot (80 % of the picks, 20 %
// of the slots) or cold, counted over all 64 ways through them.
struct Shares {
  std::array<double, 7> picks{};
  std::array<double, 7> slots{};
};
Shares nested_shares() {
  Shares shares;
  for (unsigned way = 0; way < 64; ++way) {
    double picks = 1;
    double slots = 1;
    unsigned cold = 0;
    for (unsigned level = 0; level < 6; ++level) {
      const bool is_cold = (way >> level & 1U) != 0;
      cold += is_cold ? 1U : 0U;
      picks *= is_cold ? 0.2 : 0.8;
      slots *= is_cold ? 0.8 : 0.2;
    }
    shares.picks[cold] += picks;
    shares.slots[cold] += slots;
  }
  return shares;
}

// The share of the picks that falls into the hottest `slots` of `count` slots: within a class all
// slots are alike.
double expected_share(std::uint32_t slots, std::uint32_t count) {
  const Shares shares = nested_shares();
  double left = static_cast<double>(slots) / count;
  double share = 0;
  for (unsigned k = 0; k < 7; ++k) {
    const double part = std::min(1.0, left / shares.slots[k]);
    share += part * shares.picks[k];
    left -= part * shares.slots[k];
  }
  return share;
}

TEST(NestedParetoTest, MillionPicksFallIntoTheSlotsAsTheNestedRuleSays) {
  for (const std::uint32_t count : {1U << 18U, 1000U, 3U}) {
    const NestedPareto law(count);
    Random random(5);
    std::vector<std::uint32_t> picks(count, 0);
    for (int i = 0; i < kDraws; ++i) {
      const std::uint32_t slot = law.at(static_cast<std::uint32_t>(random() >> 32U));
      ASSERT_LT(slot, count);
      ++picks[slot];
    }
    double seen = 0;
    std::uint32_t looks = 0;
    for (std::uint32_t slot = 0; slot < count; ++slot) {
      seen += picks[slot];
      // The first sixteen slots, and ever fewer of the later ones.
      if (slot >= 16 && (slot & (std::bit_floor(slot) / 16 - 1)) != 0) continue;
      ++looks;
      const double expected = expected_share(slot + 1, count);
      ASSERT_NEAR(seen / kDraws, expected, tolerance(expected)) << "up to " << slot;
    }
    EXPECT_GE(looks, count < 16 ? count : 100U);
  }
}

TEST(NestedParetoTest, HottestFifthOfTheSlotsGetsAtLeastEightyPercentOfThePicks) {
  constexpr std::uint32_t kSlots = 10'000;
  const NestedPareto law(kSlots);
  Random random(6);
  int hot = 0;
  for (int i = 0; i < kDraws; ++i) {
    hot += law.at(static_cast<std::uint32_t>(random() >> 32U)) < kSlots / 5 ? 1 : 0;
  }
  EXPECT_GE(hot, kDraws * 8 / 10);
}

TEST(NestedParetoTest, PicksRunFromTheHottestSlotToTheColdestWithoutAGap) {
  for (const std::uint32_t count : {1U, 2U, 7U, 64U}) {
    const NestedPareto law(count);
    EXPECT_EQ(law.at(0), 0U);
    EXPECT_EQ(law.at(~0U), count - 1);
    std::uint32_t last = 0;
    for (std::uint64_t bits = 0; bits <= ~0U; bits += 4099) {
      const std::uint32_t slot = law.at(static_cast<std::uint32_t>(bits));
      ASSERT_GE(slot, last) << "of " << count << " at " << bits;
      ASSERT_LE(slot, last + 1) << "of " << count << " at " << bits;
      last = slot;
    }
  }
}

TEST(HalvingSizeTest, MillionSizesHalveInFrequencyPerDoubling) {
  Random random(7);
  std::map<unsigned, int> classes;  // power of two not below the size
  double sum = 0;
  for (int i = 0; i < kDraws; ++i) {
    const std::uint32_t size = halving_size(static_cast<std::uint32_t>(random() >> 32U));
    ASSERT_GE(size, 5U);
    ASSERT_LE(size, kLargestHalvingSize);
    ++classes[std::bit_ceil(size)];
    sum += size;
  }
  ASSERT_EQ(classes.size(), 8U);
  double p = 0.5;
  for (unsigned top = 8; top <= 1024; top *= 2) {
    const double share = static_cast<double>(classes[top]) / kDraws;
    EXPECT_NEAR(share, p, tolerance(p)) << "sizes up to " << top;
    if (top < 512) p /= 2;  // the last two classes share what is left
    if (top == 256) p = 1.0 / 128;
  }
  // The deviation is some 73 B.
  EXPECT_NEAR(sum / kDraws, kMeanHalvingSize, 6 * 73 / std::sqrt(kDraws));
}

TEST(HalvingSizeTest, AllBitPatternsTogetherHaveTheDeclaredMeanAndReachBothEnds) {
  double sum = 0;
  std::uint32_t smallest = ~0U;
  std::uint32_t largest = 0;
  for (std::uint32_t bits = 0; bits < (1U << kHalvingSizeBits); ++bits) {
    const std::uint32_t size = halving_size(bits);
    sum += size;
    smallest = std::min(smallest, size);
    largest = std::max(largest, size);
  }
  EXPECT_DOUBLE_EQ(sum / (1U << kHalvingSizeBits), kMeanHalvingSize);
  EXPECT_EQ(smallest, 5U);
  EXPECT_EQ(largest, 1024U);
}

TEST(LargeSizeTest, MillionSizesAreUniformFromFiveToTwentyFiveMebibytes) {
  constexpr double kMiB = 1 << 20;
  Random random(8);
  std::array<int, 20> counts{};
  double sum = 0;
  for (int i = 0; i < kDraws; ++i) {
    const std::size_t size = large_size(static_cast<std::uint32_t>(random() >> 32U));
    ASSERT_GE(size, 5U << 20U);
    ASSERT_LE(size, 25U << 20U);
    ASSERT_EQ(size % 16, 0U);
    sum += static_cast<double>(size);
    ++counts[std::min<std::size_t>(19, (size >> 20U) - 5)];
  }
  const double deviation = 20 * kMiB / std::sqrt(12.0);
  EXPECT_NEAR(sum / kDraws, kMeanLargeSize, 6 * deviation / std::sqrt(kDraws));
  for (const int count : counts) {
    EXPECT_NEAR(static_cast<double>(count) / kDraws, 0.05, tolerance(0.05));
  }
  EXPECT_EQ(large_size(0), 5U << 20U);
  EXPECT_EQ(large_size(~0U), 25U << 20U);
}

}  // namespace
}  // namespace stackheap
