#include "harness/worker/verified_heap.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>

#include "harness/allocators/proof.hpp"
#include "harness/worker/block_contents.hpp"
#include "harness/worker/entry_points.hpp"

namespace stackheap {
namespace {

constexpr std::array<const char*, kHeapFunctions> kNames{
    "malloc",        "calloc",   "realloc", "reallocarray", "posix_memalign",
    "aligned_alloc", "memalign", "valloc",  "pvalloc"};
constexpr std::size_t kPage = 4096;
constexpr std::size_t kMaxAlign = alignof(std::max_align_t);
static_assert(kMaxAlign == 16);

// What the function must align its result to. A block of size 0 holds no object to be aligned.
std::size_t promised_alignment(HeapFunction function, std::size_t size, std::size_t alignment) {
  if (size == 0) return 1;
  switch (function) {
    case HeapFunction::kPosixMemalign:
    case HeapFunction::kAlignedAlloc:
    case HeapFunction::kMemalign:
      return alignment;
    case HeapFunction::kValloc:
    case HeapFunction::kPvalloc:
      return kPage;
    default:
      // Below, an object of that size needs no more than its size (C11 6.2.8, 7.22.3); what it
      // gets is a record of blocks/alignment.
      return size >= kMaxAlign ? kMaxAlign : size >= 8 ? 8 : 1;
  }
}

void* obtain(HeapFunction function, std::size_t size, std::size_t alignment, std::uint64_t id) {
  switch (function) {
    case HeapFunction::kMalloc:
      return heap::malloc(size);
    case HeapFunction::kCalloc: {
      // The same bytes as one element, as bytes, and as something between.
      const std::size_t element = id % 3 == 0 ? 1 : id % 3 == 1 && size % 8 == 0 ? 8 : size;
      return element == 0 ? heap::calloc(1, 0) : heap::calloc(size / element, element);
    }
    case HeapFunction::kRealloc:
      return heap::realloc(nullptr, size);
    case HeapFunction::kReallocarray:
      return heap::reallocarray(nullptr, 1, size);
    case HeapFunction::kPosixMemalign: {
      void* block = nullptr;
      const int error = heap::posix_memalign(&block, alignment, size);
      if (error != 0) errno = error;
      return error == 0 ? block : nullptr;
    }
    case HeapFunction::kAlignedAlloc:
      return heap::aligned_alloc(alignment, size);
    case HeapFunction::kMemalign:
      return heap::memalign(alignment, size);
    case HeapFunction::kValloc:
      return heap::valloc(size);
    case HeapFunction::kPvalloc:
      return heap::pvalloc(size);
  }
  return nullptr;
}

bool can_be_registered(const Block& block) {
  return reinterpret_cast<std::uintptr_t>(block.address) % 8 == 0;
}

}  // namespace

const char* name_of(HeapFunction function) {
  return kNames[static_cast<unsigned>(function)];
}

bool is_of_this_heap(HeapFunction function) {
  static const std::array<bool, kHeapFunctions> kKnown = [] {
    std::array<bool, kHeapFunctions> known{};
    const std::string_view of_malloc = origin_of("malloc");
    for (unsigned i = 0; i < kHeapFunctions; ++i) known[i] = of_malloc == origin_of(kNames[i]);
    return known;
  }();
  return kKnown[static_cast<unsigned>(function)];
}

VerifiedHeap::VerifiedHeap(CheckRun& run, OnNull on_null) : run_(run), on_null_(on_null) {
  is_of_this_heap(HeapFunction::kMalloc);  // asks the dynamic linker now, not in a lane
}

void VerifiedHeap::enter(CheckLane& lane, const Block& block) {
  if (!can_be_registered(block)) return;
  if (const auto other = registry_.insert(block.address, block.size)) [[unlikely]] {
    lane.unsafe("%s(%zu) gave %p, within a live block: %#zx to %#zx (%zu B)",
                name_of(block.function), block.size, static_cast<void*>(block.address),
                other->begin, other->end, other->end - other->begin);
  }
}

void VerifiedHeap::leave(CheckLane& lane, const Block& block) {
  if (!can_be_registered(block)) return;
  if (!registry_.remove(block.address, block.size)) [[unlikely]] {
    lane.unsafe("the block of %zu B at %p from %s is no longer the only one in its place",
                block.size, static_cast<void*>(block.address), name_of(block.function));
  }
}

void VerifiedHeap::verify_prefix(CheckLane& lane, const Block& block, std::size_t bytes,
                                 const char* when) const {
  if (contents::intact(block.address, bytes, block.id)) [[likely]] {
    return;
  }
  const contents::Damage damage = contents::damage_of(block.address, bytes, block.id);
  lane.unsafe(
      "block of %zu B at %p from %s: %zu of %zu B changed %s, at offsets %zu to %zu; the first is "
      "%#04x and should be %#04x",
      block.size, static_cast<void*>(block.address), name_of(block.function), damage.bytes, bytes,
      when, damage.first, damage.last, damage.found, damage.expected);
}

// Libraries that take blocks of a power of two for aligned to their size, where they are not.
void VerifiedHeap::misaligned(CheckLane& lane, const Block& block, std::size_t promised) {
  const auto address = reinterpret_cast<std::uintptr_t>(block.address);
  const char* format = "%s gave %p for %zu B, which is no multiple of %zu";
  if (std::has_single_bit(block.size) && block.size >= promised && promised > kMaxAlign &&
      address % kMaxAlign == 0 && block.size <= 1024) {
    run_.unsafe_unless_known("misaligned-power-of-two", format, name_of(block.function),
                             static_cast<void*>(block.address), block.size, promised);
  } else {
    lane.unsafe(format, name_of(block.function), static_cast<void*>(block.address), block.size,
                promised);
  }
}

Block VerifiedHeap::allocate(CheckLane& lane, HeapFunction function, std::size_t size,
                             std::size_t alignment) {
  // C11: the size is a multiple of the alignment. C17 dropped that, libraries need not have.
  if (function == HeapFunction::kAlignedAlloc)
    size = (size + alignment - 1) / alignment * alignment;
  Block block;
  block.size = size;
  block.function = function;
  block.id = lane.next_id++;
  {
    const CheckLane::Call call(lane, name_of(function), size);
    block.address = static_cast<std::byte*>(obtain(function, size, alignment, block.id));
  }
  if (block.address == nullptr) {
    if (on_null_ == OnNull::kUnsafe && size != 0) {
      lane.unsafe("%s(%zu) is null: %s", name_of(function), size, strerrordesc_np(errno));
    }
    return {};
  }
  const std::size_t promised = promised_alignment(function, size, alignment);
  if (reinterpret_cast<std::uintptr_t>(block.address) % promised != 0) [[unlikely]] {
    misaligned(lane, block, promised);
  }
  enter(lane, block);
  if (function == HeapFunction::kCalloc && !contents::is_zero(block.address, size)) [[unlikely]] {
    std::size_t at = 0;
    while (block.address[at] == std::byte{0}) ++at;
    lane.unsafe("calloc of %zu B gave %p, of which byte %zu is %#04x and not 0", size,
                static_cast<void*>(block.address), at, static_cast<unsigned>(block.address[at]));
  }
  contents::fill(block.address, size, block.id);
  return block;
}

void VerifiedHeap::verify(CheckLane& lane, const Block& block) const {
  verify_prefix(lane, block, block.size, "while it was live");
}

void VerifiedHeap::release(CheckLane& lane, Block& block) {
  if (!block) return;
  verify_prefix(lane, block, block.size, "until it was freed");
  leave(lane, block);
  {
    const CheckLane::Call call(lane, "free", block.size);
    heap::free(block.address);
  }
  block = {};
}

bool VerifiedHeap::reallocate(CheckLane& lane, Block& block, std::size_t size, bool array) {
  verify_prefix(lane, block, block.size, "until its size was changed");
  leave(lane, block);
  void* moved = nullptr;
  {
    const CheckLane::Call call(lane, array ? "reallocarray" : "realloc", size);
    moved = array ? heap::reallocarray(block.address, 1, size) : heap::realloc(block.address, size);
  }
  if (moved == nullptr) {
    enter(lane, block);
    verify_prefix(lane, block, block.size, "although resizing it failed");
    if (on_null_ == OnNull::kUnsafe) {
      lane.unsafe("realloc of %zu B to %zu B is null: %s", block.size, size,
                  strerrordesc_np(errno));
    }
    return false;
  }
  Block resized = block;
  resized.address = static_cast<std::byte*>(moved);
  resized.size = size;
  resized.function = array ? HeapFunction::kReallocarray : HeapFunction::kRealloc;
  if (reinterpret_cast<std::uintptr_t>(moved) %
          promised_alignment(HeapFunction::kRealloc, size, 0) !=
      0) [[unlikely]] {
    lane.unsafe("realloc of %zu B at %p to %zu B gave %p, which is not aligned", block.size,
                static_cast<void*>(block.address), size, moved);
  }
  enter(lane, resized);
  verify_prefix(lane, resized, std::min(block.size, size), "when it was resized");
  block = resized;
  block.id = lane.next_id++;
  contents::fill(block.address, block.size, block.id);
  return true;
}

}  // namespace stackheap
