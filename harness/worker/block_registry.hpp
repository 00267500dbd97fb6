// Which bytes of the heap are live, known without the heap's help. A set of blocks ordered by
// address behind a lock would do; it would also make every thread wait for every other, and two
// threads that take turns never race inside the allocator. So this is a map of bits: one for every
// 8 bytes that are live, and one for every 8 bytes at which a block begins, in words that threads
// change with one atomic operation each. That is as fine as sharding can be: threads meet only
// where their blocks are less than 256 bytes apart.
//
// The bits lie in mapped memory: a table by 64 KiB of address space, then 2 KiB of bits for each
// part in which a block was ever live. All of it is reserved at construction, since a check may
// later limit the address space to what is in use.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace stackheap {

class BlockRegistry {
 public:
  // 16 GiB of heap by default. Throws CannotRun where the address space is refused.
  explicit BlockRegistry(std::size_t most_heap_bytes = std::size_t{16} << 30U);
  BlockRegistry(const BlockRegistry&) = delete;
  BlockRegistry& operator=(const BlockRegistry&) = delete;
  ~BlockRegistry();

  // A live block, as exact as multiples of 8 bytes can be.
  struct Range {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
  };

  // Marks [address, address + size) as one live block; size 0 counts as 1. The block that was live
  // there already, if any: then nothing in the registry means anything any more. Call it after the
  // allocation. Requires an address that is a multiple of 8.
  std::optional<Range> insert(const void* address, std::size_t size);
  // Call it before the block is freed or resized. False: no such block is registered.
  bool remove(const void* address, std::size_t size);

  // The live block that this byte is in.
  std::optional<Range> find(const void* address) const;
  // Bytes of its own memory in use, of at most `most_heap_bytes` / 32 and a table.
  std::uint64_t own_bytes() const;
  // Bits of live granules, times 8. For when no thread changes anything.
  std::uint64_t live_bytes() const;
  // Words of blocks that were not looked at, because the heap went through more address space than
  // the registry has room for.
  std::uint64_t untracked() const { return untracked_.load(std::memory_order_relaxed); }

 private:
  using Word = std::atomic<std::uint64_t>;

  Word* word_of(std::uint64_t granule);  // null where the registry is full
  const Word* find_word(std::uint64_t granule) const;
  std::uint32_t add_part(std::uint64_t part);
  bool is_live(std::uint64_t granule) const;
  bool is_start(std::uint64_t granule) const;
  Range block_around(std::uint64_t granule) const;

  std::atomic<std::uint32_t>* parts_ = nullptr;  // by address / 64 KiB: 1 + index of its words
  Word* words_ = nullptr;
  std::uint32_t most_parts_ = 0;
  std::atomic<std::uint32_t> used_parts_{0};
  std::atomic<std::uint32_t> table_pages_{0};
  std::atomic<std::uint64_t> untracked_{0};
};

}  // namespace stackheap
