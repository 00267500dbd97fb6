// The heap with everything verified that can be: results are aligned, no live range overlaps
// another (block_registry.hpp), contents are those of the block's own id (block_contents.hpp) until
// it is freed, calloc's are zero, realloc keeps what it must. A violation ends the check as unsafe.
#pragma once

#include <cstddef>
#include <cstdint>

#include "harness/worker/block_registry.hpp"
#include "harness/worker/check.hpp"

namespace stackheap {

enum class HeapFunction : unsigned char {
  kMalloc,
  kCalloc,
  kRealloc,  // of a null pointer
  kReallocarray,
  kPosixMemalign,
  kAlignedAlloc,
  kMemalign,
  kValloc,
  kPvalloc,
};
inline constexpr unsigned kHeapFunctions = 9;
const char* name_of(HeapFunction function);
// Not every library has the obsolete ones; another's would not fit the process's free().
bool is_of_this_heap(HeapFunction function);

struct Block {
  std::byte* address = nullptr;  // null: none
  std::size_t size = 0;
  std::uint64_t id = 0;
  HeapFunction function = HeapFunction::kMalloc;

  explicit operator bool() const { return address != nullptr; }
};

class VerifiedHeap {
 public:
  // May the heap be exhausted? Else a null result is unsafe too.
  enum class OnNull { kUnsafe, kAllowed };
  explicit VerifiedHeap(CheckRun& run, OnNull on_null = OnNull::kUnsafe);

  // A block with its contents. `alignment` is for the functions that take one: a power of two of at
  // least sizeof(void*); for aligned_alloc the size is rounded up to it.
  Block allocate(CheckLane& lane, HeapFunction function, std::size_t size,
                 std::size_t alignment = 16);
  // Compares all of its contents.
  void verify(CheckLane& lane, const Block& block) const;
  // Verifies and frees; the block is none afterwards. Nothing where it is none.
  void release(CheckLane& lane, Block& block);
  // Verifies, resizes (realloc or, where `array`, reallocarray) and verifies what was kept. False:
  // the heap said null; the block is what it was, and was verified again. `size` above 0.
  bool reallocate(CheckLane& lane, Block& block, std::size_t size, bool array = false);

  BlockRegistry& registry() { return registry_; }
  const BlockRegistry& registry() const { return registry_; }

 private:
  void enter(CheckLane& lane, const Block& block);
  void misaligned(CheckLane& lane, const Block& block, std::size_t promised);
  void leave(CheckLane& lane, const Block& block);
  void verify_prefix(CheckLane& lane, const Block& block, std::size_t bytes,
                     const char* when) const;

  CheckRun& run_;
  OnNull on_null_;
  BlockRegistry registry_;
};

}  // namespace stackheap
