// Rounds of scattered frees and allocations, with a batch to another thread every second round
//
// Models a game or a simulation, frame by frame: each frame drops some objects here and there,
// makes others, and now and then passes a batch of results on. The pattern is that of
// rpmalloc-benchmark by M. Jansson (2017, published with the allocator rpmalloc), with its
// parameters as mimalloc-bench runs it: up to 1,000 blocks a thread, 8 to 16,000 B with a linear
// fall-off (mean 5,339 B). A round frees 30 to 99 slots and then fills 30 to 99, freeing what is
// there; both walk through all slots in strides of a prime. Every second round a quarter as many
// blocks again go to another thread, taking turns, which frees them at the start of its next round.
// Blocks below 4,096 B are asked for with no alignment, one of 8 and one of 16 in turn.
//
// One operation is one allocation, its touching, and its free by whoever has the block.
//
// Good: a time near that of one thread, at any number of threads. Bad: a time far above `no-alloc`
// already at one thread (an aligned or middle-sized request leaves the fast path), or one that
// grows with threads (frees of foreign blocks of many sizes take the owner's lock).
//
// Unlike the published program, which lets what is under way grow, a lane has at most 15 batches
// under way, and then helps the receivers (suites/threads/parcels.hpp); the list of a batch's
// blocks is not on the heap; random numbers are seeded per lane, not read from a table of 2,000.
// With one thread the other thread is the lane itself.
//
// blocks_migrate: batches leave a lane as fast as it runs and come as fast as others do.
#include <algorithm>
#include <array>
#include <span>

#include "harness/worker/fault_hook.hpp"
#include "harness/worker/variant.hpp"
#include "harness/worker/workload.hpp"
#include "suites/threads/linear_sizes.hpp"
#include "suites/threads/parcels.hpp"

namespace stackheap {
namespace {

using namespace parcels;

constexpr std::uint32_t kSlots = 1000;
constexpr std::uint32_t kFillStride = 7;  // the two smallest primes that do not divide kSlots
constexpr std::uint32_t kFreeStride = 11;
constexpr std::uint32_t kFewest = 30;  // frees, and fills, of a round
constexpr std::uint32_t kMost = 99;
constexpr std::uint32_t kHandedPart = 4;
constexpr std::size_t kMostHanded = kMost / kHandedPart;
constexpr LinearFallOff kSizes(8, 16'000);
constexpr std::array<std::size_t, 3> kAlignments = {0, 8, 16};
constexpr std::uint32_t kAlignedBelow = 4096;
constexpr std::uint64_t kReplacements = 4;  // of each slot on average, in setup
static_assert(kMostHanded <= kParcelBlocks);

// Whether the blocks come from the heap.
constexpr VariantName<bool> kVariants[] = {{"malloc", true}, {"no-alloc", false}};

struct Slot : Held {
  bool full = false;
};

struct alignas(2 * kCacheLine) LaneState {
  MappedArray<Slot> slots;
  std::uint32_t at_free = 0;
  std::uint32_t at_fill = 0;
  std::uint32_t turn = 0;  // of the alignments
  std::uint32_t round = 0;
  std::uint32_t fills = 0;       // of this round
  std::uint32_t fills_left = 0;  // of these
  Parcel* batch = nullptr;       // being filled
  std::uint32_t batch_left = 0;
  std::uint32_t receiver = 0;
};

class RandomBatches {
 public:
  explicit RandomBatches(const CellSpec& spec)
      : uses_heap_(variant_of(spec, kVariants)), states_(spec.threads), post_(spec.threads) {}

  void setup(Lane& lane) {
    LaneState& state = states_[lane.index];
    state.slots = MappedArray<Slot>(kSlots);
    state.receiver = lane.index;
    post_.prepare(lane);
    if (!uses_heap_) place_blocks(lane, state);
    step(lane, kReplacements * kSlots);
    if (lane.index == 0 && planted_fault() == Fault::kDrop) {
      --post_.of(lane).given_up.blocks;  // as if a block had got lost on its way
    }
  }

  void step(Lane& lane, std::uint64_t n) {
    uses_heap_ ? run<FromHeap>(lane, n) : run<FromPlace>(lane, n);
  }

  void verify(Lane& lane) { uses_heap_ ? empty<FromHeap>(lane) : empty<FromPlace>(lane); }

  void finish() const { post_.check("threads/random-batches"); }

 private:
  static std::uint32_t draw_count(Lane& lane) {
    return kFewest + lane.random.below(kMost - kFewest + 1);
  }

  // A round goes on where the last n allocations ended.
  template <class Source>
  void run(Lane& lane, std::uint64_t n) {
    LaneState& state = states_[lane.index];
    Station& own = post_.of(lane);
    while (n > 0) {
      if (state.batch_left > 0) {
        n -= fill_batch<Source>(state, own, lane, n);
      } else if (state.fills_left > 0) {
        n -= fill_slots<Source>(state, own, lane, n);
      } else {
        begin_round<Source>(state, own, lane);
      }
    }
  }

  template <class Source>
  void begin_round(LaneState& state, Station& own, Lane& lane) {
    post_.collect<Source>(lane);
    const std::uint32_t frees = draw_count(lane);
    for (std::uint32_t i = 0; i < frees; ++i) {
      drop<Source>(own, lane, state.slots[state.at_free]);
      state.at_free = (state.at_free + kFreeStride) % kSlots;
    }
    state.fills = draw_count(lane);
    state.fills_left = state.fills;
  }

  template <class Source>
  std::uint64_t fill_slots(LaneState& state, Station& own, Lane& lane, std::uint64_t n) {
    const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(state.fills_left, n));
    for (std::uint32_t i = 0; i < count; ++i) {
      Slot& slot = state.slots[state.at_fill];
      drop<Source>(own, lane, slot);
      make_next<Source>(state, own, lane, slot);
      slot.full = true;
      state.at_fill = (state.at_fill + kFillStride) % kSlots;
    }
    state.fills_left -= count;
    if (state.fills_left == 0 && ++state.round % 2 == 0) {
      state.batch = &post_.blank<Source>(lane);
      state.batch_left = state.fills / kHandedPart;
    }
    return count;
  }

  template <class Source>
  std::uint64_t fill_batch(LaneState& state, Station& own, Lane& lane, std::uint64_t n) {
    const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(state.batch_left, n));
    Parcel& batch = *state.batch;
    for (std::uint32_t i = 0; i < count; ++i) {
      make_next<Source>(state, own, lane, batch.blocks[batch.count]);
      ++batch.count;
    }
    state.batch_left -= count;
    if (state.batch_left > 0) return count;
    state.receiver = (state.receiver + 1) % lane.count;
    if (state.receiver == lane.index) state.receiver = (state.receiver + 1) % lane.count;
    post_.send<Source>(lane, batch, state.receiver);
    return count;
  }

