#include "harness/measure/latency_histogram.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <numbers>
#include <ostream>
#include <string>
#include <vector>

#include "harness/base/mapped.hpp"
#include "harness/base/random.hpp"

namespace stackheap {
namespace {

constexpr double kWidth = 0.008;
constexpr double kQuantiles[] = {0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999};

// The smallest value that at least the share q of them does not exceed, from the sorted values.
std::uint64_t exact_quantile(const std::vector<std::uint64_t>& sorted, double q) {
  std::size_t rank = 0;
  while (static_cast<double>(rank) < q * static_cast<double>(sorted.size()) - 1e-6) ++rank;
  return sorted[rank == 0 ? 0 : rank - 1];
}

double normal(Random& random) {
  const double radius = std::sqrt(-2 * std::log(1 - random.unit()));
  return radius * std::cos(2 * std::numbers::pi * random.unit());
}

std::uint64_t whole(double value) {
  return value < 0 ? 0 : static_cast<std::uint64_t>(std::llround(value));
}

struct Distribution {
  std::string name;
  std::size_t values;
  std::function<std::uint64_t(Random&)> draw;
};

void PrintTo(const Distribution& one, std::ostream* out) {
  *out << one.name;
}

std::vector<Distribution> distributions() {
  constexpr std::size_t kMany = 1'200'000;  // 120 beyond the 99.99th percentile
  return {
      {"Uniform", kMany, [](Random& r) { return 1 + r() % 1'000'000; }},
      {"Normal", kMany, [](Random& r) { return whole(5'000 + 700 * normal(r)); }},
      {"Exponential", kMany, [](Random& r) { return whole(-2'000 * std::log(1 - r.unit())); }},
      {"Lognormal", kMany, [](Random& r) { return whole(std::exp(5 + 1.5 * normal(r))); }},
      {"Pareto", kMany, [](Random& r) { return whole(40 * std::pow(1 - r.unit(), -1 / 1.1)); }},
      {"Bimodal", kMany,
       [](Random& r) {
         return r.below(100) == 0 ? 3'000'000 + r() % 1'000 : std::uint64_t{60} + r.below(10);
       }},
      {"Constant", kMany, [](Random&) { return std::uint64_t{123'456'789}; }},
      {"Geometric", kMany,
       [](Random& r) { return whole(std::floor(std::log(1 - r.unit()) / std::log(0.93))); }},
      {"Tiny", 250, [](Random& r) { return std::uint64_t{1'000} + r.below(90'000); }},
      {"HugeRange", kMany, [](Random& r) { return r() >> r.below(64); }},
  };
}

class LatencyQuantiles : public testing::TestWithParam<Distribution> {};

TEST_P(LatencyQuantiles, LieWithinABucketOfTheExactOnesWhereEnoughValuesLieBeyond) {
  const Distribution& distribution = GetParam();
  MappedArray<LatencyHistogram> histogram(1);
  std::vector<std::uint64_t> values;
  Random random(7);
  for (std::size_t i = 0; i < distribution.values; ++i) {
    values.push_back(distribution.draw(random));
    histogram[0].record(values.back());
  }
  std::sort(values.begin(), values.end());
  EXPECT_EQ(histogram[0].count(), values.size());
  EXPECT_EQ(histogram[0].max(), values.back());
  int given = 0;
  for (const double q : kQuantiles) {
    SCOPED_TRACE(q);
    const auto estimate = histogram[0].quantile(q);
    const double beyond = (1 - q) * static_cast<double>(values.size());
    ASSERT_EQ(estimate.has_value(), beyond > 99.99);
    if (!estimate) continue;
    ++given;
    const auto exact = static_cast<double>(exact_quantile(values, q));
    EXPECT_NEAR(*estimate, exact, kWidth * exact);
  }
  EXPECT_GE(given, 4);
}

INSTANTIATE_TEST_SUITE_P(All, LatencyQuantiles, testing::ValuesIn(distributions()),
                         [](const auto& test) { return test.param.name; });

TEST(LatencyHistogramTest, BucketsFollowEachOtherWithoutGapAndAreNarrow) {
  ASSERT_EQ(LatencyHistogram::least_of(0), 0U);
  for (std::size_t bucket = 0; bucket + 1 < LatencyHistogram::kBuckets; ++bucket) {
    const std::uint64_t least = LatencyHistogram::least_of(bucket);
    const std::uint64_t greatest = LatencyHistogram::greatest_of(bucket);
    ASSERT_EQ(LatencyHistogram::least_of(bucket + 1), greatest + 1);
    ASSERT_EQ(LatencyHistogram::bucket_of(least), bucket);
    ASSERT_EQ(LatencyHistogram::bucket_of(greatest), bucket);
    ASSERT_LE(static_cast<double>(greatest - least), kWidth * static_cast<double>(least));
  }
  EXPECT_EQ(LatencyHistogram::bucket_of(UINT64_MAX), LatencyHistogram::kBuckets - 1);
  EXPECT_EQ(LatencyHistogram::greatest_of(LatencyHistogram::kBuckets - 1), UINT64_MAX);
}

TEST(LatencyHistogramTest, ValuesBelowTwoHundredAndFiftySixAreExact) {
  MappedArray<LatencyHistogram> histogram(1);
  for (std::uint64_t value = 0; value < 256; ++value) histogram[0].record(value, 100);
  for (int value = 0; value < 255; ++value) {
    EXPECT_EQ(histogram[0].quantile((value + 1) / 256.0), value);
  }
}

TEST(LatencyHistogramTest, AQuantileNeedsAHundredValuesBeyondIt) {
  MappedArray<LatencyHistogram> histogram(1);
  EXPECT_EQ(histogram[0].quantile(0.5), std::nullopt);
  histogram[0].record(10, 199);
  EXPECT_EQ(histogram[0].quantile(0.5), std::nullopt);  // rank 100: 99 beyond
  histogram[0].record(10);
  EXPECT_EQ(histogram[0].quantile(0.5), 10);
  histogram[0].record(10, 99'799);
  EXPECT_EQ(histogram[0].quantile(0.999), std::nullopt);  // 99,999 values: 99 beyond
  histogram[0].record(10);
  EXPECT_EQ(histogram[0].quantile(0.999), 10);
  EXPECT_EQ(histogram[0].quantile(0.9999), std::nullopt);
}

TEST(LatencyHistogramTest, AQuantileIsNeverAboveTheGreatestValue) {
  MappedArray<LatencyHistogram> histogram(1);
  const std::uint64_t least = LatencyHistogram::least_of(LatencyHistogram::bucket_of(1'000'000));
  histogram[0].record(least, 1'000);
  EXPECT_EQ(histogram[0].quantile(0.9), static_cast<double>(least));
}

TEST(LatencyHistogramTest, CountsFarAboveThirtyTwoBits) {
  constexpr std::uint64_t kBillions = 10'000'000'000;
  MappedArray<LatencyHistogram> histogram(2);
  histogram[0].record(100, kBillions - kBillions / 10'000);
  histogram[0].record(200, kBillions / 10'000);
  EXPECT_EQ(histogram[0].count(), kBillions);
  EXPECT_EQ(histogram[0].quantile(0.9999), 100);
  EXPECT_EQ(histogram[0].quantile(0.99995), 200);
  histogram[1].merge(histogram[0]);
  histogram[1].merge(histogram[0]);
  EXPECT_EQ(histogram[1].count(), 2 * kBillions);
  EXPECT_EQ(histogram[1].count_of(LatencyHistogram::bucket_of(200)), 2 * kBillions / 10'000);
}

TEST(LatencyHistogramTest, TheMergeOfAnyPartsIsTheWhole) {
  const bool held = rc::check([](const std::vector<std::vector<std::uint64_t>>& parts) {
    MappedArray<LatencyHistogram> whole(1);
    MappedArray<LatencyHistogram> merged(1);
    MappedArray<LatencyHistogram> part(parts.size());
    for (std::size_t i = 0; i < parts.size(); ++i) {
      for (const std::uint64_t value : parts[i]) {
        whole[0].record(value);
        part[i].record(value);
      }
      merged[0].merge(part[i]);
    }
    RC_ASSERT(merged[0].max() == whole[0].max());
    for (std::size_t bucket = 0; bucket < LatencyHistogram::kBuckets; ++bucket) {
      RC_ASSERT(merged[0].count_of(bucket) == whole[0].count_of(bucket));
    }
  });
  EXPECT_TRUE(held);
}

}  // namespace
}  // namespace stackheap
