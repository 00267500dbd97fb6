// What heap/strings puts into its strings: pieces of a random text, of random lengths around a
// mean. The text is drawn once and mapped, since a string of fresh random letters would cost more
// than its allocation.
#pragma once

#include <cstdint>
#include <string_view>

#include "harness/base/mapped.hpp"
#include "harness/base/random.hpp"

namespace stackheap {

// A length from 1 to 2 x mean - 1, all equally frequent, so that their mean is `mean`; `bits` are
// uniform. Of mean 8 all fit into libstdc++'s short strings (15 characters), of mean 16 48 %, of
// mean 64 12 %.
constexpr std::uint32_t string_length(std::uint32_t bits, std::uint32_t mean) {
  return 1 + static_cast<std::uint32_t>((std::uint64_t{bits} * (2 * mean - 1)) >> 32U);
}

class RandomText {
 public:
  static constexpr std::uint32_t kOffsets = 1U << 16U;

  // Letters of 64 kinds, and enough of them for a piece of `longest` at each offset.
  RandomText(Random random, std::uint32_t longest) : letters_(kOffsets + longest) {
    for (char& letter : letters_) letter = static_cast<char>('0' + random.below(64));
  }

  // `offset` below kOffsets.
  std::string_view piece(std::uint32_t offset, std::uint32_t length) const {
    return {letters_.data() + offset, length};
  }

 private:
  MappedArray<char> letters_;
};

}  // namespace stackheap
