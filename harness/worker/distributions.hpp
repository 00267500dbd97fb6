// Object sizes that follow a power law, drawn by a table look-up. The closed form needs a pow() or
// a division for every draw, and a plain table of quantiles either misses the rare large sizes or
// fills the first-level cache that the workload is meant to have.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "harness/base/mapped.hpp"
#include "harness/base/random.hpp"

namespace stackheap {

// Whole sizes from `minimum` to `maximum` (bytes, both reachable) whose frequency falls as
// size^-exponent: size s stands for the interval [s, s + 1) of the continuous density, cut off at
// maximum + 1. Exponent 2 is the inverse-square law, for which P(s) is proportional to
// 1 / (s (s + 1)).
//
// The table holds the law's quantiles at tail probabilities (the share of larger sizes) that are
// spaced like floating-point numbers: 64 steps per halving, 26 halvings. So the rare large sizes
// are as exact as the frequent small ones (both within 1.6 %), in 7 KiB of mapped memory, of which
// the frequent sizes use 1 KiB. Tail probabilities below 2^-26 all give the largest size, so a law
// steeper than size^-2.5 over many powers of two gets too many of these.
class SizeTable {
 public:
  // Requires 1 <= minimum <= maximum < 2^24 - 1 and a finite exponent.
  SizeTable(double exponent, std::uint32_t minimum, std::uint32_t maximum);

  std::uint32_t draw(Random& random) const {
    return at(static_cast<std::uint32_t>(random() >> 32U));
  }

  // The size at tail probability bits / 2^32: the largest at 0, the smallest at 2^32 - 1. For
  // callers that use one random number for two purposes.
  std::uint32_t at(std::uint32_t bits) const {
    const std::uint32_t tail = std::max(bits, std::uint32_t{1} << kLowestTop);
    const unsigned top = static_cast<unsigned>(std::bit_width(tail)) - 1;
    const unsigned fraction_bits = top - kStepBits;
    const std::size_t step = (std::size_t{top - kLowestTop} << kStepBits) +
                             (tail >> fraction_bits) - (std::size_t{1} << kStepBits);
    const std::uint64_t fraction = tail & ((std::uint64_t{1} << fraction_bits) - 1);
    const std::uint64_t upper = quantiles_[step];
    const std::uint64_t span = upper - quantiles_[step + 1];
    return static_cast<std::uint32_t>(((upper << fraction_bits) - span * fraction) >>
                                      (fraction_bits + kPointBits));
  }

 private:
  static constexpr unsigned kOctaves = 26;
  static constexpr unsigned kStepBits = 6;
  static constexpr unsigned kLowestTop = 32 - kOctaves;
  static constexpr unsigned kPointBits = 8;  // the quantiles' binary places

  MappedArray<std::uint32_t> quantiles_;  // falling; one more than there are steps
};

}  // namespace stackheap
