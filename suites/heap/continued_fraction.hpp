// Factoring by continued fractions: M. Morrison and J. Brillhart, "A Method of Factoring and the
// Factorization of F7", Mathematics of Computation 29 (1975), in the form of D. Knuth, "The Art of
// Computer Programming", vol. 2, 4.5.4, algorithm E.
//
// The expansion of the square root of k N yields, step by step, numbers A and Q with A^2 = +-Q
// modulo N, where Q stays below twice that root. A Q whose primes are all in a small base is a
// relation; some product of relations is a square on both sides, and the greatest common divisor of
// the sum of the two roots with N is a factor, half of the time.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "harness/base/error.hpp"
#include "harness/base/mapped.hpp"

namespace stackheap {

// Tables are mapped memory; numbers are `Number`s (heap_number.hpp), wherever these live.
template <class Number>
class ContinuedFraction {
 public:
  static constexpr unsigned kMostPrimes = 126;

  ContinuedFraction() = default;
  // `primes` is the size of the factor base, up to kMostPrimes: more of them make a relation more
  // likely, and more relations necessary.
  explicit ContinuedFraction(unsigned primes)
      : base_(primes), pivot_of_(primes + 1), rows_(primes + 2) {
    STACKHEAP_CHECK(primes >= 1 && primes <= kMostPrimes);
  }

  // Starts to factor n. Requires n > 3, and the end of what was started before.
  void start(const Number& n) {
    n_ = n.copy();
    next_multiplier_ = 0;
    expand_next();
  }

  // Tries one Q and goes on to the next; true at the end.
  bool step() {
    if (q_.is_zero() || q_.is_one()) return !expand_next();
    if (is_relation() && eliminate() && combine()) {
      give_back();
      return true;
    }
    advance();
    return false;
  }

  // After the end: a factor of n other than 1 and n; 0 where none was found, as for a prime or the
  // square of one. All other numbers are given back by then.
  Number& found() { return found_; }

 private:
  // Up to 128 columns: the sign, then one for each prime.
  struct Bits {
    std::array<std::uint64_t, 2> words{};
    void flip(unsigned i) { words[i / 64] ^= std::uint64_t{1} << (i % 64); }
    bool test(unsigned i) const { return (words[i / 64] >> (i % 64) & 1U) != 0; }
    bool none() const { return (words[0] | words[1]) == 0; }
    unsigned lowest() const {
      return static_cast<unsigned>(words[0] != 0 ? std::countr_zero(words[0])
                                                 : 64 + std::countr_zero(words[1]));
    }
    void add(const Bits& other) {
      words[0] ^= other.words[0];
      words[1] ^= other.words[1];
    }
  };

  // A relation, and the same row of the matrix after elimination.
  struct Row {
    Number root;  // A
    std::array<std::uint8_t, kMostPrimes> exponents{};
    Bits parity;   // of the combination: bit 0 the sign, bit 1 + i that of prime i
    Bits history;  // the rows whose relations are combined in it
  };

  static constexpr std::uint8_t kNoPivot = 255;

  static bool is_square_modulo(std::uint64_t value, std::uint64_t prime) {
    std::uint64_t power = 1;  // Euler's criterion
    for (std::uint64_t exponent = (prime - 1) / 2; exponent > 0; exponent /= 2) {
      if (exponent % 2 != 0) power = power * value % prime;
      value = value * value % prime;
    }
    return power == 1;
  }

  static bool is_prime(std::uint32_t value) {
    for (std::uint32_t i = 2; i * i <= value; ++i) {
      if (value % i == 0) return false;
    }
    return true;
  }

  // Only primes modulo which k N is a square divide a Q.
  void choose_base(const Number& kn) {
    std::uint32_t prime = 1;
    for (std::uint32_t& chosen : base_) {
      for (;;) {
        do ++prime;
        while (!is_prime(prime));
        const std::uint32_t rest = kn.divide(prime).remainder;
        if (prime == 2 || rest == 0 || is_square_modulo(rest, prime)) break;
      }
      chosen = prime;
    }
  }

