#include "harness/stats/recurrence.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace stackheap {
namespace {

RatioEstimate ratio(double lower, double upper) {
  RatioEstimate result;
  result.point = std::sqrt(lower * upper);
  result.lower = lower;
  result.upper = upper;
  result.n = 12;
  return result;
}

const double kBeyond = std::log(1.01);

TEST(Recurrence, CountsCertainDifferencesThatReturnOnTheSameSide) {
  const std::vector<RepeatedPair> pairs = {
      {"slower twice", ratio(1.05, 1.2), ratio(1.001, 1.3)},
      {"faster twice", ratio(0.7, 0.9), ratio(0.8, 0.99)},
      {"not seen again", ratio(1.05, 1.2), ratio(0.99, 1.3)},
      {"turned round", ratio(1.05, 1.2), ratio(0.8, 0.9)},
  };
  const Recurrence found = recurrence_of(pairs, kBeyond);
  EXPECT_EQ(found.claims, 4U);
  EXPECT_EQ(found.returned, 2U);
  EXPECT_EQ(found.contradicted, std::vector<std::string>{"turned round"});
  EXPECT_DOUBLE_EQ(found.share.point, 0.5);
  EXPECT_NEAR(found.share.lower, 0.0676, 0.001);  // R: binom.test(2, 4)
  EXPECT_NEAR(found.share.upper, 0.9324, 0.001);
}

TEST(Recurrence, SmallOrUncertainDifferencesAreNoClaims) {
  const std::vector<RepeatedPair> pairs = {
      {"nearer bound within 1 %", ratio(1.005, 1.2), ratio(0.8, 0.9)},
      {"holds 1", ratio(0.9, 1.2), ratio(0.8, 0.9)},
      {"within 1 % below", ratio(0.8, 0.995), ratio(1.1, 1.2)},
      {"no interval before", {}, ratio(0.8, 0.9)},
      {"no interval after", ratio(1.1, 1.2), {}},
  };
  const Recurrence found = recurrence_of(pairs, kBeyond);
  EXPECT_EQ(found.claims, 0U);
  EXPECT_TRUE(found.contradicted.empty());
  EXPECT_EQ(found.share.lower, 0);
  EXPECT_EQ(found.share.upper, 1);
}

}  // namespace
}  // namespace stackheap
