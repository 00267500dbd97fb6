// The number that heap/bignum factors.
#pragma once

#include <cstdint>

#include "harness/base/random.hpp"

namespace stackheap {

// By trial division: a few milliseconds for the largest that are asked for here.
constexpr bool is_prime(std::uint64_t value) {
  if (value < 4) return value > 1;
  if (value % 2 == 0) return false;
  for (std::uint64_t i = 3; i * i <= value; i += 2) {
    if (value % i == 0) return false;
  }
  return true;
}

// Two different primes whose product has the given number of decimal digits.
struct Semiprime {
  static constexpr std::int64_t kFewestDigits = 8;
  static constexpr std::int64_t kMostDigits = 24;

  std::uint64_t p = 0;
  std::uint64_t q = 0;

  // The same ones for the same number of digits: the work must not differ between samples.
  static constexpr Semiprime of_digits(std::int64_t digits) {
    Random random(static_cast<std::uint64_t>(digits));
    Semiprime result;
    result.p = prime_of((digits + 1) / 2, random);
    do result.q = prime_of(digits / 2, random);
    while (result.q == result.p);
    return result;
  }

 private:
  // Above 0.5 and below 0.9 times the power of ten, so that a product of two has all its digits.
  static constexpr std::uint64_t prime_of(std::int64_t digits, Random& random) {
    double power = 1;
    for (std::int64_t i = 0; i < digits; ++i) power *= 10;
    auto value = static_cast<std::uint64_t>((0.5 + 0.39 * random.unit()) * power) | 1U;
    while (!is_prime(value)) value += 2;
    return value;
  }
};

}  // namespace stackheap
