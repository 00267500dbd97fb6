// Whole numbers of any length whose limbs lie on the heap: every result of an operation is a block
// of its own, however short, as in the arithmetic of the program cfrac. A library for real use
// keeps short numbers inline and works in place; here the many tiny blocks are the point.
#pragma once

#include <algorithm>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "harness/base/error.hpp"
#include "harness/worker/workload.hpp"

namespace stackheap {

// `Memory` says where a block comes from:
//   static void* obtain(std::size_t bytes);     throws std::bad_alloc
//   static void give_back(void* block);
// Copies are made by copy() alone, so that none is made by accident. A default-constructed or
// moved-from number has no block and can only be assigned to.
template <class Memory>
class HeapNumber {
 public:
  struct Division {
    HeapNumber quotient;
    HeapNumber remainder;
  };
  struct ShortDivision {
    HeapNumber quotient;
    std::uint32_t remainder;
  };

  HeapNumber() = default;
  explicit HeapNumber(std::uint64_t value) : HeapNumber(Room{2}) {
    at(0) = low(value);
    at(1) = high(value);
    trim();
  }
  HeapNumber(HeapNumber&& other) noexcept : words_(std::exchange(other.words_, nullptr)) {}
  HeapNumber& operator=(HeapNumber&& other) noexcept {
    HeapNumber moved(std::move(other));
    std::swap(words_, moved.words_);
    return *this;
  }
  HeapNumber(const HeapNumber&) = delete;
  HeapNumber& operator=(const HeapNumber&) = delete;
  ~HeapNumber() {
    if (words_ != nullptr) Memory::give_back(words_);
  }

  HeapNumber copy() const {
    HeapNumber result(Room{limbs()});
    std::copy_n(&at(0), limbs(), &result.at(0));
    return result;
  }

  bool is_zero() const { return limbs() == 0; }
  bool is_one() const { return limbs() == 1 && at(0) == 1; }
  // The lowest 64 bits.
  std::uint64_t low_64_bits() const {
    const std::uint64_t first = limbs() > 0 ? at(0) : 0;
    return limbs() > 1 ? join(at(1), at(0)) : first;
  }

  friend std::strong_ordering operator<=>(const HeapNumber& a, const HeapNumber& b) {
    if (a.limbs() != b.limbs()) return a.limbs() <=> b.limbs();
    for (std::uint32_t i = a.limbs(); i-- > 0;) {
      if (a.at(i) != b.at(i)) return a.at(i) <=> b.at(i);
    }
    return std::strong_ordering::equal;
  }
  friend bool operator==(const HeapNumber& a, const HeapNumber& b) { return (a <=> b) == 0; }

  friend HeapNumber operator+(const HeapNumber& a, const HeapNumber& b) {
    if (a.limbs() < b.limbs()) return b + a;
    HeapNumber sum(Room{a.limbs() + 1});
    std::uint64_t carry = 0;
    for (std::uint32_t i = 0; i < a.limbs(); ++i) {
      carry += std::uint64_t{a.at(i)} + (i < b.limbs() ? b.at(i) : 0);
      sum.at(i) = low(carry);
      carry = high(carry);
    }
    sum.at(a.limbs()) = low(carry);
    return sum.trim();
  }

  // Requires a >= b.
  friend HeapNumber operator-(const HeapNumber& a, const HeapNumber& b) {
    HeapNumber difference(Room{a.limbs()});
    std::uint64_t borrow = 0;
    for (std::uint32_t i = 0; i < a.limbs(); ++i) {
      const std::uint64_t less = std::uint64_t{a.at(i)} - (i < b.limbs() ? b.at(i) : 0) - borrow;
      difference.at(i) = low(less);
      borrow = less >> 63U;
    }
    STACKHEAP_CHECK(borrow == 0);
    return difference.trim();
  }

  friend HeapNumber operator*(const HeapNumber& a, const HeapNumber& b) {
    HeapNumber product(Room{a.limbs() + b.limbs()});
    std::fill_n(&product.at(0), product.limbs(), 0);
    for (std::uint32_t i = 0; i < a.limbs(); ++i) {
      std::uint64_t carry = 0;
      for (std::uint32_t j = 0; j < b.limbs(); ++j) {
        carry += std::uint64_t{a.at(i)} * b.at(j) + product.at(i + j);
        product.at(i + j) = low(carry);
        carry = high(carry);
      }
      product.at(i + b.limbs()) = low(carry);
    }
    return product.trim();
  }

  // Requires divisor > 0.
  ShortDivision divide(std::uint32_t divisor) const {
    HeapNumber quotient(Room{limbs()});
    std::uint64_t remainder = 0;
    for (std::uint32_t i = limbs(); i-- > 0;) {
      const std::uint64_t part = join(low(remainder), at(i));
      quotient.at(i) = low(part / divisor);
      remainder = part % divisor;
    }
    quotient.trim();
    return {std::move(quotient), low(remainder)};
  }

