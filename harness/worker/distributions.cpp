#include "harness/worker/distributions.hpp"

#include <cmath>

#include "harness/base/error.hpp"

namespace stackheap {
namespace {

// The x at which a share `tail` of the mass of x^-exponent on [low, high] lies above.
double power_law_quantile(double exponent, double low, double high, double tail) {
  const double power = 1.0 - exponent;
  if (std::abs(power) < 1e-9) return high * std::pow(low / high, tail);
  const double at_low = std::pow(low, power);
  const double at_high = std::pow(high, power);
  return std::pow(at_high + tail * (at_low - at_high), 1.0 / power);
}

}  // namespace

SizeTable::SizeTable(double exponent, std::uint32_t minimum, std::uint32_t maximum)
    : quantiles_((std::size_t{kOctaves} << kStepBits) + 1) {
  STACKHEAP_CHECK(std::isfinite(exponent));
  STACKHEAP_CHECK(minimum >= 1 && minimum <= maximum && maximum < (1U << 24U) - 1);
  const double low = minimum;
  const double high = static_cast<double>(maximum) + 1.0;
  const double scale = std::uint32_t{1} << kPointBits;
  // Rounding must leave neither end: the integer part of every draw is within the bounds.
  const double lowest = low * scale;
  const double highest = high * scale - 1.0;
  const std::size_t steps = quantiles_.size() - 1;
  for (std::size_t step = 1; step < steps; ++step) {
    const auto octave = static_cast<int>(step >> kStepBits);
    const double mantissa = 1.0 + static_cast<double>(step & ((1U << kStepBits) - 1)) /
                                      static_cast<double>(1U << kStepBits);
    const double tail = std::ldexp(mantissa, octave - static_cast<int>(kOctaves));
    const double quantile = power_law_quantile(exponent, low, high, tail) * scale;
    quantiles_[step] = static_cast<std::uint32_t>(std::clamp(quantile, lowest, highest));
  }
  quantiles_[0] = static_cast<std::uint32_t>(highest);
  quantiles_[steps] = static_cast<std::uint32_t>(lowest);
}

}  // namespace stackheap
