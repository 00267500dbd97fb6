#include "harness/stats/calibration.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "harness/base/build_info.hpp"

namespace stackheap {
namespace {

constexpr double kPrecisions[] = {0.01, 0.009};  // where the number of rounds varies

struct Truth {
  double noise = 0.01;       // of one sample, on the log scale
  double session = 0;        // of a session's level
  double layout = 0;         // of the other side in each layout
  double same_bias = 0;      // of an equal pair: should be 0
  double summary_noise = 1;  // factor of the noise of every summary but the median
};

WindowSummaryValues values_at(std::mt19937_64& engine, double log, const Truth& truth) {
  std::normal_distribution<double> noise(0, truth.noise);
  WindowSummaryValues values{};
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = std::exp(log + noise(engine) * (i == 0 ? 1 : truth.summary_noise));
  }
  return values;
}

std::vector<Bank> banks_of(const Truth& truth, std::size_t sessions, std::size_t rounds) {
  std::mt19937_64 engine(11);
  std::normal_distribution<double> normal(0, 1);
  std::vector<double> layouts;
  for (int i = 0; i < 4; ++i) layouts.push_back(truth.layout * normal(engine));
  std::vector<Bank> banks;
  for (std::size_t session = 0; session < sessions; ++session) {
    Bank bank;
    bank.session = session;
    bank.all_cpus = session % 2 == 1;
    bank.cell = bank.all_cpus ? "two" : "one";
    bank.sample_seconds = 0.05;
    const double level = truth.session * normal(engine);
    for (std::size_t i = 0; i < rounds; ++i) {
      BankRound round;
      round.layout = static_cast<unsigned>(i % 4);
      for (std::size_t side = 0; side < kSides; ++side) {
        double log = level;
        if (side == equal_pair(0).candidate) log += truth.same_bias;
        log += std::log1p(slowdown_ppm(side) * 1e-6);
        if (side == kOtherPair.candidate) log += 0.3 + layouts[round.layout];
        round.sides[side] = values_at(engine, log, truth);
      }
      bank.rounds.push_back(round);
    }
    banks.push_back(std::move(bank));
  }
  return banks;
}

const CalibrationFigure& figure(const Calibration& calibration, std::string_view design,
                                std::string_view what, std::string_view rule,
                                std::string_view threads = "") {
  const auto found = std::find_if(
      calibration.figures.begin(), calibration.figures.end(), [&](const CalibrationFigure& f) {
        return f.design == design && f.what == what && f.rule == rule && f.threads == threads;
      });
  if (found == calibration.figures.end()) throw std::runtime_error("no such figure");
  return *found;
}

class CalibrationTest : public testing::Test {
 protected:
  void SetUp() override {
    if (sanitizer() == "thread") GTEST_SKIP() << "one thread's arithmetic, ten times slower";
  }
};

TEST_F(CalibrationTest, HonestNoiseMeetsTheTargetsOfErrorRates) {
  const Calibration found = evaluate_calibration(banks_of({}, 24, 1800), kPrecisions);
  for (const char* rule : {"12 rounds", "adaptive to 1 %", "adaptive to 0.9 %"}) {
    const auto& pairs = figure(found, "a/a", "false positives", rule);
    EXPECT_GE(pairs.n, 2000U);
    EXPECT_EQ(pairs.sessions, 24U);
    EXPECT_EQ(pairs.met, true) << rule << pairs.value.point;
    const auto& families = figure(found, "family of 6", "false positives", rule);
    EXPECT_GE(families.n, 600U);
    EXPECT_EQ(families.met, true) << rule << families.value.point;
  }
  const auto& coverage = figure(found, "slowdown", "coverage of the true ratio", "12 rounds");
  EXPECT_NEAR(coverage.value.point, 0.95, 0.01);
}

// As in long sessions, whose families run in half of the rounds.
TEST_F(CalibrationTest, AFamilysTrialsAreCutFromTheRoundsInWhichItRan) {
  std::vector<Bank> banks = banks_of({}, 24, 1400);
  for (Bank& bank : banks) {
    for (std::size_t i = 0; i < bank.rounds.size(); ++i) {
      if (i / 4 % 2 == 0) continue;
      for (std::size_t side = 0; side < kFamilySides; ++side) bank.rounds[i].sides[side].reset();
    }
  }
  const Calibration found = evaluate_calibration(banks, kPrecisions);
  const auto& families = figure(found, "family of 6", "false positives", "12 rounds");
  EXPECT_EQ(families.n, 24U * (700 / 12));
  EXPECT_EQ(families.met, true) << families.value.point;
}

TEST_F(CalibrationTest, ABiasBetweenIdenticalSidesIsSeen) {
  const Calibration found =
      evaluate_calibration(banks_of({.same_bias = 0.01}, 24, 660), kPrecisions);
  EXPECT_EQ(figure(found, "a/a", "false positives", "12 rounds").met, false);
}

TEST_F(CalibrationTest, TooFewTrialsMeetNothing) {
  const Calibration found = evaluate_calibration(banks_of({}, 4, 120), kPrecisions);
  EXPECT_FALSE(figure(found, "a/a", "false positives", "12 rounds").met.has_value());
  EXPECT_FALSE(figure(found, "family of 6", "false positives", "12 rounds").met.has_value());
}

// With normal noise of deviation s on a sample, the interval's half-width at n rounds is about
// 1.96 * sqrt(pi / 2 * 2 / n) s, and its lower bound strays by sqrt(pi / n) s: the 90 % quantile of
// their sum is known.
TEST_F(CalibrationTest, TheDetectableSlowdownIsThatOfTheNoise) {
  const Calibration found = evaluate_calibration(banks_of({}, 24, 660), kPrecisions);
  for (const auto& [rule, rounds] : {std::pair{"10 s a pair", 100.0}, {"60 s a pair", 600.0}}) {
    const auto& slowdown =
        figure(found, "slowdown", "detectable slowdown, 9 of 10 trials", rule, "1");
    const double error = std::sqrt(3.14159 / rounds) * 0.01;
    EXPECT_NEAR(slowdown.value.point, (1.96 + 1.28) * error, 0.15 * (1.96 + 1.28) * error) << rule;
    EXPECT_LE(slowdown.value.lower, slowdown.value.point);
    EXPECT_GE(slowdown.value.upper, slowdown.value.point);
  }
}

TEST_F(CalibrationTest, TheSummaryWithTheLeastNoiseIsChosen) {
  EXPECT_EQ(
      evaluate_calibration(banks_of({.summary_noise = 2}, 8, 660), kPrecisions).window_summary,
      "median");
  EXPECT_NE(
      evaluate_calibration(banks_of({.summary_noise = 0.5}, 8, 660), kPrecisions).window_summary,
      "median");
}

TEST_F(CalibrationTest, WhatLayoutsAndSessionsDifferByIsFound) {
  const Calibration quiet = evaluate_calibration(banks_of({}, 24, 240), kPrecisions);
  ASSERT_TRUE(quiet.layout_spread && quiet.between_runs);
  EXPECT_LE(*quiet.layout_spread, 0.001);
  EXPECT_LE(quiet.between_runs->deviation, 0.002);
  const Calibration spread =
      evaluate_calibration(banks_of({.session = 0.02, .layout = 0.02}, 24, 240), kPrecisions);
  // Four layouts in one draw: the standard error of their mean is half their deviation.
  EXPECT_GE(*spread.layout_spread, 0.004);
  EXPECT_LE(*spread.layout_spread, 0.02);
  EXPECT_EQ(spread.between_runs->sessions, 23U);  // two cells of twelve sessions
  EXPECT_NEAR(spread.between_runs->deviation, 0.02 * std::sqrt(2.0), 0.009);
}

TEST_F(CalibrationTest, FailedSamplesAndEmptyBanksInventNothing) {
  std::vector<Bank> banks = banks_of({}, 2, 24);
  for (BankRound& round : banks[0].rounds) round.sides = {};
  banks[1].rounds.clear();
  const Calibration found = evaluate_calibration(banks, kPrecisions);
  EXPECT_EQ(figure(found, "a/a", "false positives", "12 rounds").n, 0U);
  EXPECT_FALSE(found.layout_spread.has_value());
  EXPECT_FALSE(found.between_runs.has_value());
  EXPECT_EQ(found.window_summary, "");
}

TEST(BankSides, HaveNamesOfTheirOwnAndStandInOneUnitEach) {
  std::set<std::string> names;
  std::multiset<std::size_t> in_units;
  for (const auto& unit : bank_units()) in_units.insert(unit.begin(), unit.end());
  for (std::size_t side = 0; side < kSides; ++side) {
    names.insert(side_name(side));
    EXPECT_EQ(in_units.count(side), 1U) << side;
  }
  EXPECT_EQ(names.size(), kSides);
  EXPECT_EQ(in_units.size(), kSides);
  EXPECT_EQ(side_name(equal_pair(0).baseline), "equal-1-base");
  EXPECT_EQ(side_name(equal_pair(0).candidate), "equal-1");
  EXPECT_EQ(side_name(slower_pair(1).candidate), "slower-20000");
  EXPECT_EQ(side_name(slower_pair(1).baseline), "slower-20000-base");
  EXPECT_EQ(side_name(kOtherPair.candidate), "other");
  EXPECT_EQ(side_name(kDisturbedPair.candidate), "disturbed");
  EXPECT_EQ(slowdown_ppm(slower_pair(0).candidate), 5000U);
  EXPECT_EQ(slowdown_ppm(slower_pair(0).baseline), 0U);
}

TEST(WindowSummaries, AreQuantilesAndTheMeanOfTheWindows) {
  std::vector<double> windows;
  for (int i = 0; i <= 10; ++i) windows.push_back(10 - i);
  const WindowSummaryValues values = summarise_windows(windows);
  EXPECT_EQ(values, (WindowSummaryValues{5, 0, 1, 2.5, 5, 9}));
  EXPECT_EQ(summarise_windows({7}), (WindowSummaryValues{7, 7, 7, 7, 7, 7}));
}

}  // namespace
}  // namespace stackheap
