// Cycles of mixed sizes fill a buffer that wraps, freed in order, in reverse, or by another thread
//
// Models programs whose objects of very different sizes die in bulk and in different orders. It is
// of the family of the SmartHeap benchmarks (MicroQuill; sh6bench and sh8bench in mimalloc-bench),
// after the description in D. Leijen et al., "Mimalloc: Free List Sharding in Action", APLAS 2019:
// some objects are freed last-in first-out, others in the order they were made, and some by other
// threads. The sizes, 8 to 168,524 B in cycles with fixed counts (suites/threads/wrap_sizes.hpp,
// mean about 820 B), and the order of things are our own.
//
// A lane fills a buffer of 1,000 places with the sizes of the cycle in turn. At its end the buffer
// wraps, and its four quarters change roles at every wrap: one is freed oldest first, one newest
// first, one is sent to other threads in parcels of 32, which free them at their next wrap, and one
// stays for another round. Buffer and cycle are out of step, so every size meets every fate.
//
// One operation is one allocation, its touching, and its free by whoever has the block. There is no
// randomness but where in the cycle a lane begins.
//
// Good: a time near that of one thread, resident memory near what is live. Bad: resident memory of
// many times that (blocks that stay pin the memory around them), or a time far above `no-alloc`:
// the largest sizes go to the kernel and come back with page faults (see minor_faults).
//
// blocks_migrate: parcels leave a lane as fast as it runs and come as fast as others do.
#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "harness/worker/fault_hook.hpp"
#include "harness/worker/variant.hpp"
#include "harness/worker/workload.hpp"
#include "suites/threads/parcels.hpp"
#include "suites/threads/wrap_sizes.hpp"

namespace stackheap {
namespace {

using namespace parcels;

constexpr std::size_t kPlaces = 1000;
constexpr std::size_t kQuarter = kPlaces / 4;
constexpr std::array<std::uint32_t, wrap::kCycle> kSizes = wrap::cycle_of_sizes();
constexpr std::uint64_t kSetupBuffers = 4;

enum class Role : std::size_t { kOldestFirst, kNewestFirst, kSend, kStay };

// Whether the blocks come from the heap.
constexpr VariantName<bool> kVariants[] = {{"malloc", true}, {"no-alloc", false}};

struct Place : Held {
  bool full = false;
};

struct alignas(2 * kCacheLine) LaneState {
  MappedArray<Place> buffer;
  std::size_t at = 0;        // next place
  std::size_t in_cycle = 0;  // next size
  std::uint32_t wraps = 0;
  std::uint32_t made = 0;  // gives the marks
  std::uint32_t receiver = 0;
};

class Wrap {
 public:
  explicit Wrap(const CellSpec& spec)
      : uses_heap_(variant_of(spec, kVariants)), states_(spec.threads), post_(spec.threads) {}

  void setup(Lane& lane) {
    LaneState& state = states_[lane.index];
    state.buffer = MappedArray<Place>(kPlaces);
    state.in_cycle = lane.random.below(wrap::kCycle);
    state.receiver = lane.index;
    post_.prepare(lane);
    if (!uses_heap_) place_blocks(lane, state);
    step(lane, kSetupBuffers * kPlaces);
    if (lane.index == 0 && planted_fault() == Fault::kDrop) {
      --post_.of(lane).given_up.blocks;  // as if a block had got lost on its way
    }
  }

  void step(Lane& lane, std::uint64_t n) {
    uses_heap_ ? run<FromHeap>(lane, n) : run<FromPlace>(lane, n);
  }

  void verify(Lane& lane) { uses_heap_ ? empty<FromHeap>(lane) : empty<FromPlace>(lane); }

  void finish() const { post_.check("threads/wrap"); }

 private:
  template <class Source>
  void run(Lane& lane, std::uint64_t n) {
    LaneState& state = states_[lane.index];
    Station& own = post_.of(lane);
    while (n > 0) {
      if (state.at == kPlaces) wrap_around<Source>(state, own, lane);
      Place& place = state.buffer[state.at++];
      if (place.full) continue;
      const std::uint32_t bytes = kSizes[state.in_cycle];
      state.in_cycle = state.in_cycle + 1 == kSizes.size() ? 0 : state.in_cycle + 1;
      make<Source>(own, lane, place, bytes, 0,
                   static_cast<unsigned char>(++state.made * 37 + lane.index * 101));
      place.full = true;
      --n;
    }
  }

