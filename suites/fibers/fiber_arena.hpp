// The memory of one fiber: blocks cut from chunks one after the other, and a free list for each
// power of two. Nothing in it is for more than one thread at a time, and all of it ends with the
// fiber. Chunks are mapped and so independent of the allocator under test.
#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <new>

#include "harness/base/error.hpp"

namespace stackheap {

class FiberArena {
 public:
  static constexpr std::size_t kLargest = 32'768;

  FiberArena() = default;
  FiberArena(const FiberArena&) = delete;
  FiberArena& operator=(const FiberArena&) = delete;
  ~FiberArena() { release(); }

  // 1 to kLargest bytes, aligned to 16. Throws std::bad_alloc.
  void* obtain(std::size_t bytes) {
    const unsigned index = class_of(bytes);
    if (Block* const block = free_[index]) {
      free_[index] = block->next;
      return block;
    }
    const std::size_t room = kSmallest << index;
    if (left_ < room) add_chunk();
    left_ -= room;
    return next_ + left_;
  }

  // Of the same size as it was obtained with.
  void give_back(void* memory, std::size_t bytes) {
    const unsigned index = class_of(bytes);
    free_[index] = new (memory) Block{free_[index]};
  }

  // All that was obtained.
  void release() noexcept {
    while (chunks_ != nullptr) {
      Chunk* const chunk = chunks_;
      chunks_ = chunk->next;
      STACKHEAP_CHECK(::munmap(chunk, kChunk) == 0);
    }
    free_ = {};
    left_ = 0;
  }

 private:
  static constexpr std::size_t kSmallest = 16;
  static constexpr std::size_t kChunk = std::size_t{64} << 10U;
  static constexpr unsigned kClasses = 12;
  static_assert(kSmallest << (kClasses - 1) == kLargest);

  struct Block {
    Block* next;
  };
  struct Chunk {
    alignas(kSmallest) Chunk* next;
  };

  static unsigned class_of(std::size_t bytes) {
    return static_cast<unsigned>(std::bit_width((bytes - 1) | (kSmallest - 1))) -
           static_cast<unsigned>(std::bit_width(kSmallest - 1));
  }

  // What is left of the last one is lost until release().
  [[gnu::noinline]] void add_chunk() {
    void* const memory =
        ::mmap(nullptr, kChunk, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    chunks_ = new (memory) Chunk{chunks_};
    next_ = static_cast<unsigned char*>(memory) + sizeof(Chunk);
    left_ = kChunk - sizeof(Chunk);
  }

  std::array<Block*, kClasses> free_{};
  unsigned char* next_ = nullptr;  // the last chunk's space
  std::size_t left_ = 0;           // of it, from its beginning
  Chunk* chunks_ = nullptr;
};

}  // namespace stackheap
