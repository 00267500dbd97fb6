// Sizes whose frequency falls off linearly, as threads/random-batches draws them.
#pragma once

#include <algorithm>
#include <cstdint>

#include "harness/base/random.hpp"

namespace stackheap {

// Whole sizes from `smallest` to `largest`, both reachable, with a frequency that falls in a
// straight line to nearly 0 at the largest: the lesser of two uniform draws. The mean lies a third
// of the way up. Requires smallest <= largest; takes one random number.
class LinearFallOff {
 public:
  constexpr LinearFallOff(std::uint32_t smallest, std::uint32_t largest)
      : smallest_(smallest), count_(std::uint64_t{largest} - smallest + 1) {}

  std::uint32_t draw(Random& random) const {
    const std::uint64_t drawn = random();
    const std::uint64_t lesser = std::min(drawn & 0xffffffffU, drawn >> 32U);
    return smallest_ + static_cast<std::uint32_t>((lesser * count_) >> 32U);
  }

  // Exact: the sum over k >= 1 of the probability ((n - k) / n)^2 that a size is k or more above
  // the smallest.
  constexpr double mean() const {
    const auto n = static_cast<double>(count_);
    return smallest_ + (n - 1) * (2 * n - 1) / (6 * n);
  }

 private:
  std::uint32_t smallest_;
  std::uint64_t count_;
};

}  // namespace stackheap
