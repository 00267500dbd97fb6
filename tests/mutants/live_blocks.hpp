// Some of the blocks that are alive, with what was asked for them and by whom: as many as fit into
// a table by their address, where a newcomer takes the place of whoever has the same slot. Whoever
// calls holds the lock, so that what it is told stays true while it acts on it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tests/mutants/fork_lock.hpp"
#include "tests/mutants/seed.hpp"

namespace mutant {

struct LiveBlock {
  void* block = nullptr;  // null: none
  std::size_t bytes = 0;
  const void* owner = nullptr;  // this_thread() of the one that allocated it
};

inline const void* this_thread() {
  return &random_state;
}

class LiveBlocks {
 public:
  void note(void* block, std::size_t bytes) {
    slot_of(block) = {block, bytes, this_thread()};
    by_size_[bytes % kSlots] = block;
  }
  // What was known of it.
  LiveBlock forget(void* block) {
    LiveBlock& slot = slot_of(block);
    if (slot.block != block) return {};
    const LiveBlock known = slot;
    slot = {};
    return known;
  }
  // One of exactly that size.
  LiveBlock of_size(std::size_t bytes) {
    void* const block = by_size_[bytes % kSlots];
    if (block == nullptr) return {};
    const LiveBlock& slot = slot_of(block);
    return slot.block == block && slot.bytes == bytes ? slot : LiveBlock{};
  }
  // Any one, by a random number.
  LiveBlock any(std::uint64_t random) {
    for (std::size_t i = 0; i < kSlots; ++i) {
      const LiveBlock& slot = slots_[(random + i) % kSlots];
      if (slot.block != nullptr) return slot;
    }
    return {};
  }

 private:
  static constexpr std::size_t kSlots = 4096;
  LiveBlock& slot_of(void* block) {
    const auto address = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(block));
    return slots_[(address >> 4U) * 0x9e3779b97f4a7c15U >> 52U];
  }

  LiveBlock slots_[kSlots];
  void* by_size_[kSlots] = {};
};

}  // namespace mutant
