#include "harness/worker/block_registry.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <new>

#include "harness/base/error.hpp"
#include "harness/base/mapped.hpp"

namespace stackheap {
namespace {

constexpr unsigned kAddressBits = 47;  // of user space
constexpr unsigned kPartBits = 16;     // 64 KiB
constexpr std::size_t kParts = std::size_t{1} << (kAddressBits - kPartBits);
constexpr unsigned kGranuleBits = 3;
// A word holds 32 granules: whether they are live below, whether a block begins there above.
constexpr unsigned kGranulesPerWord = 32;
constexpr std::size_t kWordsPerPart =
    (std::size_t{1} << (kPartBits - kGranuleBits)) / kGranulesPerWord;
constexpr std::size_t kPartsPerTablePage = 4096 / sizeof(std::uint32_t);

// Zeroed when touched, and not before.
void* reserve(std::size_t bytes) {
  void* address = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED) {
    throw CannotRun(
        "the registry of live blocks needs 9 GiB of address space (not of memory), which is "
        "refused: see ulimit -v and /proc/sys/vm/overcommit_memory");
  }
  return address;
}

constexpr std::uint64_t live_mask(unsigned first, unsigned last) {
  return ((std::uint64_t{2} << last) - 1) & ~((std::uint64_t{1} << first) - 1);
}
constexpr std::uint64_t start_bit(unsigned position) {
  return std::uint64_t{1} << (position + kGranulesPerWord);
}
constexpr std::uint64_t kLive = (std::uint64_t{1} << kGranulesPerWord) - 1;

std::uint64_t granule_of(const void* address) {
  return reinterpret_cast<std::uintptr_t>(address) >> kGranuleBits;
}

// Calls visit(granule of the word's first bit, first position, last position) for each word of the
// block, until it returns false.
template <class Visit>
void for_each_word(const void* address, std::size_t size, Visit&& visit) {
  const std::uint64_t first = granule_of(address);
  const std::uint64_t last =
      (reinterpret_cast<std::uintptr_t>(address) + std::max<std::size_t>(size, 1) - 1) >>
      kGranuleBits;
  for (std::uint64_t word = first / kGranulesPerWord; word <= last / kGranulesPerWord; ++word) {
    const std::uint64_t base = word * kGranulesPerWord;
    const auto from = static_cast<unsigned>(std::max(first, base) - base);
    const auto to = static_cast<unsigned>(std::min(last, base + kGranulesPerWord - 1) - base);
    if (!visit(base, from, to)) return;
  }
}

}  // namespace

BlockRegistry::BlockRegistry(std::size_t most_heap_bytes)
    : most_parts_(static_cast<std::uint32_t>(most_heap_bytes >> kPartBits)) {
  parts_ = static_cast<std::atomic<std::uint32_t>*>(reserve(kParts * sizeof(std::uint32_t)));
  words_ = static_cast<Word*>(reserve(most_parts_ * kWordsPerPart * sizeof(Word)));
  static_assert(Word::is_always_lock_free && sizeof(Word) == sizeof(std::uint64_t));
}

BlockRegistry::~BlockRegistry() {
  unmap_pages(parts_, kParts * sizeof(std::uint32_t));
  unmap_pages(words_, most_parts_ * kWordsPerPart * sizeof(Word));
}

std::uint32_t BlockRegistry::add_part(std::uint64_t part) {
  std::uint32_t known = 0;
  const std::uint32_t index = used_parts_.fetch_add(1, std::memory_order_relaxed);
  if (index >= most_parts_) {
    used_parts_.fetch_sub(1, std::memory_order_relaxed);
    return 0;
  }
  const std::size_t page = part / kPartsPerTablePage * kPartsPerTablePage;
  const bool first =
      std::all_of(parts_ + page, parts_ + page + kPartsPerTablePage,
                  [](auto& entry) { return entry.load(std::memory_order_relaxed) == 0; });
  if (first) table_pages_.fetch_add(1, std::memory_order_relaxed);
  // Another thread may have been faster; then this index stays unused.
  if (parts_[part].compare_exchange_strong(known, index + 1, std::memory_order_acq_rel)) {
    return index + 1;
  }
  return known;
}

