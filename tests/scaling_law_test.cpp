#include "harness/stats/scaling_law.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "harness/base/build_info.hpp"

namespace stackheap {
namespace {

const std::vector<double> kThreads = {1, 2, 4, 8, 16, 32};

double law(double n, double lambda, double sigma, double kappa) {
  return lambda * n / (1 + sigma * (n - 1) + kappa * n * (n - 1));
}

std::vector<double> exact(double lambda, double sigma, double kappa) {
  std::vector<double> throughput;
  for (const double n : kThreads) throughput.push_back(law(n, lambda, sigma, kappa));
  return throughput;
}

ScalingCurve noisy(double sigma, double kappa, double noise, std::size_t rounds,
                   std::mt19937_64& engine) {
  std::normal_distribution<double> normal(0, noise);
  ScalingCurve curve{.threads = kThreads, .throughput = {}};
  for (const double n : kThreads) {
    std::vector<double> values;
    for (std::size_t i = 0; i < rounds; ++i) {
      values.push_back(law(n, 1e6, sigma, kappa) * std::exp(normal(engine)));
    }
    curve.throughput.push_back(std::move(values));
  }
  return curve;
}

TEST(ScalingLawTest, FindsTheParametersOfExactCurves) {
  for (const double sigma : {0.0, 0.01, 0.3, 1.0}) {
    for (const double kappa : {0.0, 1e-5, 0.002, 0.1}) {
      const ScalingFit fit = fit_scaling_law(kThreads, exact(3e7, sigma, kappa));
      EXPECT_NEAR(fit.lambda, 3e7, 3e7 * 1e-6) << sigma << ' ' << kappa;
      EXPECT_NEAR(fit.sigma, sigma, 1e-6) << sigma << ' ' << kappa;
      EXPECT_NEAR(fit.kappa, kappa, 1e-7) << sigma << ' ' << kappa;
    }
  }
}

TEST(ScalingLawTest, ThePeakIsWhereThroughputIsHighest) {
  const ScalingFit fit = fit_scaling_law(kThreads, exact(1e6, 0.02, 0.001));
  const double peak = fit.peak_threads();
  EXPECT_NEAR(peak, std::sqrt(0.98 / 0.001), 1e-3);
  EXPECT_GT(law(peak, 1, 0.02, 0.001), law(peak * 1.05, 1, 0.02, 0.001));
  EXPECT_GT(law(peak, 1, 0.02, 0.001), law(peak / 1.05, 1, 0.02, 0.001));
  EXPECT_TRUE(std::isinf(fit_scaling_law(kThreads, exact(1e6, 0.02, 0)).peak_threads()));
}

TEST(ScalingLawTest, ParametersStayWithinTheirBounds) {
  // Faster than linear, which the law cannot be: neither contention nor coherence.
  std::vector<double> throughput;
  for (const double n : kThreads) throughput.push_back(1e6 * std::pow(n, 1.1));
  const ScalingFit above = fit_scaling_law(kThreads, throughput);
  EXPECT_EQ(above.sigma, 0);
  EXPECT_EQ(above.kappa, 0);
  // All of it serial, and worse with each thread.
  for (std::size_t i = 0; i < throughput.size(); ++i) {
    throughput[i] = 1e6 * std::pow(kThreads[i], -1.5);
  }
  const ScalingFit below = fit_scaling_law(kThreads, throughput);
  EXPECT_LE(below.sigma, 1);
  EXPECT_GT(below.kappa, 0);
}

TEST(ScalingLawTest, OneDisturbedPointBendsItLittle) {
  std::vector<double> throughput = exact(1e6, 0.05, 0.001);
  throughput[3] *= 0.6;
  const ScalingFit fit = fit_scaling_law(kThreads, throughput);
  EXPECT_NEAR(fit.sigma, 0.05, 0.02);
  EXPECT_NEAR(fit.kappa, 0.001, 0.0005);
}

TEST(ScalingLawTest, IsNotFittedToFewThreadCountsAndSaysWhy) {
  ScalingCurve curve{.threads = {1, 2}, .throughput = {{1, 1}, {2, 2}}};
  const ScalingLaw law = estimate_scaling_law(curve, 0.05);
  EXPECT_EQ(law.not_fitted, "2 thread counts up to the CPUs, and it takes 6");
  EXPECT_TRUE(std::isnan(law.sigma.point));
}

TEST(ScalingLawTest, APointWithoutSamplesOrFewRoundsInventNothing) {
  std::mt19937_64 engine(3);
  ScalingCurve curve = noisy(0.05, 0.001, 0.01, 3, engine);
  const ScalingLaw few = estimate_scaling_law(curve, 0.05);
  EXPECT_TRUE(few.not_fitted.empty());
  EXPECT_NEAR(few.sigma.point, 0.05, 0.03);
  EXPECT_FALSE(few.sigma.has_interval());
  curve.throughput[2].assign(3, kNoValue);
  EXPECT_EQ(estimate_scaling_law(curve, 0.05).not_fitted, "a thread count has no sample");
}

TEST(ScalingLawTest, TheSameCurveGivesTheSameInterval) {
  std::mt19937_64 engine(4);
  const ScalingCurve curve = noisy(0.05, 0.001, 0.02, 12, engine);
  const ScalingLaw one = estimate_scaling_law(curve, 0.05);
  const ScalingLaw two = estimate_scaling_law(curve, 0.05);
  EXPECT_EQ(one.sigma.lower, two.sigma.lower);
  EXPECT_EQ(one.peak_threads.upper, two.peak_threads.upper);
  EXPECT_LT(one.sigma.lower, one.sigma.point);
  EXPECT_GT(one.sigma.upper, one.sigma.point);
}

TEST(ScalingLawTest, IntervalsCoverTheTruthWithFewRounds) {
  const std::size_t trials = sanitizer().empty() ? 400 : 60;
  for (const std::size_t rounds : {8U, 12U, 24U}) {
    std::mt19937_64 engine(rounds);
    std::size_t sigma = 0;
    std::size_t kappa = 0;
    for (std::size_t i = 0; i < trials; ++i) {
      const ScalingLaw law = estimate_scaling_law(noisy(0.08, 0.003, 0.03, rounds, engine), 0.05);
      sigma += law.sigma.lower <= 0.08 && 0.08 <= law.sigma.upper ? 1 : 0;
      kappa += law.kappa.lower <= 0.003 && 0.003 <= law.kappa.upper ? 1 : 0;
    }
    const auto share = [&](std::size_t k) {
      return static_cast<double>(k) / static_cast<double>(trials);
    };
    EXPECT_GE(share(sigma), 0.92) << rounds;
    EXPECT_GE(share(kappa), 0.92) << rounds;
  }
}

}  // namespace
}  // namespace stackheap
