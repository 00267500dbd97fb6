// The arithmetic of heap/bignum against the compiler's 128-bit integers, and its factoring.
#include "suites/heap/heap_number.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <new>

#include "harness/base/random.hpp"
#include "suites/heap/continued_fraction.hpp"
#include "suites/heap/semiprime.hpp"

namespace stackheap {
namespace {

__extension__ typedef unsigned __int128 Wide;

std::int64_t g_blocks = 0;

struct TestMemory {
  static void* obtain(std::size_t bytes) {
    ++g_blocks;
    return ::operator new(bytes);
  }
  static void give_back(void* block) {
    --g_blocks;
    ::operator delete(block);
  }
};

using Number = HeapNumber<TestMemory>;

Number number_of(Wide value) {
  const Number two32(std::uint64_t{1} << 32U);
  return Number(static_cast<std::uint64_t>(value >> 64U)) * two32 * two32 +
         Number(static_cast<std::uint64_t>(value));
}

Wide value_of(const Number& number) {
  const auto [high, low] = number.divide(Number(1) + Number(~std::uint64_t{0}));
  return (Wide{high.low_64_bits()} << 64U) | low.low_64_bits();
}

// Of 0 to `bits` bits, with long runs of ones and of zeros among them, where carries are.
Wide drawn(Random& random, std::uint32_t bits) {
  Wide value = (Wide{random()} << 64U) | random();
  if (random.below(2) == 0) value |= ~Wide{0} << random.below(128);
  if (random.below(4) == 0) value &= ~Wide{0} << random.below(128);
  const std::uint32_t kept = random.below(bits + 1);
  return kept == 0 ? 0 : value >> (128 - kept);
}

class HeapNumberTest : public testing::Test {
 protected:
  HeapNumberTest() { g_blocks = 0; }
  ~HeapNumberTest() override { EXPECT_EQ(g_blocks, 0) << "blocks were not given back"; }
};

TEST_F(HeapNumberTest, SumsDifferencesAndOrderAreThoseOfWideIntegers) {
  Random random(1);
  for (int i = 0; i < 20'000; ++i) {
    const Wide a = drawn(random, 127);
    const Wide b = drawn(random, 127);
    const Number x = number_of(a);
    const Number y = number_of(b);
    ASSERT_EQ(value_of(x), a);
    ASSERT_EQ(value_of(x + y), a + b);
    ASSERT_EQ(x < y, a < b);
    ASSERT_EQ(x == y, a == b);
    if (a >= b) {
      ASSERT_EQ(value_of(x - y), a - b);
    }
    ASSERT_EQ(value_of(x.copy()), a);
  }
}

TEST_F(HeapNumberTest, ProductsQuotientsAndRemaindersAreThoseOfWideIntegers) {
  Random random(2);
  for (int i = 0; i < 20'000; ++i) {
    const Wide a = drawn(random, 64);
    const Wide b = drawn(random, 64);
    ASSERT_EQ(value_of(number_of(a) * number_of(b)), a * b);
    const Wide dividend = drawn(random, 128);
    const Wide divisor = drawn(random, 128);
    if (divisor == 0) continue;
    const auto [quotient, remainder] = number_of(dividend).divide(number_of(divisor));
    ASSERT_EQ(value_of(quotient), dividend / divisor);
    ASSERT_EQ(value_of(remainder), dividend % divisor);
    const auto small = static_cast<std::uint32_t>(divisor | 1U);
    const auto [short_quotient, short_remainder] = number_of(dividend).divide(small);
    ASSERT_EQ(value_of(short_quotient), dividend / small);
    ASSERT_EQ(short_remainder, dividend % small);
  }
}

// Dividends longer than 128 bits, where only the identity itself can be asked.
TEST_F(HeapNumberTest, QuotientTimesDivisorAndRemainderMakeTheDividend) {
  Random random(3);
  for (int i = 0; i < 20'000; ++i) {
    const Number a = number_of(drawn(random, 128)) * number_of(drawn(random, 128));
    const Number b = number_of(drawn(random, 128) | 1U);
    const auto [quotient, remainder] = a.divide(b);
    ASSERT_LT(remainder, b);
    ASSERT_EQ(quotient * b + remainder, a);
  }
}

TEST_F(HeapNumberTest, DigitThatWasEstimatedTooLargeIsMended) {
  // Knuth's case D6 by hand: (2^96 - 2^64 + 2^32) / (2^64 - 1) with 32-bit digits.
  const Number two32(std::uint64_t{1} << 32U);
  const Number dividend = (two32 * two32 * two32 - two32 * two32) + two32;
  const Number divisor(~std::uint64_t{0});
  const auto [quotient, remainder] = dividend.divide(divisor);
  EXPECT_EQ(quotient * divisor + remainder, dividend);
  EXPECT_LT(remainder, divisor);
  EXPECT_EQ(quotient.low_64_bits(), 0xffffffffU);
}

TEST_F(HeapNumberTest, SquareRootIsTheLargestWhoseSquareFits) {
  Random random(4);
  for (int i = 0; i < 5'000; ++i) {
    const Number a = number_of(drawn(random, 128));
    const Number root = a.square_root();
    ASSERT_LE(root * root, a);
    const Number above = root + Number(1);
    ASSERT_GT(above * above, a);
  }
  for (const std::uint64_t square : {0U, 1U, 4U, 9U}) {
    EXPECT_EQ((Number(square) * Number(square)).square_root(), Number(square));
  }
}

TEST_F(HeapNumberTest, GreatestCommonDivisorOfMultiples) {
  const Number common(1'000'003);
  EXPECT_EQ(greatest_common_divisor(common * Number(12), common * Number(35)), common);
  EXPECT_EQ(greatest_common_divisor(Number(0), Number(7)), Number(7));
}

TEST_F(HeapNumberTest, SubtractingMoreThanThereIsEndsTheProcess) {
  EXPECT_DEATH((void)(Number(1) - Number(2)), "invariant failed");
}

Number factor(const Number& n, unsigned primes) {
  ContinuedFraction<Number> fraction(primes);
  fraction.start(n);
  while (!fraction.step()) {
  }
  return std::move(fraction.found());
}

TEST_F(HeapNumberTest, SemiprimesOfAllLengthsAreFactored) {
  for (std::int64_t digits = Semiprime::kFewestDigits; digits <= 20; ++digits) {
    const Semiprime number = Semiprime::of_digits(digits);
    ASSERT_TRUE(is_prime(number.p) && is_prime(number.q));
    ASSERT_NE(number.p, number.q);
    Wide power = 1;
    for (std::int64_t i = 1; i < digits; ++i) power *= 10;
    const Wide product = Wide{number.p} * number.q;
    ASSERT_TRUE(product >= power && product < 10 * power) << digits;
    const Number found = factor(Number(number.p) * Number(number.q), 40);
    EXPECT_TRUE(found == Number(number.p) || found == Number(number.q)) << digits;
  }
}

TEST_F(HeapNumberTest, PrimeHasNoFactorToBeFound) {
  for (const std::uint64_t prime : {10'007U, 1'000'003U}) {
    EXPECT_TRUE(factor(Number(prime), 10).is_zero()) << prime;
  }
}

TEST_F(HeapNumberTest, FactoringCanBeLeftUnfinished) {
  ContinuedFraction<Number> fraction(40);
  fraction.start(Number(100'000'007) * Number(998'244'353));
  EXPECT_FALSE(fraction.step());
  EXPECT_FALSE(fraction.step());
}

TEST(SemiprimeTest, TrialDivisionKnowsSmallPrimes) {
  int primes = 0;
  for (std::uint64_t value = 0; value < 1000; ++value) primes += is_prime(value) ? 1 : 0;
  EXPECT_EQ(primes, 168);
}

}  // namespace
}  // namespace stackheap
