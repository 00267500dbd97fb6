// An object is allocated, touched and freed at once, through every interface to the heap
//
// Models the shortest life an object can have. It is the fast path by itself: an allocator serves
// the block that it has just got back, from whatever it keeps for the calling thread. The pattern
// is the oldest of all allocator benchmarks (the tight loop of glibc's bench-malloc-thread and of
// Lever & Boreham's malloc-test, USENIX 2000, with one slot); the interfaces are the variants.
//
// One operation is one block obtained, its first and last byte and one byte a page written, and
// given back.
//
// Good: a few nanoseconds over `no-alloc`, the same at every number of threads. Bad: time that
// grows with threads (a shared path), or a step at a size (blocks that are mapped and unmapped each
// time: then the page faults of the touching are in the number, as they are in a program). It says
// nothing of fragmentation, nor of blocks that live on: see heap/slots.
//
// `pmr-pool` has one pool a thread and `pmr-synchronized-pool` one for all; libstdc++'s pools pass
// what is above 4 KiB on to new and delete.
#include <algorithm>
#include <optional>

#include "harness/base/mapped.hpp"
#include "harness/worker/fault_hook.hpp"
#include "harness/worker/library_entry.hpp"
#include "harness/worker/variant.hpp"
#include "harness/worker/workload.hpp"
#include "suites/heap/jemalloc_arena.hpp"
#include "suites/heap/sources.hpp"

namespace stackheap {
namespace {

constexpr std::int64_t kSmallest = 8;
constexpr std::int64_t kLargest = 1 << 20;

using LanePool = std::pmr::unsynchronized_pool_resource;
using SharedPool = std::pmr::synchronized_pool_resource;

enum class Kind {
  kMalloc,
  kOperatorNew,
  kSizedDelete,
  kCalloc,
  kAligned64,
  kAligned4096,
  kTbbScalable,
  kTbbCacheAligned,
  kPmrPool,
  kPmrSynchronizedPool,
  kMimallocHeap,
  kJemallocArena,
  kNoAlloc,
};
constexpr VariantName<Kind> kKinds[] = {
    {"malloc", Kind::kMalloc},
    {"operator-new", Kind::kOperatorNew},
    {"sized-delete", Kind::kSizedDelete},
    {"calloc", Kind::kCalloc},
    {"aligned-64", Kind::kAligned64},
    {"aligned-4096", Kind::kAligned4096},
    {"tbb-scalable", Kind::kTbbScalable},
    {"tbb-cache-aligned", Kind::kTbbCacheAligned},
    {"pmr-pool", Kind::kPmrPool},
    {"pmr-synchronized-pool", Kind::kPmrSynchronizedPool},
    {"mimalloc-heap", Kind::kMimallocHeap},
    {"jemalloc-arena", Kind::kJemallocArena},
    {"no-alloc", Kind::kNoAlloc},
};

struct alignas(2 * kCacheLine) LaneState {
  std::uint64_t done = 0;              // pairs completed by the loop
  void* resident = nullptr;            // a block that stays live all the while
  MappedArray<unsigned char> block;    // of no-alloc
  std::optional<LanePool> pool;        // of pmr-pool
  std::optional<JemallocArena> arena;  // of jemalloc-arena
  MimallocHeapSource mimalloc;         // of mimalloc-heap
};

class Pair {
 public:
  explicit Pair(const CellSpec& spec)
      : bytes_(static_cast<std::size_t>(spec.parameter)),
        kind_(variant_of(spec, kKinds)),
        states_(spec.threads) {
    if (kind_ == Kind::kTbbScalable) {
      scalable_ = {library_entry<void*(std::size_t)>("scalable_malloc", "tbbmalloc"),
                   library_entry<void(void*)>("scalable_free", "tbbmalloc")};
    }
    if (kind_ == Kind::kPmrSynchronizedPool) {
      shared_pool_.emplace(std::pmr::new_delete_resource());
    }
  }

  // Heaps of a lane's own must be made by its thread. The first pairs make the thread's arena and
  // caches, so that no window does.
  void setup(Lane& lane) {
    LaneState& state = states_[lane.index];
    if (kind_ == Kind::kNoAlloc) state.block = MappedArray<unsigned char>(bytes_);
    if (kind_ == Kind::kPmrPool) state.pool.emplace(std::pmr::new_delete_resource());
    if (kind_ == Kind::kJemallocArena) state.arena.emplace();
    if (kind_ == Kind::kMimallocHeap) {
      state.mimalloc = {or_bad_alloc(library_entry<void*()>("mi_heap_new", "mimalloc")()),
                        library_entry<void*(void*, std::size_t)>("mi_heap_malloc", "mimalloc"),
                        library_entry<void(void*)>("mi_free", "mimalloc")};
    }
    with_source(state, [&](auto source) { state.resident = carve(source); });
    lane.allocated(bytes_);
    step(lane, kFirstPairs);
    if (planted_fault() == Fault::kDrop) --state.done;
  }

