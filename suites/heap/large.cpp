// Twenty large blocks of 5 to 25 MiB are zeroed and replaced in turn
//
// Models a program that works on images, matrices or columns: few blocks, each far above what an
// allocator keeps ready, and every byte of them used. The pattern is that of malloc-large in the
// benchmark collection mimalloc-bench (2021; from a report on slow large blocks): 20 blocks live,
// sizes uniform from 5 to 25 MiB, each filled with zeros as `new char[n]()` does. There a random
// block is replaced, here the oldest, so that all live equally long.
//
// One operation is one MiB of a block written (or what is left of it). The first of a block frees
// the oldest block and obtains the new one, so a block takes 5 to 25 operations. A whole block as
// the operation would make windows of several hundred milliseconds.
//
// Good: near `no-alloc`: the allocator reuses pages it already has. Bad: several times slower: each
// block is mapped, faulted in page by page, and unmapped again, which is the kernel's time; with
// more threads, the kernel's lock on the address space. Memory tells the other side: to keep what
// is freed costs residence. `calloc` asks for the zeros instead of writing them and writes 8 B a
// page: an allocator that knows that its pages are fresh need not clear them.
//
// Setup fills all slots and replaces five, since an allocator may learn from the first large free
// (glibc raises the size from which it maps a block). `no-alloc` writes in turn to 20 blocks that
// stay, with sizes of the same law. A thread holds 300 MiB on average.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "harness/base/mapped.hpp"
#include "harness/worker/fault_hook.hpp"
#include "harness/worker/variant.hpp"
#include "harness/worker/workload.hpp"
#include "suites/heap/large_law.hpp"
#include "suites/heap/sources.hpp"

namespace stackheap {
namespace {

constexpr std::size_t kSlots = 20;
constexpr std::size_t kReplacedInSetup = 5;
constexpr std::size_t kPage = 4096;

enum class Kind { kMalloc, kCalloc, kNoAlloc };
constexpr VariantName<Kind> kKinds[] = {
    {"malloc", Kind::kMalloc}, {"calloc", Kind::kCalloc}, {"no-alloc", Kind::kNoAlloc}};

struct Slot {
  unsigned char* block = nullptr;
  std::size_t bytes = 0;
  std::size_t written = 0;
  std::uint64_t mark = 0;  // at the start of each stretch
};

struct alignas(2 * kCacheLine) LaneState {
  Slot slots[kSlots]{};
  MappedArray<unsigned char> place;  // of no-alloc
  std::size_t turn = 0;              // the slot that is being written
  std::uint64_t marks = 0;
  std::uint64_t written = 0;  // operations
};

bool is_zero(const unsigned char* bytes, std::size_t count) {
  return count == 0 || (bytes[0] == 0 && std::memcmp(bytes, bytes + 1, count - 1) == 0);
}

class Large {
 public:
  explicit Large(const CellSpec& spec) : kind_(variant_of(spec, kKinds)), states_(spec.threads) {}
  Large(const Large&) = delete;
  Large& operator=(const Large&) = delete;
  // What a verify that threw has left.
  ~Large() {
    if (kind_ == Kind::kNoAlloc) return;
    for (LaneState& state : states_) {
      for (Slot& slot : state.slots) std::free(slot.block);
    }
  }

  void setup(Lane& lane) {
    LaneState& state = states_[lane.index];
    if (kind_ == Kind::kNoAlloc) place_blocks(lane, state);
    // The last of these blocks is whole, but for the operations of steps to come.
    for (std::size_t i = 0; i < kSlots + kReplacedInSetup; ++i) {
      do {
        step(lane, 1);
      } while (state.slots[state.turn].written < state.slots[state.turn].bytes);
    }
    if (planted_fault() == Fault::kDrop) --state.written;
  }

  void step(Lane& lane, std::uint64_t n) {
    LaneState& state = states_[lane.index];
    switch (kind_) {
      case Kind::kMalloc:
        run<Kind::kMalloc>(lane, state, n);
        break;
      case Kind::kCalloc:
        run<Kind::kCalloc>(lane, state, n);
        break;
      case Kind::kNoAlloc:
        run<Kind::kNoAlloc>(lane, state, n);
        break;
    }
  }

  void verify(Lane& lane) {
    LaneState& state = states_[lane.index];
    const Fault fault = planted_fault();
    if (fault == Fault::kFlipByte) state.slots[0].block[sizeof(Slot::mark)] ^= 0xffU;
    const char* problem = state.written == lane.counter ? nullptr : "operations were lost";
    for (Slot& slot : state.slots) {
      if (!is_intact(slot)) problem = "a block does not hold what was written";
      if (&slot == state.slots && fault == Fault::kSkipFree) continue;
      lane.freed(slot.bytes);
      if (kind_ != Kind::kNoAlloc) std::free(slot.block);
      slot.block = nullptr;
    }
    if (lane.live_bytes != 0) problem = "not every block was freed";
    if (problem != nullptr) {
      throw CheckFailed("heap/large: lane " + std::to_string(lane.index) + ": " + problem);
    }
  }

