// Blocks that lie side by side, `stride` bytes apart, in a mapping of their own, with nothing
// between them and no record inside: what one overruns is the next one's bytes and nothing else.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>

#include "tests/mutants/fork_lock.hpp"

namespace mutant {

class Region {
 public:
  // Null where there is none left; then the healthy allocator is asked.
  void* take(std::size_t stride) {
    const Locked locked;
    if (base_ == nullptr && !map(stride)) return nullptr;
    if (free_ == 0 && fresh_ == kBlocks) return nullptr;
    const std::uint32_t index = free_ != 0 ? free_list_[--free_] : fresh_++;
    live_[index] = true;
    return base_ + index * stride_;
  }
  bool contains(const void* block) const {
    const auto* const address = static_cast<const char*>(block);
    return base_ != nullptr && base_ <= address && address < base_ + kBlocks * stride_;
  }
  void give_back(void* block) {
    const Locked locked;
    const std::size_t index = index_of(block);
    live_[index] = false;
    grown_[index] = false;
    free_list_[free_++] = static_cast<std::uint32_t>(index);
  }
  // Lets it have the bytes of the block behind it, if that one is alive. What a Region is for.
  bool grow_over_live_neighbour(const void* block) {
    const Locked locked;
    const std::size_t index = index_of(block);
    if (!live_[index + 1]) return false;
    grown_[index] = true;
    return true;
  }
  std::size_t usable(const void* block) const {
    return grown_[index_of(block)] ? 2 * stride_ : stride_;
  }

 private:
  static constexpr std::uint32_t kBlocks = 16'384;

  std::size_t index_of(const void* block) const {
    return static_cast<std::size_t>(static_cast<const char*>(block) - base_) / stride_;
  }
  bool map(std::size_t stride) {
    // One stride more: the last block has room behind it.
    void* const memory = ::mmap(nullptr, (kBlocks + 1) * stride, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return false;
    stride_ = stride;
    base_ = static_cast<char*>(memory);
    return true;
  }

  char* base_ = nullptr;
  std::size_t stride_ = 0;
  std::uint32_t fresh_ = 0;
  std::uint32_t free_ = 0;
  std::uint32_t free_list_[kBlocks];
  bool live_[kBlocks + 1] = {};
  bool grown_[kBlocks] = {};
};

}  // namespace mutant