  // Long division, algorithm D of D. Knuth, "The Art of Computer Programming", vol. 2, 4.3.1.
  // Requires divisor > 0.
  Division divide(const HeapNumber& divisor) const {
    STACKHEAP_CHECK(!divisor.is_zero());
    if (*this < divisor) return {HeapNumber(0), copy()};
    const std::uint32_t n = divisor.limbs();
    if (n == 1) {
      ShortDivision division = divide(divisor.at(0));
      return {std::move(division.quotient), HeapNumber(division.remainder)};
    }
    // With the divisor's highest bit set, an estimated digit is at most 2 too large.
    const auto shift = static_cast<unsigned>(std::countl_zero(divisor.at(n - 1)));
    HeapNumber rest = shifted_left(shift);
    const HeapNumber by = divisor.shifted_left(shift);
    HeapNumber quotient(Room{limbs() - n + 1});
    for (std::uint32_t j = limbs() - n + 1; j-- > 0;) {
      quotient.at(j) = rest.subtract_multiple(j, by, n, rest.estimate(j, by, n));
    }
    quotient.trim();
    return {std::move(quotient), rest.shifted_right(shift, n)};
  }

  friend HeapNumber operator/(const HeapNumber& a, const HeapNumber& b) {
    return a.divide(b).quotient;
  }
  friend HeapNumber operator%(const HeapNumber& a, const HeapNumber& b) {
    return a.divide(b).remainder;
  }

  // The largest number whose square is not above this one; Newton's iteration from above.
  HeapNumber square_root() const {
    if (is_zero()) return HeapNumber(0);
    const std::uint32_t bits =
        32 * limbs() - static_cast<std::uint32_t>(std::countl_zero(at(limbs() - 1)));
    const std::uint32_t half = (bits + 1) / 2;
    HeapNumber root(Room{half / 32 + 1});
    std::fill_n(&root.at(0), root.limbs(), 0);
    root.at(half / 32) = 1U << (half % 32);
    for (;;) {
      HeapNumber next = (root + *this / root).divide(2).quotient;
      if (next >= root) return root;
      root = std::move(next);
    }
  }

  friend HeapNumber greatest_common_divisor(HeapNumber a, HeapNumber b) {
    while (!b.is_zero()) {
      HeapNumber rest = a % b;
      a = std::move(b);
      b = std::move(rest);
    }
    return a;
  }

 private:
  struct Room {
    std::uint32_t limbs;
  };
  explicit HeapNumber(Room room)
      : words_(static_cast<std::uint32_t*>(
            Memory::obtain((std::size_t{room.limbs} + 1) * sizeof(std::uint32_t)))) {
    escape(words_);
    words_[0] = room.limbs;
  }

  static std::uint32_t low(std::uint64_t value) { return static_cast<std::uint32_t>(value); }
  static std::uint32_t high(std::uint64_t value) {
    return static_cast<std::uint32_t>(value >> 32U);
  }
  static std::uint64_t join(std::uint32_t high, std::uint32_t low) {
    return (std::uint64_t{high} << 32U) | low;
  }

  std::uint32_t limbs() const { return words_[0]; }
  std::uint32_t& at(std::uint32_t i) { return words_[1 + i]; }
  const std::uint32_t& at(std::uint32_t i) const { return words_[1 + i]; }

  HeapNumber&& trim() {
    while (words_[0] > 0 && at(words_[0] - 1) == 0) --words_[0];
    return std::move(*this);
  }

  // With one limb more than this number, untrimmed. Requires a shift below 32.
  HeapNumber shifted_left(unsigned shift) const {
    HeapNumber shifted(Room{limbs() + 1});
    std::uint64_t carry = 0;
    for (std::uint32_t i = 0; i < limbs(); ++i) {
      carry |= std::uint64_t{at(i)} << shift;
      shifted.at(i) = low(carry);
      carry = high(carry);
    }
    shifted.at(limbs()) = low(carry);
    return shifted;
  }

  // Of the lowest `n` limbs.
  HeapNumber shifted_right(unsigned shift, std::uint32_t n) const {
    HeapNumber shifted(Room{n});
    std::uint32_t above = 0;
    for (std::uint32_t i = n; i-- > 0;) {
      shifted.at(i) = low(join(above, at(i)) >> shift);
      above = at(i);
    }
    return shifted.trim();
  }

  // Knuth's steps D3: a digit of the quotient, right or one too large.
  std::uint64_t estimate(std::uint32_t j, const HeapNumber& by, std::uint32_t n) const {
    const std::uint64_t top = join(at(j + n), at(j + n - 1));
    std::uint64_t digit = top / by.at(n - 1);
    std::uint64_t rest = top % by.at(n - 1);
    while (high(digit) != 0 || digit * by.at(n - 2) > join(low(rest), at(j + n - 2))) {
      --digit;
      rest += by.at(n - 1);
      if (high(rest) != 0) break;
    }
    return digit;
  }

  // D4 to D6: takes digit times `by` away at limb j; returns the digit, mended if it was too large.
  std::uint32_t subtract_multiple(std::uint32_t j, const HeapNumber& by, std::uint32_t n,
                                  std::uint64_t digit) {
    std::uint64_t carry = 0;
    std::uint64_t borrow = 0;
    for (std::uint32_t i = 0; i <= n; ++i) {
      carry += i < n ? digit * by.at(i) : 0;
      const std::uint64_t less = std::uint64_t{at(i + j)} - low(carry) - borrow;
      at(i + j) = low(less);
      borrow = less >> 63U;
      carry = high(carry);
    }
    if (borrow == 0) return low(digit);
    carry = 0;
    for (std::uint32_t i = 0; i < n; ++i) {
      carry += std::uint64_t{at(i + j)} + by.at(i);
      at(i + j) = low(carry);
      carry = high(carry);
    }
    at(j + n) += low(carry);
    return low(digit - 1);
  }

  std::uint32_t* words_ = nullptr;  // the number of limbs, then these, the lowest first
};

}  // namespace stackheap
