#include "harness/stats/verdict.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <optional>

namespace stackheap {
namespace {

Estimate ratio(double lower, double point, double upper, std::size_t n = 12) {
  return {.point = point, .lower = lower, .upper = upper, .n = n};
}

TEST(VerdictTest, ADirectionNeedsAnIntervalWithoutOne) {
  EXPECT_EQ(judge(ratio(1.01, 1.05, 1.08), true, 0.02), Verdict::kSlower);
  EXPECT_EQ(judge(ratio(0.90, 0.95, 0.99), true, 0.02), Verdict::kFaster);
  EXPECT_EQ(judge(ratio(1.01, 1.05, 1.08), false, 0.02), Verdict::kHigher);
  EXPECT_EQ(judge(ratio(0.90, 0.95, 0.99), false, 0.02), Verdict::kLower);
  EXPECT_EQ(judge(ratio(0.99, 1.02, 1.05), true, 0.02), Verdict::kUnresolved);
  EXPECT_EQ(judge(ratio(1.0, 1.02, 1.05), true, 0.02), Verdict::kUnresolved);
}

TEST(VerdictTest, EquivalenceGoesBeforeDirection) {
  EXPECT_EQ(judge(ratio(0.99, 1.0, 1.01), true, 0.02), Verdict::kEquivalent);
  EXPECT_EQ(judge(ratio(1.005, 1.01, 1.015), true, 0.02), Verdict::kEquivalent);
  EXPECT_EQ(judge(ratio(1.005, 1.01, 1.015), true, 0.01), Verdict::kSlower);
}

TEST(VerdictTest, TheMarginIsSymmetricForRatios) {
  EXPECT_EQ(judge(ratio(1 / 1.02, 1.0, 1.02), true, 0.02), Verdict::kEquivalent);
  // 0.980 is below 1 / 1.02 = 0.9804.
  EXPECT_EQ(judge(ratio(0.980, 0.99, 1.001), true, 0.02), Verdict::kUnresolved);
}

TEST(VerdictTest, WithoutAnIntervalItIsUnresolved) {
  EXPECT_EQ(judge(ratio(kNoValue, 3.0, kNoValue, 4), true, 0.02), Verdict::kUnresolved);
  EXPECT_EQ(judge(Estimate{}, true, 0.02), Verdict::kUnresolved);
}

TEST(VerdictTest, EquivalenceThatExcludesOneTellsItsSide) {
  EXPECT_EQ(describe_verdict(ratio(1.005, 1.01, 1.015), true, 0.02),
            "equivalent, slower by less than 2 %");
  EXPECT_EQ(describe_verdict(ratio(0.985, 0.99, 0.995), false, 0.025),
            "equivalent, lower by less than 2.5 %");
  EXPECT_EQ(describe_verdict(ratio(0.99, 1.0, 1.01), true, 0.02), "equivalent");
  EXPECT_EQ(describe_verdict(ratio(1.1, 1.2, 1.3), true, 0.02), "slower");
}

TEST(VerdictTest, EveryVerdictHasAName) {
  for (const Verdict verdict : {Verdict::kFaster, Verdict::kSlower, Verdict::kLower,
                                Verdict::kHigher, Verdict::kEquivalent, Verdict::kUnresolved}) {
    EXPECT_EQ(parse_verdict(to_string(verdict)), verdict);
  }
  EXPECT_FALSE(parse_verdict("same"));
}

TEST(VerdictTest, OnlyTimesAreFasterOrSlower) {
  EXPECT_TRUE(is_time_unit("ns"));
  EXPECT_TRUE(is_time_unit("us"));
  EXPECT_FALSE(is_time_unit("B"));
  EXPECT_FALSE(is_time_unit("1/s"));
  EXPECT_FALSE(is_time_unit(""));
}

TEST(RoundsNeededTest, ComesFromTheSpreadSoFar) {
  // Half-width 0.04 around a log ratio of 0.02: it must shrink to 0.02, so four times the rounds.
  const auto at = [](double log_lower, double log_point, double log_upper) {
    return ratio(std::exp(log_lower), std::exp(log_point), std::exp(log_upper), 12);
  };
  EXPECT_EQ(rounds_needed(at(-0.019999, 0.02, 0.059999), 0.01, 0.05, 1), 48U);
  // No difference in sight: it must shrink to the margin.
  const double margin = std::expm1(0.02);
  EXPECT_EQ(rounds_needed(at(-0.059999, 0, 0.059999), margin, 0.05, 1), 108U);
  // Just missed: one more at least.
  EXPECT_EQ(rounds_needed(at(-0.00001, 0.03, 0.06), 0.001, 0.05, 1), 13U);
}

TEST(RoundsNeededTest, OfAWidenedIntervalOnlyTheSamplingShrinks) {
  // Half-width 0.05 = sqrt(0.04^2 + 0.03^2) around 0.035: sqrt(0.035^2 - 0.03^2) = 0.018 is left
  // for the sampling, (0.04 / 0.018)^2 x 12 = 59.08.
  const auto wide = ratio(std::exp(-0.015), std::exp(0.035), std::exp(0.085), 12);
  EXPECT_EQ(rounds_needed(wide, 0.01, 0.05, 1, 0.03), 60U);
  // What rounds cannot narrow is more than the difference.
  EXPECT_EQ(rounds_needed(wide, 0.01, 0.05, 1, 0.036), std::nullopt);
}

TEST(RoundsNeededTest, IsTheMinimumWhereThereIsNoInterval) {
  EXPECT_EQ(rounds_needed(ratio(kNoValue, 1.1, kNoValue, 3), 0.02, 0.03, 6), 9U);
}

TEST(RoundsNeededTest, IsNothingWhereNoneOrNoneInSight) {
  EXPECT_EQ(rounds_needed(ratio(1.1, 1.2, 1.3), 0.02, 0.05, 1), std::nullopt);
  EXPECT_EQ(rounds_needed(ratio(0.9, 1.0, 1.1), 0.0, 0.05, 1), std::nullopt);
  EXPECT_EQ(rounds_needed(ratio(0.5, 1.0, 2.0), 1e-6, 0.05, 1), std::nullopt);
}

}  // namespace
}  // namespace stackheap
