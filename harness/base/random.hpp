// A small fast generator for workloads: xoshiro256** seeded by splitmix64, after the description
// in D. Blackman and S. Vigna, "Scrambled Linear Pseudorandom Number Generators", ACM TOMS 2021.
// std::mt19937 would do, but its 2.5 KiB of state would compete with the workload for the cache.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace stackheap {

// One step of splitmix64; also used to derive independent seeds from one seed.
constexpr std::uint64_t splitmix64(std::uint64_t& state) noexcept {
  state += 0x9e3779b97f4a7c15U;
  std::uint64_t z = state;
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31U);
}

// A seed for stream `stream` of `seed`: different streams are unrelated, equal inputs are equal.
constexpr std::uint64_t derive_seed(std::uint64_t seed, std::uint64_t stream) {
  std::uint64_t state = seed ^ (0xd1342543de82ef95U * (stream + 1));
  splitmix64(state);
  return splitmix64(state);
}

class Random {
 public:
  using result_type = std::uint64_t;

  explicit constexpr Random(std::uint64_t seed = 0) noexcept {
    for (auto& word : state_) word = splitmix64(seed);
  }

  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return ~result_type{0}; }

  constexpr result_type operator()() {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17U;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  // Uniform in [0, bound), bound > 0, by multiply-shift (D. Lemire, ACM TOMACS 2019) without the
  // rejection step: the bias is below bound / 2^32 and bounds here are small. Requires a bound
  // below 2^32.
  constexpr std::uint32_t below(std::uint32_t bound) {
    return static_cast<std::uint32_t>((((*this)() >> 32U) * bound) >> 32U);
  }

  // Uniform in [0, 1) with 53 bits.
  constexpr double unit() { return static_cast<double>((*this)() >> 11U) * 0x1.0p-53; }

 private:
  std::uint64_t state_[4]{};
};

// Fisher and Yates' shuffle; std::shuffle's draws differ between standard libraries.
template <class T>
void shuffle(std::vector<T>& items, Random& random) {
  for (std::size_t i = items.size(); i > 1; --i) {
    std::swap(items[i - 1], items[random.below(static_cast<std::uint32_t>(i))]);
  }
}

}  // namespace stackheap
