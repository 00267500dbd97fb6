#include "harness/stats/between_runs.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace stackheap {
namespace {

std::vector<double> run(std::mt19937_64& engine, double level, std::size_t rounds) {
  std::normal_distribution<double> noise(0, 0.02);
  std::vector<double> values;
  for (std::size_t i = 0; i < rounds; ++i) values.push_back(std::exp(level + noise(engine)));
  return values;
}

TEST(BetweenRuns, WithoutACalibrationThereIsARatioAndNoInterval) {
  const std::vector<double> base{10, 11, 12, 13, 14, 15, 16, 17};
  const std::vector<double> twice{20, 22, 24, 26, 28, 30, 32, 34};
  const RatioEstimate ratio = between_runs_ratio(twice, base, 0.05, std::nullopt);
  EXPECT_NEAR(ratio.point, 2, 0.001);
  EXPECT_FALSE(ratio.has_interval());
  EXPECT_EQ(ratio.n, 8U);
}

TEST(BetweenRuns, TheSpreadBetweenRunsIsAddedToThatWithinThem) {
  const std::vector<double> base(12, 10.0);
  const std::vector<double> same(12, 10.0);
  const RatioEstimate ratio =
      between_runs_ratio(same, base, 0.05, BetweenRunSpread{.deviation = 0.01, .sessions = 21});
  // The sides have no width of their own: t(20) at 97.5 % is 2.086.
  EXPECT_NEAR(std::log(ratio.upper), 0.02086, 1e-5);
  EXPECT_NEAR(std::log(ratio.lower), -0.02086, 1e-5);
}

TEST(BetweenRuns, TooFewRoundsOnOneSideGiveNoInterval) {
  const std::vector<double> many(12, 10.0);
  const std::vector<double> few(5, 10.0);
  const BetweenRunSpread spread{.deviation = 0.01, .sessions = 21};
  EXPECT_FALSE(between_runs_ratio(few, many, 0.05, spread).has_interval());
  EXPECT_FALSE(between_runs_ratio(many, few, 0.05, spread).has_interval());
  EXPECT_EQ(between_runs_ratio(few, many, 0.05, spread).n, 5U);
}

TEST(BetweenRuns, ValuesThatAreNoTimesAreSkippedAndCounted) {
  const std::vector<double> bad{1, 2, -3, 0, NAN, INFINITY};
  const std::vector<double> none{0, -1};
  const RatioEstimate ratio = between_runs_ratio(bad, none, 0.05, std::nullopt);
  EXPECT_EQ(ratio.n, 0U);
  EXPECT_EQ(ratio.skipped, 6U);
  EXPECT_TRUE(std::isnan(ratio.point));
}

// Machines whose level moves by 1 % (standard deviation) from run to run, of which a calibration
// has seen 20 sessions.
TEST(BetweenRuns, IntervalsHoldTheTrueRatioWhereRunsDiffer) {
  std::mt19937_64 engine(7);
  std::normal_distribution<double> level(0, 0.01 / std::sqrt(2.0));
  std::size_t covered = 0;
  std::size_t naive = 0;
  constexpr std::size_t kTrials = 4000;
  for (std::size_t i = 0; i < kTrials; ++i) {
    std::normal_distribution<double> one_ratio(0, 0.01);
    double squares = 0;
    for (int session = 0; session < 20; ++session) squares += std::pow(one_ratio(engine), 2);
    const BetweenRunSpread spread{.deviation = std::sqrt(squares / 20), .sessions = 21};
    const auto base = run(engine, level(engine), 24);
    const auto next = run(engine, level(engine) + std::log(1.03), 24);
    const auto holds = [](const Estimate& ratio) {
      return ratio.lower <= 1.03 && 1.03 <= ratio.upper;
    };
    covered += holds(between_runs_ratio(next, base, 0.05, spread)) ? 1 : 0;
    naive += holds(between_runs_ratio(next, base, 0.05, BetweenRunSpread{0, 21})) ? 1 : 0;
  }
  EXPECT_GE(static_cast<double>(covered) / kTrials, 0.945);
  EXPECT_LE(static_cast<double>(covered) / kTrials, 0.98);
  EXPECT_LE(static_cast<double>(naive) / kTrials, 0.85);
}

}  // namespace
}  // namespace stackheap