 private:
  template <Kind kKind>
  static void replace(Lane& lane, LaneState& state) {
    state.turn = state.turn + 1 == kSlots ? 0 : state.turn + 1;
    Slot& slot = state.slots[state.turn];
    const std::size_t bytes = large_size(static_cast<std::uint32_t>(lane.random() >> 32U));
    if constexpr (kKind == Kind::kNoAlloc) {
      escape(bytes);
    } else {
      lane.freed(std::exchange(slot.bytes, 0));
      std::free(std::exchange(slot.block, nullptr));
      void* const block =
          kKind == Kind::kMalloc ? MallocSource().obtain(bytes) : CallocSource().obtain(bytes);
      slot.block = static_cast<unsigned char*>(block);
      slot.bytes = bytes;
      lane.allocated(bytes);
    }
    slot.written = 0;
    slot.mark = (++state.marks << 12U) + lane.index + 1;
    escape(slot.block);
  }

  template <Kind kKind>
  static void run(Lane& lane, LaneState& state, std::uint64_t n) {
    for (std::uint64_t i = 0; i < n; ++i) {
      if (state.slots[state.turn].written == state.slots[state.turn].bytes) {
        replace<kKind>(lane, state);
      }
      Slot& slot = state.slots[state.turn];
      unsigned char* const stretch = slot.block + slot.written;
      const std::size_t bytes = std::min(kStretchBytes, slot.bytes - slot.written);
      if constexpr (kKind == Kind::kCalloc) {
        for (std::size_t at = 0; at < bytes; at += kPage) {
          std::memcpy(stretch + at, &slot.mark, sizeof slot.mark);
        }
      } else {
        std::memset(stretch, 0, bytes);
        std::memcpy(stretch, &slot.mark, sizeof slot.mark);
      }
      escape(stretch);
      slot.written += bytes;
      ++state.written;
    }
    lane.counter += n;
  }

  // As far as it is written: the mark at the start of each stretch, and zeros. All sizes are
  // multiples of the mark's.
  bool is_intact(const Slot& slot) const {
    const std::size_t stretch = kind_ == Kind::kCalloc ? kPage : kStretchBytes;
    for (std::size_t at = 0; at < slot.written; at += stretch) {
      std::uint64_t mark = 0;
      std::memcpy(&mark, slot.block + at, sizeof mark);
      const std::size_t bytes = std::min(stretch, slot.written - at) - sizeof mark;
      if (mark != slot.mark || !is_zero(slot.block + at + sizeof mark, bytes)) return false;
    }
    return true;
  }

  static void place_blocks(Lane& lane, LaneState& state) {
    std::size_t total = 0;
    for (Slot& slot : state.slots) {
      slot.bytes = large_size(static_cast<std::uint32_t>(lane.random() >> 32U));
      slot.written = slot.bytes;
      total += slot.bytes;
    }
    lane.allocated(total);
    state.place = MappedArray<unsigned char>(total);
    unsigned char* next = state.place.data();
    for (Slot& slot : state.slots) {
      slot.block = next;
      next += slot.bytes;
    }
  }

  Kind kind_;
  MappedArray<LaneState> states_;  // by lane
};

const Registration kRegistration{
    {
        .name = "heap/large",
        .summary = "Twenty large blocks of 5 to 25 MiB are zeroed and replaced in turn",
        .operation = "one MiB of a block written; the first of a block frees one and obtains one",
        .shape = Shape::kWindowed,
        .variants =
            {
                {.name = "malloc", .description = "malloc, every byte set to 0, and free"},
                {.name = "calloc", .description = "calloc, 8 B of each page written, and free"},
                {.name = "no-alloc",
                 .description = "every byte set to 0 of blocks that stay",
                 .uses_heap = false},
            },
        .baseline_variant = "malloc",
        .smoke = {{.threads = TierThreads::kOne}},
        .standard = {{.variants = {"malloc", "no-alloc"}},
                     {.variants = {"calloc"}, .allocators = TierAllocators::kBaseline}},
        .full = {{.threads = TierThreads::kSweep}},
        .expected_seconds = 0.47,
        .live_bytes = {.per_thread = kSlots * kMeanLargeSize},
        .roles = {"scaling", "ratio"},
    },
    make_workload<Large>};

}  // namespace
}  // namespace stackheap
