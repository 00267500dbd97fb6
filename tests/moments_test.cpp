// Every law that a workload draws from, against its published description: a million draws, their
// mean and their variance within five standard errors of the closed form. (The laws of wrap are
// fixed counts and are compared exactly.)
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>

#include "harness/base/random.hpp"
#include "harness/worker/distributions.hpp"
#include "suites/common/larson.hpp"
#include "suites/common/shared_slots.hpp"
#include "suites/heap/large_law.hpp"
#include "suites/heap/pareto_law.hpp"
#include "suites/heap/text.hpp"
#include "suites/stack/call_sizes.hpp"
#include "suites/threads/linear_sizes.hpp"
#include "suites/threads/task_items.hpp"
#include "suites/threads/wrap_sizes.hpp"

namespace stackheap {
namespace {

constexpr int kDraws = 1'000'000;
constexpr double kErrors = 5;

using Law = std::map<std::uint64_t, double>;  // value -> probability

struct Moments {
  double mean = 0;
  double variance = 0;
  double fourth = 0;  // central
};

Moments moments_of(const Law& law) {
  Moments moments;
  double total = 0;
  for (const auto& [value, share] : law) {
    total += share;
    moments.mean += static_cast<double>(value) * share;
  }
  EXPECT_NEAR(total, 1, 1e-9) << "the test's own law is no law";
  for (const auto& [value, share] : law) {
    const double square = std::pow(static_cast<double>(value) - moments.mean, 2);
    moments.variance += square * share;
    moments.fourth += square * square * share;
  }
  return moments;
}

// `rounding`: how much of mean and variance a table of the law may be off, besides chance.
template <class Draw>
void expect_moments(const Law& law, Draw draw, double rounding = 0) {
  const Moments wanted = moments_of(law);
  Random random(20'260'131);
  double sum = 0;
  double squares = 0;  // around the wanted mean, which is near enough for precision
  for (int i = 0; i < kDraws; ++i) {
    const std::uint64_t value = draw(random);
    ASSERT_GE(value, law.begin()->first);
    ASSERT_LE(value, law.rbegin()->first);
    const double from_mean = static_cast<double>(value) - wanted.mean;
    sum += from_mean;
    squares += from_mean * from_mean;
  }
  const double shift = sum / kDraws;
  EXPECT_NEAR(shift, 0, kErrors * std::sqrt(wanted.variance / kDraws) + rounding * wanted.mean);
  const double spread = std::sqrt((wanted.fourth - wanted.variance * wanted.variance) / kDraws);
  EXPECT_NEAR(squares / kDraws - shift * shift, wanted.variance,
              kErrors * spread + 5 * rounding * wanted.variance);
}

Law uniform(std::uint64_t lowest, std::uint64_t highest, std::uint64_t stride = 1) {
  Law law;
  for (std::uint64_t value = lowest; value <= highest; value += stride) law[value] = 1;
  for (auto& [value, share] : law) share = 1 / static_cast<double>(law.size());
  return law;
}

// P(s) proportional to 1 / (s (s + 1)): the sum from a to b is 1/a - 1/(b + 1).
Law inverse_square(std::uint32_t lowest, std::uint32_t highest) {
  Law law;
  const double all = 1.0 / lowest - 1.0 / (highest + 1.0);
  for (std::uint32_t size = lowest; size <= highest; ++size) {
    law[size] = 1.0 / size / (size + 1.0) / all;
  }
  return law;
}

TEST(Moments, OfTheTestsOwnLawsAreThoseOfTheTextbook) {
  const Moments die = moments_of(uniform(1, 6));
  EXPECT_NEAR(die.mean, 3.5, 1e-12);
  EXPECT_NEAR(die.variance, 35.0 / 12, 1e-12);
  EXPECT_NEAR(die.fourth, 14.7292, 1e-3);
}

TEST(Moments, SlotsAndTheirLatencyDrawTheInverseSquareSizesOfBenchMallocThread) {
  const SizeTable sizes(2.0, 4, 32'768);
  expect_moments(
      inverse_square(4, 32'768), [&](Random& random) { return sizes.draw(random); }, 0.002);
}

TEST(Moments, RuntimeSizesAreInverseSquareUpToTheParameter) {
  for (const std::uint32_t largest : {256U, 1024U, 16'384U, 65'536U}) {
    SCOPED_TRACE(largest);
    const InverseSquareSize sizes(largest);
    expect_moments(
        inverse_square(4, largest), [&](Random& random) { return sizes.next(random); }, 0.002);
  }
}

// Keeps the size that larson's pattern asks for.
struct Recorded {
  static constexpr bool kUsesHeap = false;
  static inline std::size_t bytes = 0;
  static void obtain(Lane&, std::size_t asked) { bytes = asked; }
};

TEST(Moments, LarsonDrawsUniformSizesFrom8To1000) {
  larson::Place place{};
  larson::Slot slot{};
  slot.block = place.bytes;
  Lane lane;
  expect_moments(uniform(8, 1000), [&](Random& random) {
    lane.random = random;
    larson::obtain<Recorded>(slot, lane);
    random = lane.random;
    return Recorded::bytes;
  });
}

// Larson's slots, and everything else that takes one of a few hundred or thousand.
TEST(Moments, AnIndexIsUniform) {
  for (const std::uint32_t count : {3U, 100U, 1000U, 1024U}) {
    SCOPED_TRACE(count);
    expect_moments(uniform(0, count - 1), [&](Random& random) { return random.below(count); });
  }
}

TEST(Moments, ParetoSizesHalveInFrequencyWithEachDoublingUpTo1024) {
  Law law;
  double of_class = 0.5;
  for (std::uint64_t below = 4; below <= 512; below *= 2) {
    // The last class has what is left of all that would follow.
    const double share = below == 512 ? 2 * of_class : of_class;
    for (std::uint64_t size = below + 1; size <= 2 * below; ++size) {
      law[size] = share / static_cast<double>(below);
    }
    of_class /= 2;
  }
  EXPECT_NEAR(moments_of(law).mean, kMeanHalvingSize, 1e-9);
  expect_moments(law, [](Random& random) {
    return halving_size(static_cast<std::uint32_t>(random() >> (64 - kHalvingSizeBits)));
  });
}

TEST(Moments, ParetoPicksAreNested80To20) {
  constexpr std::uint32_t kCount = 1U << 18U;
  const NestedPareto slots(kCount);
  Random random(7);
  // The slots are in the order of their heat, so the hottest 20 % of the hottest 20 % ... come
  // first; at each level 80 % of what is left of the picks fall there.
  const auto hot_share = [](int level) { return std::pow(0.2, level); };
  std::map<int, int> within;
  double sum = 0;
  for (int i = 0; i < kDraws; ++i) {
    const std::uint32_t slot = slots.at(static_cast<std::uint32_t>(random() >> 32U));
    ASSERT_LT(slot, kCount);
    sum += slot;
    // The classes by heat have C(6, k) 0.2^(6-k) 0.8^k of the slots each.
    if (slot < kCount * hot_share(6)) ++within[0];
    if (slot < kCount * (hot_share(6) + 6 * 0.8 * hot_share(5))) ++within[1];
    if (slot < kCount * (hot_share(6) + 6 * 0.8 * hot_share(5) + 15 * 0.64 * hot_share(4))) {
      ++within[2];
    }
  }
  const auto expect_share = [&](int picks, double share) {
    const double error = std::sqrt(share * (1 - share) / kDraws);
    EXPECT_NEAR(static_cast<double>(picks) / kDraws, share, kErrors * error + 1e-4);
  };
  const double hottest = std::pow(0.8, 6);
  expect_share(within[0], hottest);
  expect_share(within[1], hottest + 6 * 0.2 * std::pow(0.8, 5));
  expect_share(within[2],
               hottest + 6 * 0.2 * std::pow(0.8, 5) + 15 * std::pow(0.2, 2) * std::pow(0.8, 4));
  // Of the mean: the middle of each class, weighted by its picks.
  double mean = 0;
  double second = 0;
  double first_slot = 0;
  const double binomials[] = {1, 6, 15, 20, 15, 6, 1};
  for (int k = 0; k <= 6; ++k) {
    const double picks = binomials[k] * std::pow(0.8, 6 - k) * std::pow(0.2, k);
    const double wide = kCount * binomials[k] * std::pow(0.2, 6 - k) * std::pow(0.8, k);
    mean += picks * (first_slot + wide / 2);
    second += picks * (std::pow(first_slot + wide / 2, 2) + wide * wide / 12);
    first_slot += wide;
  }
  EXPECT_NEAR(first_slot, kCount, 1e-6);
  const double deviation = std::sqrt(second - mean * mean);
  EXPECT_NEAR(sum / kDraws, mean, kErrors * deviation / std::sqrt(kDraws) + 1);
}

TEST(Moments, LargeBlocksAreUniformFrom5To25MiB) {
  EXPECT_NEAR(kMeanLargeSize, moments_of(uniform(kSmallestLarge, kLargestLarge, 16)).mean, 0.01);
  expect_moments(uniform(kSmallestLarge, kLargestLarge, 16), [](Random& random) {
    return large_size(static_cast<std::uint32_t>(random() >> 32U));
  });
}

TEST(Moments, StringLengthsAreUniformAroundTheirMean) {
  for (const std::uint32_t mean : {8U, 16U, 64U}) {
    SCOPED_TRACE(mean);
    EXPECT_NEAR(moments_of(uniform(1, 2 * mean - 1)).mean, mean, 1e-9);
    expect_moments(uniform(1, 2 * mean - 1), [&](Random& random) {
      return string_length(static_cast<std::uint32_t>(random() >> 32U), mean);
    });
  }
}

TEST(Moments, RandomBatchesDrawSizesThatFallOffLinearly) {
  constexpr std::uint32_t kSmallest = 8;
  constexpr std::uint32_t kLargest = 16'000;
  constexpr LinearFallOff kSizes(kSmallest, kLargest);
  const double n = kLargest - kSmallest + 1;
  Law law;
  // The lesser of two uniform draws: P(k) = ((n - k)^2 - (n - k - 1)^2) / n^2.
  for (std::uint32_t size = kSmallest; size <= kLargest; ++size) {
    law[size] = (2 * (n - (size - kSmallest)) - 1) / (n * n);
  }
  EXPECT_NEAR(moments_of(law).mean, kSizes.mean(), 1e-6);
  expect_moments(law, [&](Random& random) { return kSizes.draw(random); });
}

TEST(Moments, SharedSlotsDrawPowersOfTwoWithRareHugeBlocks) {
  for (const unsigned powers : {shared_slots::kPlayedPowers, shared_slots::kKeptPowers}) {
    SCOPED_TRACE(powers);
    Law law;
    for (unsigned power = 0; power < powers; ++power) {
      const std::uint64_t words = std::uint64_t{1} << power;
      law[words] += 0.99 / powers;
      law[words * 10'000] += 0.01 * 0.01 / powers;
      law[words * 1000] += 0.01 * 0.99 * 0.1 / powers;
      law[words * 100] += 0.01 * 0.99 * 0.9 / powers;
    }
    EXPECT_NEAR(moments_of(law).mean, shared_slots::mean_words(powers), 1e-9);
    expect_moments(law, [&](Random& random) { return shared_slots::draw_words(random, powers); });
  }
}

TEST(Moments, TasksDrawUniformSizesOfItems) {
  expect_moments(uniform(tasks::kSmallest, tasks::kLargest),
                 [](Random& random) { return tasks::size_of(random()); });
}

TEST(Moments, ACycleOfWrapHasEachSizeAsOftenAsItsTableSays) {
  std::map<std::uint32_t, std::uint32_t> counts;
  for (const std::uint32_t bytes : wrap::cycle_of_sizes()) ++counts[bytes];
  std::uint32_t all = 0;
  double sum = 0;
  for (const wrap::SizeCount& row : wrap::kSizeCounts) {
    EXPECT_EQ(counts[row.bytes], row.count) << row.bytes;
    all += row.count;
    sum += static_cast<double>(row.bytes) * row.count;
  }
  EXPECT_EQ(counts.size(), wrap::kSizeCounts.size());
  EXPECT_EQ(all, wrap::kCycle);
  EXPECT_EQ(counts.begin()->first, 8U);
  EXPECT_EQ(counts.rbegin()->first, 168'524U);
  EXPECT_NEAR(wrap::mean_bytes(), sum / all, 1e-9);
}

}  // namespace
}  // namespace stackheap