const BlockRegistry::Word* BlockRegistry::find_word(std::uint64_t granule) const {
  const std::uint64_t part = granule >> (kPartBits - kGranuleBits);
  STACKHEAP_CHECK(part < kParts);
  const std::uint32_t entry = parts_[part].load(std::memory_order_acquire);
  if (entry == 0) return nullptr;
  return words_ + (entry - 1) * kWordsPerPart + granule / kGranulesPerWord % kWordsPerPart;
}

BlockRegistry::Word* BlockRegistry::word_of(std::uint64_t granule) {
  const std::uint64_t part = granule >> (kPartBits - kGranuleBits);
  STACKHEAP_CHECK(part < kParts);
  std::uint32_t entry = parts_[part].load(std::memory_order_acquire);
  if (entry == 0) [[unlikely]] {
    entry = add_part(part);
  }
  if (entry == 0) [[unlikely]] {
    untracked_.fetch_add(1, std::memory_order_relaxed);
    return nullptr;
  }
  return words_ + (entry - 1) * kWordsPerPart + granule / kGranulesPerWord % kWordsPerPart;
}

std::optional<BlockRegistry::Range> BlockRegistry::insert(const void* address, std::size_t size) {
  std::optional<Range> found;
  const std::uint64_t begin = granule_of(address);
  for_each_word(address, size, [&](std::uint64_t base, unsigned from, unsigned to) {
    Word* word = word_of(base);
    if (word == nullptr) return true;
    const std::uint64_t live = live_mask(from, to);
    const std::uint64_t bits = base + from == begin ? live | start_bit(from) : live;
    const std::uint64_t before = word->fetch_or(bits, std::memory_order_acq_rel);
    if ((before & live) == 0) [[likely]] {
      return true;
    }
    // What was there is told as it was.
    word->fetch_and(~(bits & ~before), std::memory_order_acq_rel);
    found = block_around(base + static_cast<unsigned>(std::countr_zero(before & live)));
    return false;
  });
  return found;
}

bool BlockRegistry::remove(const void* address, std::size_t size) {
  bool known = true;
  const std::uint64_t begin = granule_of(address);
  for_each_word(address, size, [&](std::uint64_t base, unsigned from, unsigned to) {
    Word* word = word_of(base);
    if (word == nullptr) return true;
    const std::uint64_t live = live_mask(from, to);
    const std::uint64_t starts = live << kGranulesPerWord;
    const std::uint64_t bits = base + from == begin ? live | start_bit(from) : live;
    const std::uint64_t before = word->fetch_and(~bits, std::memory_order_acq_rel);
    known &= (before & (live | starts)) == bits;
    return true;
  });
  return known;
}

bool BlockRegistry::is_live(std::uint64_t granule) const {
  const Word* word = find_word(granule);
  return word != nullptr &&
         (word->load(std::memory_order_acquire) >> (granule % kGranulesPerWord) & 1U) != 0;
}

bool BlockRegistry::is_start(std::uint64_t granule) const {
  const Word* word = find_word(granule);
  return word != nullptr && (word->load(std::memory_order_acquire) &
                             start_bit(static_cast<unsigned>(granule % kGranulesPerWord))) != 0;
}

BlockRegistry::Range BlockRegistry::block_around(std::uint64_t granule) const {
  std::uint64_t begin = granule;
  while (!is_start(begin) && is_live(begin - 1)) --begin;
  std::uint64_t end = granule + 1;
  while (is_live(end) && !is_start(end)) ++end;
  return {begin << kGranuleBits, end << kGranuleBits};
}

std::optional<BlockRegistry::Range> BlockRegistry::find(const void* address) const {
  const std::uint64_t granule = granule_of(address);
  if (!is_live(granule)) return std::nullopt;
  return block_around(granule);
}

std::uint64_t BlockRegistry::own_bytes() const {
  return std::uint64_t{used_parts_.load()} * kWordsPerPart * sizeof(Word) +
         std::uint64_t{table_pages_.load()} * 4096;
}

std::uint64_t BlockRegistry::live_bytes() const {
  std::uint64_t granules = 0;
  for (std::size_t i = 0; i < used_parts_.load() * kWordsPerPart; ++i) {
    granules += static_cast<unsigned>(std::popcount(words_[i].load() & kLive));
  }
  return granules << kGranuleBits;
}

}  // namespace stackheap
