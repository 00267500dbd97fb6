// What a block holds while it is live: words that follow from its own id, so that no two blocks
// agree in a word, and a byte from elsewhere shows wherever it lands. Plain loops over eight words
// at a time, which compilers turn into vector code; memset and memcmp would be as fast, with the
// same byte for all blocks.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "harness/base/random.hpp"

namespace stackheap::contents {

inline constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15U;  // odd: all words of a block differ
inline constexpr std::size_t kLot = 8;
inline constexpr auto kSteps = [] {
  std::array<std::uint64_t, kLot> steps{};
  for (std::size_t i = 0; i < kLot; ++i) steps[i] = i * kStep;
  return steps;
}();

// The attributes stand where both compilers take them for the new type.
using Word __attribute__((may_alias, aligned(1))) = std::uint64_t;

constexpr std::uint64_t first_word(std::uint64_t id) {
  return splitmix64(id);
}

inline void fill(void* block, std::size_t size, std::uint64_t id) {
  Word* const words = static_cast<Word*>(block);  // `auto` would lose the attributes
  const std::size_t count = size / sizeof(std::uint64_t);
  std::uint64_t base = first_word(id);
  std::size_t i = 0;
  for (; i + kLot <= count; i += kLot, base += kLot * kStep) {
    for (std::size_t j = 0; j < kLot; ++j) words[i + j] = base + kSteps[j];
  }
  for (std::size_t left = count % kLot; left != 0; --left, ++i, base += kStep) words[i] = base;
  std::memcpy(static_cast<char*>(block) + i * sizeof base, &base, size % sizeof base);
}

// Whether the first `bytes` are still those of fill(block, at least bytes, id). Reads all of them.
inline bool intact(const void* block, std::size_t bytes, std::uint64_t id) {
  const Word* const words = static_cast<const Word*>(block);
  const std::size_t count = bytes / sizeof(std::uint64_t);
  std::uint64_t base = first_word(id);
  std::array<std::uint64_t, kLot> wrong{};
  std::size_t i = 0;
  for (; i + kLot <= count; i += kLot, base += kLot * kStep) {
    for (std::size_t j = 0; j < kLot; ++j) wrong[j] |= words[i + j] ^ (base + kSteps[j]);
  }
  for (; i < count; ++i, base += kStep) wrong[0] |= words[i] ^ base;
  if (std::memcmp(static_cast<const char*>(block) + i * sizeof base, &base, bytes % sizeof base) !=
      0) {
    return false;
  }
  for (std::size_t j = 1; j < kLot; ++j) wrong[0] |= wrong[j];
  return wrong[0] == 0;
}

inline bool is_zero(const void* block, std::size_t bytes) {
  const Word* const words = static_cast<const Word*>(block);
  const std::size_t count = bytes / sizeof(std::uint64_t);
  std::array<std::uint64_t, kLot> set{};
  std::size_t i = 0;
  for (; i + kLot <= count; i += kLot) {
    for (std::size_t j = 0; j < kLot; ++j) set[j] |= words[i + j];
  }
  for (; i < count; ++i) set[0] |= words[i];
  for (std::size_t j = 1; j < kLot; ++j) set[0] |= set[j];
  std::uint64_t rest = 0;
  std::memcpy(&rest, static_cast<const char*>(block) + i * sizeof rest, bytes % sizeof rest);
  return (set[0] | rest) == 0;
}

// The byte that fill() writes at `offset`.
inline unsigned char byte_at(std::uint64_t id, std::size_t offset) {
  const std::uint64_t word = first_word(id) + offset / sizeof(std::uint64_t) * kStep;
  unsigned char bytes[sizeof word];
  std::memcpy(bytes, &word, sizeof word);
  return bytes[offset % sizeof word];
}

// Where and how much it differs, for the report.
struct Damage {
  std::size_t first = 0;  // offsets
  std::size_t last = 0;
  std::size_t bytes = 0;
  unsigned char expected = 0;  // at `first`
  unsigned char found = 0;
};
inline Damage damage_of(const void* block, std::size_t size, std::uint64_t id) {
  Damage damage;
  for (std::size_t i = 0; i < size; ++i) {
    const unsigned char found = static_cast<const unsigned char*>(block)[i];
    const unsigned char expected = byte_at(id, i);
    if (found == expected) continue;
    if (damage.bytes++ == 0) {
      damage.first = i;
      damage.expected = expected;
      damage.found = found;
    }
    damage.last = i;
  }
  return damage;
}

}  // namespace stackheap::contents
