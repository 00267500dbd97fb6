#include "harness/stats/interval.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <functional>
#include <numbers>
#include <vector>

#include "harness/base/random.hpp"

namespace stackheap {
namespace {

constexpr double kTolerance = 1e-9;

// A series without order or symmetry: k^2 mod 101 + k / 2.
std::vector<double> series(unsigned n) {
  std::vector<double> values;
  for (unsigned k = 1; k <= n; ++k) values.push_back((k * k) % 101 + 0.5 * k);
  return values;
}

struct Reference {
  unsigned n;
  double alpha;
  double point;
  double lower;
  double upper;
};

// The bounds were computed apart from this code, with SciPy's binomial distribution.
TEST(MedianEstimateTest, AgreesWithReferenceValues) {
  const Reference references[] = {
      {6, 0.05, 14.25, 2.7500000000000018, 34.89285714285714},
      {9, 0.005, 27.5, 2.215328467153287, 81.92335766423358},
      {12, 0.05, 33.25, 12.473388305847084, 63.921664167916035},
      {12, 0.03, 33.25, 10.128195257160456, 69.18301509085309},
      {24, 0.05, 50.75, 30.41338191574215, 75.97250743238342},
      {24, 0.05 / 6, 50.75, 28.162862771066543, 84.83713722893346},
      {25, 0.05, 49.0, 30.698120617309286, 73.21221598748964},
      {300, 0.05, 125.75, 115.0, 133.7160638395078},
  };
  for (const Reference& reference : references) {
    const Estimate estimate = median_estimate(series(reference.n), reference.alpha);
    EXPECT_EQ(estimate.n, reference.n);
    EXPECT_NEAR(estimate.point, reference.point, kTolerance) << reference.n;
    EXPECT_NEAR(estimate.lower, reference.lower, kTolerance) << reference.n;
    EXPECT_NEAR(estimate.upper, reference.upper, kTolerance) << reference.n;
  }
}

TEST(MedianEstimateTest, HasBoundsFromTheMinimumOfRoundsOn) {
  EXPECT_EQ(minimum_rounds(0.05, 1), 6U);
  for (const std::size_t comparisons : {1U, 6U, 21U}) {
    for (const double alpha : {0.05, 0.03}) {
      const auto enough = static_cast<unsigned>(minimum_rounds(alpha, comparisons));
      const double each = alpha / static_cast<double>(comparisons);
      const Estimate few = median_estimate(series(enough - 1), each);
      EXPECT_FALSE(few.has_interval());
      EXPECT_TRUE(std::isnan(few.lower) && std::isnan(few.upper));
      EXPECT_FALSE(std::isnan(few.point));
      EXPECT_TRUE(median_estimate(series(enough), each).has_interval());
    }
  }
}

TEST(MinimumRoundsTest, IsThatOfTheSimultaneousIntervals) {
  EXPECT_EQ(minimum_rounds(0.03, 6), 9U);
  EXPECT_EQ(minimum_rounds(0.03, 21), 11U);
  EXPECT_EQ(minimum_rounds(0.5, 1), 2U);
}

TEST(MedianEstimateTest, LeavesOutWhatIsMissing) {
  std::vector<double> values = series(12);
  values.insert(values.begin() + 3, kNoValue);
  const Estimate estimate = median_estimate(values, 0.05);
  EXPECT_EQ(estimate.n, 12U);
  EXPECT_EQ(estimate.point, 33.25);
}

TEST(MedianEstimateTest, OfNothingIsNothing) {
  const Estimate estimate = median_estimate({}, 0.05);
  EXPECT_EQ(estimate.n, 0U);
  EXPECT_TRUE(std::isnan(estimate.point));
  EXPECT_FALSE(estimate.has_interval());
}

TEST(MedianEstimateTest, OfEqualValuesIsThatValue) {
  const Estimate estimate = median_estimate(std::vector<double>(12, 7.0), 0.05);
  EXPECT_EQ(estimate.point, 7.0);
  EXPECT_EQ(estimate.lower, 7.0);
  EXPECT_EQ(estimate.upper, 7.0);
}

TEST(MedianEstimatorTest, GivesTheSameWhenUsedAgain) {
  MedianEstimator estimator(0.05);
  for (const unsigned n : {24U, 12U, 24U, 5U, 12U}) {
    std::vector<double> values = series(n);
    const Estimate again = estimator.estimate(values);
    const Estimate once = median_estimate(series(n), 0.05);
    EXPECT_EQ(again.has_interval(), once.has_interval());
    if (once.has_interval()) {
      EXPECT_EQ(again.lower, once.lower);
    }
    EXPECT_EQ(again.point, once.point);
  }
}

const std::vector<double> kCandidate = {1.02, 1.05, 0.99, 1.10, 1.04, 1.03,
                                        1.01, 1.08, 1.00, 1.06, 1.07, 0.98};
const std::vector<double> kBaseline = {1.00, 1.01, 1.00, 1.02, 0.99, 1.00,
                                       1.03, 1.01, 1.00, 1.02, 1.00, 1.01};

TEST(RatioEstimateTest, AgreesWithReferenceValues) {
  const RatioEstimate ratio = ratio_estimate(kCandidate, kBaseline, 0.05);
  EXPECT_EQ(ratio.n, 12U);
  EXPECT_EQ(ratio.skipped, 0U);
  EXPECT_NEAR(ratio.point, 1.0345975820881979, kTolerance);
  EXPECT_NEAR(ratio.lower, 0.9926214490019309, kTolerance);
  EXPECT_NEAR(ratio.upper, 1.0643274297092757, kTolerance);
}

TEST(RatioEstimateTest, IsInvertedWhenTheSidesAreSwapped) {
  const RatioEstimate ratio = ratio_estimate(kCandidate, kBaseline, 0.05);
  const RatioEstimate inverse = ratio_estimate(kBaseline, kCandidate, 0.05);
  EXPECT_NEAR(inverse.point, 1 / ratio.point, kTolerance);
  EXPECT_NEAR(inverse.lower, 1 / ratio.upper, kTolerance);
  EXPECT_NEAR(inverse.upper, 1 / ratio.lower, kTolerance);
}

TEST(RatioEstimateTest, SkipsAndCountsPairsWithoutARatio) {
  std::vector<double> candidate = kCandidate;
  std::vector<double> baseline = kBaseline;
  for (const double unusable : {0.0, -1.0, kNoValue, HUGE_VAL}) {
    candidate.push_back(unusable);
    baseline.push_back(1);
    candidate.push_back(1);
    baseline.push_back(unusable);
  }
  const RatioEstimate ratio = ratio_estimate(candidate, baseline, 0.05);
  EXPECT_EQ(ratio.n, 12U);
  EXPECT_EQ(ratio.skipped, 8U);
  EXPECT_NEAR(ratio.point, 1.0345975820881979, kTolerance);
}

TEST(ClopperPearsonTest, AgreesWithReferenceValues) {
  struct Case {
    std::size_t k, n;
    double lower, upper;
  };
  const Case cases[] = {{0, 10, 0, 0.3084971078187608},
                        {1, 10, 0.0025285785444617848, 0.4450161170281954},
                        {10, 10, 0.6915028921812392, 1},
                        {5, 100, 0.016431879182052155, 0.11283491110546275},
                        {100, 2000, 0.04086426771825132, 0.06048172208315188}};
  for (const Case& one : cases) {
    const Estimate share = clopper_pearson(one.k, one.n, 0.05);
    EXPECT_EQ(share.point, static_cast<double>(one.k) / static_cast<double>(one.n));
    EXPECT_NEAR(share.lower, one.lower, kTolerance) << one.k;
    EXPECT_NEAR(share.upper, one.upper, kTolerance) << one.k;
  }
  EXPECT_EQ(clopper_pearson(0, 0, 0.05).lower, 0);
  EXPECT_EQ(clopper_pearson(0, 0, 0.05).upper, 1);
}

// --- False positives: both sides of every pair are drawn from one distribution. ---

double normal(Random& random) {
  return std::sqrt(-2 * std::log1p(-random.unit())) *
         std::cos(2 * std::numbers::pi * random.unit());
}

double student_2(Random& random) {
  // Z / sqrt(chi2(2) / 2), where chi2(2) / 2 is exponential.
  return normal(random) / std::sqrt(-std::log1p(-random.unit()));
}

// Foreign load in `share` of the samples slows one side by up to 50 %.
double burst(Random& random, double share) {
  return 0.01 * normal(random) + (random.unit() < share ? 0.5 * random.unit() : 0);
}

using Draw = std::function<double(Random&)>;  // of one side, the logarithm of a time

// Share of the trials in which the interval excludes the ratio 1.
double false_positives(std::size_t n, std::uint64_t seed, const Draw& draw) {
  constexpr int kTrials = 20'000;
  Random random(seed);
  MedianEstimator estimator(0.05);
  std::vector<double> logs;
  int excluded = 0;
  for (int trial = 0; trial < kTrials; ++trial) {
    logs.clear();
    for (std::size_t i = 0; i < n; ++i) logs.push_back(draw(random) - draw(random));
    const Estimate estimate = estimator.estimate(logs);
    if (estimate.lower > 0 || estimate.upper < 0) ++excluded;
  }
  return static_cast<double>(excluded) / kTrials;
}

void expect_nominal(const Draw& draw) {
  for (const std::size_t n : {12U, 24U}) {
    const double rate = false_positives(n, 7 + n, draw);
    EXPECT_GE(rate, 0.03) << n << " rounds";
    EXPECT_LE(rate, 0.07) << n << " rounds";
  }
}

TEST(MedianCoverageTest, HoldsForNormalNoise) {
  expect_nominal(normal);
}

TEST(MedianCoverageTest, HoldsForHeavyTails) {
  expect_nominal(student_2);
}

TEST(WideningTest, AddsAnIndependentErrorOnTheLogScale) {
  EXPECT_NEAR(widening(0.01, 0.05), 0.0195996, 1e-7);
  EXPECT_NEAR(widening(0.01, 0.05 / 6), 0.0263826, 1e-7);
  EXPECT_EQ(widening(0, 0.05), 0);
  RatioEstimate ratio;
  ratio.point = std::exp(0.1);
  ratio.lower = std::exp(0.1 - 0.03);
  ratio.upper = std::exp(0.1 + 0.12);
  const RatioEstimate wide = widened(ratio, 0.04);
  EXPECT_EQ(wide.point, ratio.point);
  EXPECT_NEAR(std::log(wide.lower), 0.1 - 0.05, 1e-12);
  EXPECT_NEAR(std::log(wide.upper), 0.1 + std::hypot(0.12, 0.04), 1e-12);
  EXPECT_EQ(widened(ratio, 0).lower, ratio.lower);
  ratio.lower = ratio.upper = kNoValue;
  EXPECT_FALSE(widened(ratio, 0.04).has_interval());
}

TEST(MedianCoverageTest, HoldsUnderRareBursts) {
  expect_nominal([](Random& random) { return burst(random, 0.06); });
}

TEST(MedianCoverageTest, HoldsUnderFrequentBursts) {
  expect_nominal([](Random& random) { return burst(random, 0.3); });
}

TEST(MedianCoverageTest, HoldsWithTies) {
  expect_nominal([](Random& random) { return std::round(10 * normal(random)) / 10; });
}

TEST(MedianCoverageTest, HoldsUnderDriftSharedByAPair) {
  for (const std::size_t n : {12U, 24U}) {
    Random random(3 + n);
    constexpr int kTrials = 20'000;
    std::vector<double> a(n);
    std::vector<double> b(n);
    int excluded = 0;
    for (int trial = 0; trial < kTrials; ++trial) {
      for (std::size_t i = 0; i < n; ++i) {
        const double drift = 0.2 * static_cast<double>(i);
        a[i] = std::exp(drift + 0.01 * normal(random));
        b[i] = std::exp(drift + 0.01 * normal(random));
      }
      const RatioEstimate ratio = ratio_estimate(a, b, 0.05);
      if (ratio.lower > 1 || ratio.upper < 1) ++excluded;
    }
    EXPECT_GE(excluded, kTrials * 3 / 100);
    EXPECT_LE(excluded, kTrials * 7 / 100);
  }
}

TEST(MedianCoverageTest, FindsATrueSlowdown) {
  Random random(11);
  MedianEstimator estimator(0.05);
  int found = 0;
  for (int trial = 0; trial < 1000; ++trial) {
    std::vector<double> logs;
    for (int i = 0; i < 24; ++i) {
      logs.push_back(0.02 + burst(random, 0.15) - burst(random, 0.15));
    }
    if (estimator.estimate(logs).lower > 0) ++found;
  }
  EXPECT_GT(found, 900);
}

}  // namespace
}  // namespace stackheap