  template <class Source>
  static void make_next(LaneState& state, Station& own, Lane& lane, Held& held) {
    const std::uint32_t bytes = kSizes.draw(lane.random);
    const std::uint32_t turn = ++state.turn;
    make<Source>(own, lane, held, bytes, bytes < kAlignedBelow ? kAlignments[turn % 3] : 0,
                 static_cast<unsigned char>(turn * 37 + lane.index * 101));
  }

  template <class Source>
  static void drop(Station& own, Lane& lane, Slot& slot) {
    if (!slot.full) return;
    slot.full = false;
    give_up<Source>(own, lane, slot);
  }

  template <class Source>
  void empty(Lane& lane) {
    LaneState& state = states_[lane.index];
    Station& own = post_.of(lane);
    Fault fault = lane.index == 0 ? planted_fault() : Fault::kNone;
    post_.collect<Source>(lane);
    if (state.batch_left > 0) post_.keep<Source>(lane, *state.batch);
    for (Slot& slot : state.slots) {
      if (!slot.full) continue;
      if (fault == Fault::kFlipByte) slot.block[slot.bytes - 1] ^= 0xffU;
      if (fault == Fault::kSkipFree) lane.allocated(slot.bytes);  // freed, but counted as live
      fault = Fault::kNone;
      check_touch(own, slot);
      drop<Source>(own, lane, slot);
    }
    post_.close_books(lane);
  }

  // `no-alloc`: every slot, and every place in a parcel, has a block of its own, of the same law.
  void place_blocks(Lane& lane, LaneState& state) {
    Station& own = post_.of(lane);
    std::size_t total = 0;
    const auto size = [&](auto helds) {
      for (Held& held : helds) held.bytes = kSizes.draw(lane.random);
      total += Post::room(helds);
    };
    size(state.slots.span());
    for (Parcel& parcel : own.parcels) size(std::span(parcel.blocks).first(kMostHanded));
    own.place = MappedArray<unsigned char>(total);
    unsigned char* next = Post::place(state.slots, own.place.data());
    for (Parcel& parcel : own.parcels) {
      next = Post::place(std::span(parcel.blocks).first(kMostHanded), next);
    }
  }

  bool uses_heap_;
  MappedArray<LaneState> states_;  // by lane
  Post post_;
};

const Registration kRegistration{
    {
        .name = "threads/random-batches",
        .summary =
            "Rounds of scattered frees and allocations, with a batch to another thread every "
            "second round",
        .operation = "one allocation, and its free by whoever has the block",
        .shape = Shape::kWindowed,
        .variants = {{.name = "malloc", .description = "malloc, posix_memalign and free"},
                     {.name = "no-alloc",
                      .description = "the same rounds and touching on blocks that stay",
                      .uses_heap = false}},
        .baseline_variant = "malloc",
        .smoke = {{.threads = TierThreads::kAll}},
        .standard = {{}},
        .full = {{.threads = TierThreads::kSweep}},
        .live_bytes = {.per_thread = (kSlots + kParcelsPerLane * kMostHanded) * kSizes.mean()},
        .blocks_migrate = true,
        .roles = {"scaling", "ratio", "contention"},
    },
    make_workload<RandomBatches>};

}  // namespace
}  // namespace stackheap
