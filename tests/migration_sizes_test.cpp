// The size distributions of threads/random-batches, threads/wrap and threads/shared-slots against
// their descriptions, and the latter's verification of every word.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <vector>

#include "harness/base/mapped.hpp"
#include "harness/base/random.hpp"
#include "suites/common/shared_slots.hpp"
#include "suites/threads/linear_sizes.hpp"
#include "suites/threads/wrap_sizes.hpp"

namespace stackheap {
namespace {

constexpr int kDraws = 1'000'000;

TEST(LinearFallOff, MomentsAndQuartersAreThoseOfAStraightFall) {
  const LinearFallOff sizes(8, 16'000);
  Random random(11);
  double sum = 0;
  double squares = 0;
  std::vector<int> quarters(4);
  for (int i = 0; i < kDraws; ++i) {
    const std::uint32_t size = sizes.draw(random);
    ASSERT_GE(size, 8U);
    ASSERT_LE(size, 16'000U);
    sum += size;
    squares += static_cast<double>(size) * size;
    ++quarters[(size - 8) * 4 / 15'993];
  }
  const double mean = sum / kDraws;
  EXPECT_NEAR(sizes.mean(), 8 + 15'993 / 3.0, 1);
  EXPECT_NEAR(mean, sizes.mean(), 15);  // four standard errors of the mean
  // The standard deviation of a triangle is its width over the root of 18.
  EXPECT_NEAR(std::sqrt(squares / kDraws - mean * mean), 15'993 / std::sqrt(18.0), 15);
  // The parts of a triangle's area: 7, 5, 3 and 1 of 16.
  for (int quarter = 0; quarter < 4; ++quarter) {
    EXPECT_NEAR(quarters[static_cast<std::size_t>(quarter)] / static_cast<double>(kDraws),
                (7 - 2 * quarter) / 16.0, 0.002);
  }
}

TEST(LinearFallOff, SmallRangeReachesBothEndsWithTheExactShares) {
  const LinearFallOff sizes(5, 7);
  EXPECT_DOUBLE_EQ(sizes.mean(), (5 * 5 + 6 * 3 + 7 * 1) / 9.0);
  Random random(3);
  std::map<std::uint32_t, int> counts;
  for (int i = 0; i < kDraws; ++i) ++counts[sizes.draw(random)];
  ASSERT_EQ(counts.size(), 3U);
  EXPECT_NEAR(counts[5] / static_cast<double>(kDraws), 5 / 9.0, 0.002);
  EXPECT_NEAR(counts[6] / static_cast<double>(kDraws), 3 / 9.0, 0.002);
  EXPECT_NEAR(counts[7] / static_cast<double>(kDraws), 1 / 9.0, 0.002);
}

TEST(WrapSizes, CycleHoldsEverySizeAsOftenAsTheTableSays) {
  std::map<std::uint32_t, std::uint32_t> counts;
  double bytes = 0;
  for (const std::uint32_t size : wrap::cycle_of_sizes()) {
    ++counts[size];
    bytes += size;
  }
  ASSERT_EQ(counts.size(), wrap::kSizeCounts.size());
  for (const wrap::SizeCount& row : wrap::kSizeCounts) {
    EXPECT_EQ(counts[row.bytes], row.count) << row.bytes;
  }
  EXPECT_EQ(counts.begin()->first, 8U);
  EXPECT_EQ(counts.rbegin()->first, 168'524U);
  EXPECT_DOUBLE_EQ(wrap::mean_bytes(), bytes / 1000);
}

TEST(WrapSizes, NoSizeComesTwiceInARow) {
  const auto cycle = wrap::cycle_of_sizes();
  for (std::size_t i = 0; i < cycle.size(); ++i) {
    EXPECT_NE(cycle[i], cycle[(i + 1) % cycle.size()]) << "at " << i;
  }
}

TEST(SharedSlotsSizes, PowersOfTwoWithRareHugeOnesAndTheStatedMean) {
  for (const unsigned powers : {shared_slots::kPlayedPowers, shared_slots::kKeptPowers}) {
    Random random(17);
    std::vector<int> small(powers);
    std::map<std::uint32_t, int> rare;  // by factor
    double sum = 0;
    for (int i = 0; i < kDraws; ++i) {
      const std::uint32_t words = shared_slots::draw_words(random, powers);
      ASSERT_LE(words, 10'000U << (powers - 1));
      sum += words;
      std::uint32_t factor = 1;
      for (const std::uint32_t of : {100U, 1000U, 10'000U}) {
        if (words % of == 0 && std::has_single_bit(words / of)) factor = of;
      }
      if (factor == 1) {
        ASSERT_TRUE(std::has_single_bit(words)) << words;
        ++small[static_cast<std::size_t>(std::countr_zero(words))];
      } else {
        ++rare[factor];
      }
    }
    for (const int count : small) {
      EXPECT_NEAR(count / static_cast<double>(kDraws), 0.99 / powers, 0.002);
    }
    EXPECT_NEAR(rare[100] / static_cast<double>(kDraws), 0.01 * 0.99 * 0.9, 0.0005);
    EXPECT_NEAR(rare[1000] / static_cast<double>(kDraws), 0.01 * 0.99 * 0.1, 0.0002);
    EXPECT_NEAR(rare[10'000] / static_cast<double>(kDraws), 0.0001, 0.00005);
    // The giants make most of the variance: 100 of them are expected.
    EXPECT_NEAR(sum / kDraws / shared_slots::mean_words(powers), 1, 0.2);
  }
}

TEST(SharedSlotsPlain, ReturnsTheWordsOfAnObjectAndFindsEveryDamagedWord) {
  Lane lane;
  for (const std::uint32_t words : {1U, 2U, 64U, 1600U}) {
    EXPECT_EQ(shared_slots::Plain::give_back(lane, shared_slots::Plain::obtain(lane, words)),
              words);
    for (std::uint32_t word = 0; word < words; word += std::max(1U, words / 7)) {
      for (const unsigned bit : {0U, 31U, 63U}) {
        std::uint64_t* object = shared_slots::Plain::obtain(lane, words);
        object[word] ^= std::uint64_t{1} << bit;
        EXPECT_EQ(shared_slots::Plain::give_back(lane, object), 0U) << words << " " << word;
      }
    }
  }
}

// What a stress check brings: it sees every object and remembers its size elsewhere.
struct CountingPolicy {
  static constexpr std::uint32_t kMost = 200'000;
  MappedArray<std::uint32_t> words = MappedArray<std::uint32_t>(kMost);
  std::uint32_t made = 0;
  std::uint32_t live = 0;

  std::uint64_t* obtain(Lane&, std::uint32_t of) {
    auto* object = static_cast<std::uint64_t*>(std::calloc(of, sizeof(std::uint64_t)));
    object[0] = made;
    words[made++] = of;
    ++live;
    return object;
  }
  std::uint32_t give_back(Lane&, std::uint64_t* object) {
    const std::uint32_t of = words[object[0]];
    --live;
    std::free(object);
    return of;
  }
};

TEST(SharedSlotsPattern, RunsOverAPolicyOfItsOwnAndGivesEverythingBack) {
  CountingPolicy policy;
  shared_slots::SharedSlots<CountingPolicy> objects(policy, 2);
  MappedArray<Lane> lanes(2);
  for (unsigned i = 0; i < 2; ++i) {
    lanes[i].index = i;
    lanes[i].count = 2;
    lanes[i].random = Random(derive_seed(5, i));
  }
  shared_slots::Holdings holdings[2] = {{1000, 500}, {2000, 1000}};
  holdings[0].begin(1000, 500);
  holdings[1].begin(2000, 1000);
  // Turn by turn, so that the two meet in the slots.
  std::uint64_t operations[2] = {0, 0};
  while (!holdings[0].is_complete() || !holdings[1].is_complete()) {
    for (unsigned i = 0; i < 2; ++i) operations[i] += objects.run(lanes[i], holdings[i], 10);
  }
  EXPECT_EQ(operations[0], 1500U);
  EXPECT_EQ(operations[1], 3000U);
  EXPECT_EQ(policy.made, 4500U);
  for (unsigned i = 0; i < 2; ++i) objects.release(lanes[i], holdings[i]);
  const std::uint32_t in_slots = policy.live;
  EXPECT_GT(in_slots, 100U);
  objects.thin_out(lanes[0]);
  objects.thin_out(lanes[1]);
  EXPECT_LT(policy.live, in_slots * 2 / 3);
  EXPECT_GT(policy.live, in_slots / 3);
  objects.finish("test/shared-slots", lanes[0]);
  EXPECT_EQ(policy.live, 0U);
  EXPECT_EQ(lanes[0].live_bytes + lanes[1].live_bytes, 0);
}

}  // namespace
}  // namespace stackheap
