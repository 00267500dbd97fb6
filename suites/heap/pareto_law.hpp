// The two laws of heap/pareto: which slot, and how large. They stand apart so that a test can
// compare them with their description. std::discrete_distribution would do for the first but for
// its table, which has an entry a slot and would compete with the workload for the cache.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

namespace stackheap {

// A slot of `count`, by the 80/20 rule nested six times: 80 % of the picks fall into 20 % of the
// slots and the other 20 % into the rest, and each part is divided again in the same way. What
// matters of a slot is at how many of the six levels it lies on the cold side, so the slots are in
// seven classes, from the hottest to the coldest; class k has
//     C(6, k) 0.8^(6-k) 0.2^k of the picks   and   C(6, k) 0.2^(6-k) 0.8^k of the slots,
// and within it all are alike. The hottest 1.7 % of the slots get 90 % of the picks.
class NestedPareto {
 public:
  static constexpr unsigned kLevels = 6;

  // Requires a count of 1 to 2^31.
  explicit NestedPareto(std::uint32_t count) : count_(count) {
    constexpr double kBinomials[kLevels + 1] = {1, 6, 15, 20, 15, 6, 1};
    double picks = 0;  // of the classes so far, as a share
    double slots = 0;
    for (unsigned k = 0; k <= kLevels; ++k) {
      const double of_picks = kBinomials[k] * std::pow(0.8, kLevels - k) * std::pow(0.2, k);
      const double of_slots = kBinomials[k] * std::pow(0.2, kLevels - k) * std::pow(0.8, k);
      classes_[k] = {.first_pick = picks * kRange,
                     .first_slot = slots * count,
                     .slots_per_pick = of_slots * count / (of_picks * kRange)};
      picks += of_picks;
      slots += of_slots;
      if (k < kLevels) last_pick_[k] = static_cast<std::uint32_t>(picks * kRange);
    }
  }

  // The slot that a uniform 32-bit number picks; 0 is the hottest, count - 1 the coldest.
  std::uint32_t at(std::uint32_t bits) const {
    unsigned k = 0;
    for (const std::uint32_t last : last_pick_) k += bits > last ? 1U : 0U;
    const Class& chosen = classes_[k];
    const double slot =
        chosen.first_slot + (std::max(0.0, bits - chosen.first_pick)) * chosen.slots_per_pick;
    return std::min(static_cast<std::uint32_t>(slot), count_ - 1);
  }

 private:
  static constexpr double kRange = 0x1p32;

  struct Class {
    double first_pick = 0;  // of the 2^32 possible ones
    double first_slot = 0;
    double slots_per_pick = 0;
  };

  std::uint32_t count_;
  std::array<std::uint32_t, kLevels> last_pick_{};  // of all classes but the last
  std::array<Class, kLevels + 1> classes_{};
};

inline constexpr std::uint32_t kLargestHalvingSize = 1024;
inline constexpr double kMeanHalvingSize = 27.5;  // summed over the classes of halving_size()
inline constexpr unsigned kHalvingSizeBits = 16;

// An object's size in bytes, from kHalvingSizeBits random bits: half of the objects have 5 to 8 B,
// a quarter 9 to 16 B, and so on, each doubling half as frequent as the one before, up to 1,024 B;
// the last class has what is left, and within a class all sizes are alike.
constexpr std::uint32_t halving_size(std::uint32_t bits) {
  constexpr std::uint32_t kClassBits = 7;
  const std::uint32_t of_class = (bits & ((1U << kClassBits) - 1)) + 1;
  const std::uint32_t below = 4U << static_cast<unsigned>(std::countr_zero(of_class));
  return below + 1 + ((bits >> kClassBits) & (below - 1));
}

}  // namespace stackheap