  void step(Lane& lane, std::uint64_t n) {
    LaneState& state = states_[lane.index];
    with_source(state, [&](auto source) { run(lane, state, source, n); });
  }

  void verify(Lane& lane) {
    LaneState& state = states_[lane.index];
    const char* problem = nullptr;
    with_source(state, [&](auto source) { problem = check(lane, state, source); });
    state.arena.reset();
    state.pool.reset();
    if (kind_ == Kind::kMimallocHeap) {
      library_entry<void(void*)>("mi_heap_delete", "mimalloc")(state.mimalloc.heap);
    }
    if (problem != nullptr) {
      throw CheckFailed("heap/pair: lane " + std::to_string(lane.index) + ": " + problem);
    }
  }

 private:
  // Brings the heap into the state of a program that has been running: up to 64 KiB of the size
  // have been in use, and one block, which is returned, stays so. Without it the page that the
  // pairs come from is empty at every free, and mimalloc retires it each time (9 ns a pair instead
  // of 6); and an allocator that cuts its pages up as it goes would have a shorter free list.
  template <class Source>
  void* carve(Source source) const {
    MappedArray<void*> blocks(std::clamp<std::size_t>(kCarvedBytes / bytes_, 1, 256));
    for (void*& block : blocks) block = source.obtain(bytes_);
    for (std::size_t i = 1; i < blocks.size(); ++i) source.give_back(blocks[i], bytes_);
    return blocks[0];
  }

  static constexpr std::size_t kCarvedBytes = std::size_t{64} << 10U;
  static constexpr std::uint64_t kFirstPairs = 256;
  static constexpr unsigned char kContent = 0xa5;

  // The lane's checksum collects the bits of all addresses: where a bit below the alignment is set,
  // some block was not aligned. Costs one `or`.
  template <class Source>
  void run(Lane& lane, LaneState& state, Source source, std::uint64_t n) {
    const std::size_t bytes = bytes_;
    std::uintptr_t addresses = 0;
    std::uint64_t done = 0;
    for (; done != n; ++done) {
      void* const block = source.obtain(bytes);
      escape(block);
      touch(block, bytes, kContent);
      addresses |= reinterpret_cast<std::uintptr_t>(block);
      source.give_back(block, bytes);
    }
    lane.checksum |= addresses;
    lane.counter += n;
    state.done += done;
  }

  // One more pair, with all of its content; and what the loop has left. Null where all is well.
  // The planted kSkipFree skips only the count, so that a leak checker has nothing to say.
  template <class Source>
  const char* check(Lane& lane, LaneState& state, Source source) {
    const Fault fault = planted_fault();
    const char* problem = nullptr;
    auto* const block = static_cast<unsigned char*>(source.obtain(bytes_));
    lane.allocated(bytes_);
    if constexpr (requires { Source::kZeroed; }) {
      if (!holds_only(block, bytes_, 0)) problem = "calloc returned memory that is not zero";
    }
    std::memset(block, kContent, bytes_);
    escape(block);
    if (fault == Fault::kFlipByte) block[bytes_ / 2] ^= 0xffU;
    if (!holds_only(block, bytes_, kContent)) problem = "a block does not hold what was written";
    source.give_back(block, bytes_);
    if (fault != Fault::kSkipFree) lane.freed(bytes_);
    source.give_back(state.resident, bytes_);
    lane.freed(bytes_);

    if (lane.live_bytes != 0) problem = "a block was not given back";
    if (state.done != lane.counter) problem = "pairs were lost";
    if ((lane.checksum & (alignment_of<Source>(bytes_) - 1)) != 0) {
      problem = "a block was not aligned as its interface promises";
    }
    return problem;
  }