  // The expansion for one k may repeat itself before there are enough relations; there are more.
  // False, with nothing found, after the last.
  bool expand_next() {
    constexpr std::array<std::uint32_t, 10> kMultipliers{1, 2, 3, 5, 6, 7, 10, 11, 13, 14};
    for (Row& row : rows_) row = Row();
    used_ = 0;
    for (std::uint8_t& pivot : pivot_of_) pivot = kNoPivot;
    if (next_multiplier_ == kMultipliers.size()) {
      give_back();
      found_ = Number(0);
      return false;
    }
    const Number kn = n_ * Number(kMultipliers[next_multiplier_++]);
    choose_base(kn);
    root_ = kn.square_root();
    p_ = root_.copy();
    q_ = kn - root_ * root_;
    q_before_ = Number(1);
    a_ = root_ % n_;
    a_before_ = Number(1);
    negative_ = true;
    return true;
  }

  void advance() {
    const Number quotient = (root_ + p_) / q_;
    Number p_next = quotient * q_ - p_;
    Number q_next =
        p_ >= p_next ? q_before_ + quotient * (p_ - p_next) : q_before_ - quotient * (p_next - p_);
    Number a_next = (quotient * a_ + a_before_) % n_;
    p_ = std::move(p_next);
    q_before_ = std::exchange(q_, std::move(q_next));
    a_before_ = std::exchange(a_, std::move(a_next));
    negative_ = !negative_;
  }

  void give_back() {
    for (Row& row : rows_) row = Row();
    for (Number* number : {&n_, &root_, &p_, &q_, &q_before_, &a_, &a_before_}) {
      *number = Number();
    }
  }

  // Divides q by the primes of the base; if nothing is left, the next row holds the relation. The
  // quotient of every trial is a number on the heap, also of those that leave a remainder.
  bool is_relation() {
    Row& row = rows_[used_];
    row.parity = Bits();
    if (negative_) row.parity.flip(0);
    Number rest = q_.copy();
    for (unsigned i = 0; i < base_.size(); ++i) {
      row.exponents[i] = 0;
      for (;;) {
        auto trial = rest.divide(base_[i]);
        if (trial.remainder != 0) break;
        rest = std::move(trial.quotient);
        ++row.exponents[i];
      }
      if (row.exponents[i] % 2 != 0) row.parity.flip(1 + i);
    }
    if (!rest.is_one()) return false;
    row.root = a_.copy();
    row.history = Bits();
    row.history.flip(used_);
    return true;
  }

  // Adds the next row to the matrix; true if it and others combine to a square. It then is not
  // needed as a row and will be overwritten.
  bool eliminate() {
    Row& row = rows_[used_];
    while (!row.parity.none()) {
      std::uint8_t& pivot = pivot_of_[row.parity.lowest()];
      if (pivot == kNoPivot) {
        pivot = static_cast<std::uint8_t>(used_++);
        return false;
      }
      row.parity.add(rows_[pivot].parity);
      row.history.add(rows_[pivot].history);
    }
    return true;
  }

  // The common divisor of n and of the sum of both sides' roots in the next row's combination; true
  // if it is found to be a factor.
  bool combine() {
    const Bits& history = rows_[used_].history;
    std::array<std::uint32_t, kMostPrimes> exponents{};
    Number left(1);
    for (unsigned i = 0; i <= used_; ++i) {
      if (!history.test(i)) continue;
      left = left * rows_[i].root % n_;
      for (unsigned j = 0; j < base_.size(); ++j) exponents[j] += rows_[i].exponents[j];
    }
    Number right(1);
    for (unsigned j = 0; j < base_.size(); ++j) {
      const Number prime(base_[j]);
      for (std::uint32_t e = 0; e < exponents[j] / 2; ++e) right = right * prime % n_;
    }
    Number divisor = greatest_common_divisor(left + right, n_.copy());
    if (divisor.is_one() || divisor == n_) return false;
    found_ = std::move(divisor);
    return true;
  }

  Number n_;
  Number found_;
  std::size_t next_multiplier_ = 0;
  // Of the current step, or the one before; the root is that of k n.
  Number root_;
  Number p_;
  Number q_;
  Number q_before_;
  Number a_;
  Number a_before_;
  bool negative_ = false;  // the sign of Q in A^2 = +-Q

  MappedArray<std::uint32_t> base_;
  MappedArray<std::uint8_t> pivot_of_;  // column -> row
  MappedArray<Row> rows_;
  unsigned used_ = 0;  // rows of the matrix; the next one is being tried
};

}  // namespace stackheap
