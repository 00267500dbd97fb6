#include "harness/worker/distributions.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <vector>

namespace stackheap {
namespace {

constexpr std::uint32_t kMinimum = 4;
constexpr std::uint32_t kMaximum = 32768;

// P(size) of the law as described: the integral of x^-exponent over [size, size + 1), by the
// midpoint rule on 64 parts, which shares nothing with the table's quantile formula.
std::vector<double> law(double exponent, std::uint32_t minimum, std::uint32_t maximum) {
  std::vector<double> share(maximum + 1, 0.0);
  double total = 0;
  for (std::uint32_t size = minimum; size <= maximum; ++size) {
    for (int part = 0; part < 64; ++part) {
      share[size] += std::pow(size + (part + 0.5) / 64, -exponent) / 64;
    }
    total += share[size];
  }
  for (double& value : share) value /= total;
  return share;
}

double expectation(const std::vector<double>& share, const std::function<double(double)>& of) {
  double sum = 0;
  for (std::size_t size = 0; size < share.size(); ++size) {
    sum += share[size] * of(static_cast<double>(size));
  }
  return sum;
}

// The mean of `of` over all tail probabilities, octave by octave, so that the rare large sizes are
// as densely looked at as the rest; no chance in it.
double swept(const SizeTable& table, const std::function<double(double)>& of) {
  double mean = std::ldexp(of(table.at(0)), -32);
  for (unsigned top = 0; top < 32; ++top) {
    const std::uint64_t octave = std::uint64_t{1} << top;
    const std::uint64_t points = std::min<std::uint64_t>(octave, 1U << 15U);
    const std::uint64_t stride = octave / points;
    double sum = 0;
    for (std::uint64_t i = 0; i < points; ++i) {
      sum += of(table.at(static_cast<std::uint32_t>(octave + i * stride + stride / 2)));
    }
    mean += std::ldexp(sum / static_cast<double>(points), static_cast<int>(top) - 32);
  }
  return mean;
}

double same(double size) {
  return size;
}
double square(double size) {
  return size * size;
}

TEST(SizeTableTest, InverseSquareLawHasItsClosedForm) {
  const auto share = law(2.0, kMinimum, kMaximum);
  const double scale = 1.0 / (1.0 / kMinimum - 1.0 / (kMaximum + 1.0));
  EXPECT_NEAR(share[4], scale / (4.0 * 5.0), 1e-5);
  EXPECT_NEAR(expectation(share, same), 35.5689, 1e-2);  // summed independently in Python
}

TEST(SizeTableTest, MillionDrawsFollowTheInverseSquareLaw) {
  constexpr int kDraws = 1'000'000;
  const SizeTable table(2.0, kMinimum, kMaximum);
  const auto share = law(2.0, kMinimum, kMaximum);
  Random random(42);
  std::vector<std::uint64_t> count(kMaximum + 1, 0);
  double sum = 0;
  for (int i = 0; i < kDraws; ++i) {
    const std::uint32_t size = table.draw(random);
    ASSERT_GE(size, kMinimum);
    ASSERT_LE(size, kMaximum);
    ++count[size];
    sum += size;
  }
  // Six standard errors: one false alarm in 10^8 seeds, and the seed is fixed.
  const double mean = expectation(share, same);
  const double deviation = std::sqrt(expectation(share, square) - mean * mean);
  EXPECT_NEAR(sum / kDraws, mean, 6 * deviation / std::sqrt(kDraws));
  for (std::uint32_t size = kMinimum; size < 64; ++size) {
    const double p = share[size];
    EXPECT_NEAR(static_cast<double>(count[size]) / kDraws, p,
                6 * std::sqrt(p * (1 - p) / kDraws) + 1e-4 * p)
        << "size " << size;
  }
  for (const std::uint32_t from : {256U, 1024U, 4096U, 16384U}) {
    double p = 0;
    std::uint64_t seen = 0;
    for (std::uint32_t size = from; size <= kMaximum; ++size) {
      p += share[size];
      seen += count[size];
    }
    EXPECT_NEAR(static_cast<double>(seen) / kDraws, p, 6 * std::sqrt(p * (1 - p) / kDraws))
        << "sizes from " << from;
    EXPECT_GT(seen, 0U);
  }
}

TEST(SizeTableTest, SweepHasTheMomentsOfTheLaw) {
  for (const double exponent : {0.0, 1.0, 1.5, 2.0, 2.5}) {
    const SizeTable table(exponent, kMinimum, kMaximum);
    const auto share = law(exponent, kMinimum, kMaximum);
    const double mean = expectation(share, same);
    const double second = expectation(share, square);
    EXPECT_NEAR(swept(table, same), mean, 0.002 * mean) << "exponent " << exponent;
    EXPECT_NEAR(swept(table, square), second, 0.01 * second) << "exponent " << exponent;
  }
}

TEST(SizeTableTest, BothEndsAreReachedAndNotPassed) {
  const SizeTable table(2.0, kMinimum, kMaximum);
  EXPECT_EQ(table.at(0), kMaximum);
  EXPECT_EQ(table.at(~0U), kMinimum);
}

TEST(SizeTableTest, SizesFallAsTheTailProbabilityGrows) {
  const SizeTable table(2.0, 1, (1U << 24U) - 2);
  std::uint32_t last = table.at(0);
  EXPECT_EQ(last, (1U << 24U) - 2);
  for (std::uint64_t bits = 1; bits <= ~0U; bits += 4099) {
    const std::uint32_t size = table.at(static_cast<std::uint32_t>(bits));
    ASSERT_LE(size, last) << "at " << bits;
    last = size;
  }
  EXPECT_EQ(last, 1U);
}

TEST(SizeTableTest, RangeOfOneSizeHasOnlyThatSize) {
  const SizeTable table(2.0, 64, 64);
  Random random(7);
  for (int i = 0; i < 10'000; ++i) ASSERT_EQ(table.draw(random), 64U);
  EXPECT_EQ(table.at(0), 64U);
  EXPECT_EQ(table.at(~0U), 64U);
}

TEST(SizeTableDeathTest, RefusesBoundsThatItCannotHold) {
  EXPECT_DEATH(SizeTable(2.0, 0, 10), "invariant failed");
  EXPECT_DEATH(SizeTable(2.0, 11, 10), "invariant failed");
  EXPECT_DEATH(SizeTable(2.0, 1, 1U << 24U), "invariant failed");
}

}  // namespace
}  // namespace stackheap