  template <class Body>
  void with_source(LaneState& state, Body&& body) {
    switch (kind_) {
      case Kind::kMalloc:
        return body(MallocSource{});
      case Kind::kOperatorNew:
        return body(OperatorNewSource{});
      case Kind::kSizedDelete:
        return body(SizedDeleteSource{});
      case Kind::kCalloc:
        return body(CallocSource{});
      case Kind::kAligned64:
        return body(AlignedSource<64>{});
      case Kind::kAligned4096:
        return body(AlignedSource<4096>{});
      case Kind::kTbbScalable:
        return body(scalable_);
      case Kind::kTbbCacheAligned:
        return body(CacheAlignedSource{});
      case Kind::kPmrPool:
        return body(PmrSource<LanePool>{&*state.pool});
      case Kind::kPmrSynchronizedPool:
        return body(PmrSource<SharedPool>{&*shared_pool_});
      case Kind::kMimallocHeap:
        return body(state.mimalloc);
      case Kind::kJemallocArena:
        return body(state.arena->source());
      case Kind::kNoAlloc:
        return body(SameBlockSource{state.block.data()});
    }
  }

  std::size_t bytes_;
  Kind kind_;
  MappedArray<LaneState> states_;  // by lane
  ScalableSource scalable_;
  std::optional<SharedPool> shared_pool_;
};

const Registration kRegistration{
    {
        .name = "heap/pair",
        .summary =
            "An object is allocated, touched and freed at once, through every interface to the "
            "heap",
        .operation = "one block obtained, touched and given back",
        .shape = Shape::kWindowed,
        .variants =
            {
                {.name = "malloc", .description = "malloc and free"},
                {.name = "operator-new", .description = "operator new and unsized delete"},
                {.name = "sized-delete", .description = "operator new and sized delete"},
                {.name = "calloc", .description = "calloc and free"},
                {.name = "aligned-64", .description = "posix_memalign to 64 B and free"},
                {.name = "aligned-4096", .description = "posix_memalign to 4 KiB and free"},
                {.name = "tbb-scalable",
                 .description = "oneTBB's scalable_malloc",
                 .only_allocator = "tbbmalloc"},
                {.name = "tbb-cache-aligned",
                 .description = "oneTBB's cache_aligned_allocator, through libtbb",
                 .only_allocator = "tbbmalloc"},
                {.name = "pmr-pool",
                 .description = "a std::pmr::unsynchronized_pool_resource per thread"},
                {.name = "pmr-synchronized-pool",
                 .description = "one std::pmr::synchronized_pool_resource for all threads"},
                {.name = "mimalloc-heap",
                 .description = "a first-class mimalloc heap per thread",
                 .only_allocator = "mimalloc"},
                {.name = "jemalloc-arena",
                 .description = "a jemalloc arena with an explicit cache per thread, by mallocx",
                 .only_allocator = "jemalloc"},
                {.name = "no-alloc",
                 .description = "the same loop and touching on memory that is there",
                 .uses_heap = false},
            },
        .baseline_variant = "malloc",
        .parameter =
            ParameterInfo{.name = "size", .unit = "B", .minimum = kSmallest, .maximum = kLargest},
        .smoke = {{.variants = {"malloc"}, .values = {64}},
                  {.values = {64}, .threads = TierThreads::kOne}},
        .quick = {{.variants = {"malloc", "no-alloc"},
                   .values = {64},
                   .threads = TierThreads::kOne}},
        .standard = {{.variants = {"malloc", "no-alloc"}, .values = {64, 65536}},
                     {.variants = {"malloc", "no-alloc"},
                      .values = {16, 1024},
                      .threads = TierThreads::kOne},
                     {.variants = {"pmr-pool", "pmr-synchronized-pool"},
                      .values = {64},
                      .allocators = TierAllocators::kBaseline},
                     {.variants = {"tbb-scalable", "tbb-cache-aligned", "mimalloc-heap",
                                   "jemalloc-arena"},
                      .values = {64}},
                     {.variants = {"operator-new", "sized-delete", "calloc", "aligned-64"},
                      .values = {64},
                      .threads = TierThreads::kOne,
                      .allocators = TierAllocators::kBaseline}},
        .full = {{.values = {8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768,
                             65536, 131072, 262144, 524288, 1048576},
                  .threads = TierThreads::kSweep}},
        .live_bytes = {.per_thread_and_parameter = 1},
        .roles = {"scaling", "ratio"},
        .claims = {opening(takes_longer(8, {"malloc"}, "no-alloc",
                                        "malloc and free took {} times the loop alone")),
                   against_allocator(8, "malloc", 64, "reference",
                                     "the allocators took, as multiples of the bare reference, {}"),
                   told(8, {"malloc"}, "minor_faults", "an operation cost {} page faults")},
    },
    make_workload<Pair>};

}  // namespace
}  // namespace stackheap
