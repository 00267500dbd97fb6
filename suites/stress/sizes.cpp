// Sizes that no heap can give: products that overflow, more than PTRDIFF_MAX, alignments beyond all
// bounds; and the size 0.
#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>

#include "harness/worker/block_contents.hpp"
#include "harness/worker/check.hpp"
#include "harness/worker/check_child.hpp"
#include "harness/worker/entry_points.hpp"
#include "harness/worker/verified_heap.hpp"
#include "suites/stress/draw.hpp"

namespace stackheap {
namespace {

using namespace stress;

constexpr std::size_t kMost = SIZE_MAX;
constexpr std::size_t kHalf = std::size_t{1} << (sizeof(std::size_t) * 4);  // its square wraps to 0

struct Product {
  std::size_t count;
  std::size_t size;
};
// Each product wraps: to 0, to something small, to something that looks sound.
constexpr Product kProducts[] = {
    {kHalf, kHalf},           {kHalf + 1, kHalf},   {kMost, 2},           {2, kMost},
    {kMost / 2 + 1, 2},       {kMost / 16 + 1, 16}, {16, kMost / 16 + 1}, {kMost / 64 + 2, 64},
    {kMost / 1000 + 1, 1000}, {kMost, kMost},       {kMost / 8 + 9, 8},   {3, kMost / 3 + 30},
};
constexpr std::size_t kHuge[] = {std::size_t{PTRDIFF_MAX} + 1,
                                 kMost / 2 + 4096,
                                 kMost - 8192,
                                 kMost - 4096,
                                 kMost - 64,
                                 kMost - 16,
                                 kMost - 8,
                                 kMost - 1,
                                 kMost};

void expect_enomem(CheckRun& run, const char* function, const char* of) {
  if (errno == ENOMEM) return;
  char name[64];
  std::snprintf(name, sizeof name, "errno-of-%s-%s", of, function);
  run.nonconforming(name, "%s of a size that is too large fails with errno %d instead of ENOMEM",
                    function, errno);
}

void run_overflow(CheckRun& run) {
  VerifiedHeap heap(run);
  run.lanes([&](CheckLane& lane) {
    // A small block of each size lies ready to be handed out by mistake.
    for (const std::size_t size : {16U, 64U, 1024U}) {
      Block block = heap.allocate(lane, HeapFunction::kMalloc, size);
      heap.release(lane, block);
    }
    for (const Product& product : kProducts) {
      lane.operation();
      errno = 0;
      void* block = heap::calloc(product.count, product.size);
      if (block != nullptr) {
        lane.unsafe("calloc(%zu, %zu) gave %p although the product overflows", product.count,
                    product.size, block);
      }
      expect_enomem(run, "calloc", "overflow");
      if (!is_of_this_heap(HeapFunction::kReallocarray)) continue;
      errno = 0;
      block = heap::reallocarray(nullptr, product.count, product.size);
      if (block != nullptr) {
        lane.unsafe("reallocarray(null, %zu, %zu) gave %p although the product overflows",
                    product.count, product.size, block);
      }
      expect_enomem(run, "reallocarray", "overflow");
      Block old = heap.allocate(lane, HeapFunction::kMalloc, 200);
      block = heap::reallocarray(old.address, product.count, product.size);
      if (block != nullptr) {
        lane.unsafe("reallocarray(p, %zu, %zu) gave %p although the product overflows",
                    product.count, product.size, block);
      }
      Block other = heap.allocate(lane, HeapFunction::kMalloc, 200);
      heap.release(lane, old);
      heap.release(lane, other);
    }
  });
}

void* obtain_huge(HeapFunction function, std::size_t size) {
  void* block = nullptr;
  switch (function) {
    case HeapFunction::kMalloc:
      return heap::malloc(size);
    case HeapFunction::kCalloc:
      return heap::calloc(1, size);
    case HeapFunction::kRealloc:
      return heap::realloc(nullptr, size);
    case HeapFunction::kReallocarray:
      return heap::reallocarray(nullptr, size, 1);
    case HeapFunction::kPosixMemalign:
      errno = heap::posix_memalign(&block, 64, size);
      return block;
    case HeapFunction::kAlignedAlloc:
      return heap::aligned_alloc(64, size - size % 64);  // a multiple, as in C11
    case HeapFunction::kMemalign:
      return heap::memalign(64, size);
    case HeapFunction::kValloc:
      return heap::valloc(size);
    case HeapFunction::kPvalloc:
      return heap::pvalloc(size);
  }
  return nullptr;
}

void run_huge(CheckRun& run) {
  VerifiedHeap heap(run);
  run.lanes([&](CheckLane& lane) {
    for (const std::size_t size : {16U, 64U, 4096U, 100'000U}) {
      Block block = heap.allocate(lane, HeapFunction::kMalloc, size);
      heap.release(lane, block);
    }
    for (unsigned i = 0; i < kHeapFunctions; ++i) {
      const auto function = static_cast<HeapFunction>(i);
      if (!is_of_this_heap(function)) continue;
      for (const std::size_t size : kHuge) {
        lane.operation();
        errno = 0;
        const void* block = obtain_huge(function, size);
        if (block != nullptr && function == HeapFunction::kPvalloc) {
          // It rounds up to pages, and the sum wraps around.
          run.unsafe_unless_known("block-of-huge-pvalloc",
                                  "pvalloc(%zu) gave %p, more than PTRDIFF_MAX bytes", size, block);
          continue;
        }
        if (block != nullptr) {
          lane.unsafe("%s(%zu) gave %p, more than PTRDIFF_MAX bytes", name_of(function), size,
                      block);
        }
        expect_enomem(run, name_of(function), "huge");
      }
      // The heap goes on.
      Block block = heap.allocate(lane, function, 100, 64);
      heap.release(lane, block);
    }
  });
}

// What a child finds out about one large block, as its exit code.
enum Large { kSound = 0, kTooSmall = 3, kImpossible = 4, kNeighbourChanged = 5, kNoSmallBlock = 6 };

int use_large(std::size_t size) {
  constexpr std::size_t kNeighbours = 64;
  constexpr std::size_t kNeighbourBytes = 64;
  void* small[kNeighbours];
  for (std::size_t i = 0; i < kNeighbours; ++i) {
    small[i] = heap::malloc(kNeighbourBytes);
    if (small[i] == nullptr) return kNoSmallBlock;
    contents::fill(small[i], kNeighbourBytes, i);
  }
  // Every second one's place is free to be handed out by mistake.
  for (std::size_t i = 0; i < kNeighbours; i += 2) heap::free(small[i]);
  auto* block = static_cast<std::byte*>(heap::malloc(size));
  if (block == nullptr) return kSound;
  if (heap::usable_size(block) < size) return kTooSmall;
  if (size > std::size_t{1} << 46U) return kImpossible;  // more than an address space holds
  for (std::size_t at = 0; at < 65'536; at += 8) block[at] = std::byte{0x5a};
  for (const std::size_t at : {size / 2, size - 1}) block[at] = std::byte{0x5a};
  for (std::size_t i = 1; i < kNeighbours; i += 2) {
    if (!contents::intact(small[i], kNeighbourBytes, i)) return kNeighbourChanged;
  }
  heap::free(block);
  return kSound;
}

// Far more than there is, but not more than PTRDIFF_MAX: null, or a block whose ends can be used
// (pages are given when they are touched). A small block in its place shows by its usable size, by
// what it overwrites, or by a fault.
void run_large(CheckRun& run) {
  constexpr std::size_t kLarge[] = {std::size_t{1} << 36U,
                                    std::size_t{1} << 40U,
                                    std::size_t{1} << 46U,
                                    std::size_t{1} << 50U,
                                    std::size_t{1} << 62U,
                                    PTRDIFF_MAX - 4096,
                                    PTRDIFF_MAX};
  for (const std::size_t size : kLarge) {
    run.count(1);
    const ChildEnd end = in_child(10, [&] { return use_large(size); });
    if (end.exited_with(kSound)) continue;
    if (end.signalled() && end.code == SIGABRT) {
      // Said and ended: nothing was lost but the process.
      run.nonconforming("abort-at-large", "malloc(%zu) aborts instead of returning null: %s", size,
                        end.message);
      continue;
    }
    run.unsafe("malloc(%zu): %s", size,
               end.exited_with(kTooSmall)           ? "gave a block of a smaller usable size"
               : end.exited_with(kImpossible)       ? "gave more than an address space holds"
               : end.exited_with(kNeighbourChanged) ? "gave a block that reaches into live ones"
               : end.exited_with(kNoSmallBlock)     ? "malloc(64) is null"
                                                    : end_text(end).text);
  }
}

// Sizes and alignments that together wrap around. In a child each, since libraries abort on some.
void run_huge_alignment(CheckRun& run) {
  for (std::size_t alignment = std::size_t{1} << 30U; alignment != 0; alignment *= 2) {
    for (const std::size_t size : {std::size_t{1}, alignment, kMost - alignment + 1}) {
      run.count(1);
      const ChildEnd end = in_child(10, [&] {
        auto* block = static_cast<std::byte*>(heap::memalign(alignment, size));
        if (block == nullptr) return 0;
        if (reinterpret_cast<std::uintptr_t>(block) % alignment != 0) return 1;
        *block = std::byte{1};
        if (size > PTRDIFF_MAX) return 2;
        block[size - 1] = std::byte{1};
        heap::free(block);
        return 0;
      });
      if (end.exited_with(0)) continue;
      if (end.signalled() && end.code == SIGABRT) {
        // Said and ended: nothing was lost but the process.
        run.nonconforming("abort-at-huge-alignment", "memalign(%#zx, %#zx) aborts: %s", alignment,
                          size, end.message);
        continue;
      }
      run.unsafe("memalign(%#zx, %#zx): %s", alignment, size,
                 end.exited_with(1)   ? "gave a block that is not so aligned"
                 : end.exited_with(2) ? "gave a block of more than PTRDIFF_MAX bytes"
                                      : end_text(end).text);
    }
  }
}

// malloc(0): null, or a block unlike every other that is live, which can be freed and resized.
void run_zero(CheckRun& run) {
  constexpr std::size_t kBlocks = 256;
  VerifiedHeap heap(run);
  MappedArray<Block> blocks(kBlocks);
  run.lanes([&](CheckLane& lane) {
    bool any_null = false;
    for (unsigned i = 0; i < kHeapFunctions; ++i) {
      const auto function = static_cast<HeapFunction>(i);
      if (!is_of_this_heap(function) || function == HeapFunction::kReallocarray) continue;
      for (Block& block : blocks) {
        lane.operation();
        block = heap.allocate(lane, function, 0);
        any_null |= function == HeapFunction::kMalloc && !block;
      }
      for (std::size_t j = 0; j < kBlocks; ++j) {
        if (blocks[j] && j % 2 == 0) heap.reallocate(lane, blocks[j], 1 + j);
      }
      for (Block& block : blocks) heap.release(lane, block);
    }
    heap::free(nullptr);
    run.record("malloc-of-0", "%s", any_null ? "null" : "a block of its own");
  });
}

const CheckRegistration kOverflow{
    {.name = "blocks/overflow",
     .summary = "products that overflow give null, and the old block stays",
     .source = "C11 7.22.3.2; POSIX calloc; reallocarray(3)",
     .rank = 13,
     .quick_seconds = 0.01,
     .seconds = 0.01,
     .threads = {CheckThreads::kOne}},
    run_overflow};
const CheckRegistration kHugeSizes{
    {.name = "blocks/huge",
     .summary = "sizes above PTRDIFF_MAX give null, by every function",
     .source = "C11 6.5.6: pointers to it could not be subtracted",
     .rank = 14,
     .quick_seconds = 0.01,
     .seconds = 0.01,
     .threads = {CheckThreads::kOne}},
    run_huge};
const CheckRegistration kLargeSizes{
    {.name = "blocks/large",
     .summary = "far more than there is: null, or a block that is there from end to end",
     .source = "C11 7.22.3",
     .rank = 16,
     .quick_seconds = 0.01,
     .seconds = 0.01,
     .threads = {CheckThreads::kOne}},
    run_large};
const CheckRegistration kHugeAlignment{
    {.name = "blocks/huge-alignment",
     .summary = "alignments from 1 GiB on, with sizes that wrap around, in children",
     .source = "POSIX posix_memalign; memalign(3)",
     .rank = 42,
     .seconds = 0.01,
     .threads = {CheckThreads::kOne}},
    run_huge_alignment};
const CheckRegistration kZero{{.name = "blocks/zero-size",
                               .summary = "malloc(0) is null, or unlike every other live block",
                               .source = "C11 7.22.3; POSIX malloc",
                               .rank = 26,
                               .quick_seconds = 0.01,
                               .seconds = 0.01,
                               .threads = {CheckThreads::kOne}},
                              run_zero};

}  // namespace
}  // namespace stackheap