  template <class Source>
  void wrap_around(LaneState& state, Station& own, Lane& lane) {
    post_.collect<Source>(lane);
    for (std::size_t quarter = 0; quarter < 4; ++quarter) {
      Place* const first = state.buffer.data() + quarter * kQuarter;
      switch (static_cast<Role>((quarter + state.wraps) % 4)) {
        case Role::kOldestFirst:
          for (std::size_t i = 0; i < kQuarter; ++i) drop<Source>(own, lane, first[i]);
          break;
        case Role::kNewestFirst:
          for (std::size_t i = kQuarter; i > 0; --i) drop<Source>(own, lane, first[i - 1]);
          break;
        case Role::kSend:
          for (std::size_t i = 0; i < kQuarter; i += kParcelBlocks) {
            send<Source>(state, lane, {first + i, std::min(kParcelBlocks, kQuarter - i)});
          }
          break;
        case Role::kStay:
          break;
      }
    }
    ++state.wraps;
    state.at = 0;
  }

  template <class Source>
  void send(LaneState& state, Lane& lane, std::span<Place> places) {
    Parcel& parcel = post_.blank<Source>(lane);
    for (Place& place : places) {
      // In `no-alloc` the place gets the block that the parcel came home with.
      std::swap(static_cast<Held&>(place), parcel.blocks[parcel.count]);
      ++parcel.count;
      place.full = false;
    }
    state.receiver = (state.receiver + 1) % lane.count;
    if (state.receiver == lane.index) state.receiver = (state.receiver + 1) % lane.count;
    post_.send<Source>(lane, parcel, state.receiver);
  }

  template <class Source>
  static void drop(Station& own, Lane& lane, Place& place) {
    place.full = false;
    give_up<Source>(own, lane, place);
  }

  template <class Source>
  void empty(Lane& lane) {
    LaneState& state = states_[lane.index];
    Station& own = post_.of(lane);
    Fault fault = lane.index == 0 ? planted_fault() : Fault::kNone;
    post_.collect<Source>(lane);
    for (Place& place : state.buffer) {
      if (!place.full) continue;
      if (fault == Fault::kFlipByte) place.block[place.bytes - 1] ^= 0xffU;
      if (fault == Fault::kSkipFree) lane.allocated(place.bytes);  // freed, but counted as live
      fault = Fault::kNone;
      check_touch(own, place);
      drop<Source>(own, lane, place);
    }
    post_.close_books(lane);
  }

  // `no-alloc`: places and parcels begin with blocks of the cycle's sizes, and exchange them.
  void place_blocks(Lane& lane, LaneState& state) {
    Station& own = post_.of(lane);
    std::size_t total = 0;
    std::size_t next_size = state.in_cycle;
    const auto size = [&](auto helds) {
      for (Held& held : helds) held.bytes = kSizes[next_size++ % kSizes.size()];
      total += Post::room(helds);
    };
    size(state.buffer.span());
    for (Parcel& parcel : own.parcels) size(std::span(parcel.blocks));
    own.place = MappedArray<unsigned char>(total);
    unsigned char* next = Post::place(state.buffer, own.place.data());
    for (Parcel& parcel : own.parcels) next = Post::place(parcel.blocks, next);
  }

  bool uses_heap_;
  MappedArray<LaneState> states_;  // by lane
  Post post_;
};

const Registration kRegistration{
    {
        .name = "threads/wrap",
        .summary =
            "Cycles of mixed sizes fill a buffer that wraps, freed in order, in reverse, or by "
            "another thread",
        .operation = "one allocation, and its free by whoever has the block",
        .shape = Shape::kWindowed,
        .variants = {{.name = "malloc", .description = "malloc and free"},
                     {.name = "no-alloc",
                      .description = "the same buffer, parcels and touching on blocks that stay",
                      .uses_heap = false}},
        .baseline_variant = "malloc",
        .smoke = {{.threads = TierThreads::kAll}},
        .standard = {{}},
        .full = {{.threads = TierThreads::kSweep}},
        .live_bytes = {.per_thread =
                           (kPlaces + kParcelsPerLane * kParcelBlocks) * wrap::mean_bytes()},
        .blocks_migrate = true,
        .roles = {"scaling", "ratio", "contention"},
    },
    make_workload<Wrap>};

}  // namespace
}  // namespace stackheap
