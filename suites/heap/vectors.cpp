// Many vectors grow by push_back, interleaved, and start over when they are full
//
// Models rows, buckets and result lists that fill up side by side: the common way by which a C++
// program grows memory of a size it does not know. A vector that is full asks for a block of twice
// the size, copies its elements and gives the old block back, so the heap sees every power of two
// once in a vector's life, and can never extend a block in place, because the neighbours grow too.
// That a factor of 2 leaves holes too small for the next block is an old argument (A. Koenig,
// "Why are vectors efficient?", Journal of Object-Oriented Programming, 1998; folly's FBVector).
//
// Each thread has 64 vectors of 8-byte elements and pushes one element to each in turn. They start
// staggered, so that at any time some are young and some are full. A vector that has reached
// `elements` is read once and starts over, empty.
//
// One operation is one element pushed, with its share of growing, copying, reading and starting
// over.
//
// Good: near `reserve`, which asks for the final size at once. Bad: many times `no-alloc`, above
// all at large sizes, where blocks are mapped and unmapped each time and every copy faults its
// pages in. `no-alloc` grows and copies in the same way, in mapped memory that each vector has for
// itself.
#include <numeric>
#include <string>
#include <vector>

#include "harness/base/mapped.hpp"
#include "harness/worker/fault_hook.hpp"
#include "harness/worker/variant.hpp"
#include "harness/worker/workload.hpp"
#include "suites/heap/bump.hpp"

namespace stackheap {
namespace {

constexpr std::size_t kVectors = 64;
constexpr std::int64_t kMostElements = 1 << 16;

enum class Kind { kPushBack, kReserve, kNoAlloc };
constexpr VariantName<Kind> kKinds[] = {
    {"push-back", Kind::kPushBack}, {"reserve", Kind::kReserve}, {"no-alloc", Kind::kNoAlloc}};

using Element = std::uint64_t;
using HeapVector = std::vector<Element>;
using BumpVector = std::vector<Element, BumpAllocator<Element>>;

struct alignas(2 * kCacheLine) LaneState {
  MappedArray<HeapVector> vectors;
  MappedArray<BumpVector> placed;    // of no-alloc, as are the next two
  MappedArray<BumpArena> arenas;     // by vector
  MappedArray<unsigned char> place;  // of all arenas
  std::size_t turn = 0;              // the vector whose turn it is
  Element next = 1;                  // the next element's value
  std::uint64_t pushes = 0;
  std::uint64_t pushed = 0;  // sum of all elements that were pushed
  std::uint64_t read = 0;    // of all that were read in a vector that starts over
};

class Vectors {
 public:
  explicit Vectors(const CellSpec& spec)
      : elements_(static_cast<std::size_t>(spec.parameter)),
        kind_(variant_of(spec, kKinds)),
        states_(spec.threads) {}

  // Staggered, then once round, so that every vector has grown to its full size before.
  void setup(Lane& lane) {
    LaneState& state = states_[lane.index];
    if (kind_ == Kind::kNoAlloc) {
      place_vectors(state);
    } else {
      state.vectors = MappedArray<HeapVector>(kVectors);
    }
    with_kind([&]<Kind kKind>() {
      for (std::size_t i = 0; i < kVectors; ++i) {
        start_over<kKind>(state, i);
        for (std::size_t left = i * elements_ / kVectors; left > 0; --left) push<kKind>(state, i);
      }
    });
    state.pushes = 0;
    step(lane, kVectors * elements_);
    if (planted_fault() == Fault::kDrop) --state.pushes;
  }

  void step(Lane& lane, std::uint64_t n) {
    LaneState& state = states_[lane.index];
    with_kind([&]<Kind kKind>() { run<kKind>(state, n); });
    lane.counter += n;
    lane.live_bytes = static_cast<std::int64_t>(held_bytes(state));
  }

  void verify(Lane& lane) {
    LaneState& state = states_[lane.index];
    const Fault fault = planted_fault();
    const char* problem = state.pushes == lane.counter ? nullptr : "elements were lost";
    with_kind([&]<Kind kKind>() {
      auto& vectors = vectors_of<kKind>(state);
      if (fault == Fault::kFlipByte) vectors[0][0] ^= 0xffU;
      for (std::size_t i = 0; i < kVectors; ++i) {
        if (i != 0 || fault != Fault::kSkipFree) {
          lane.freed(vectors[i].capacity() * sizeof(Element));
        }
        empty<kKind>(state, i);
        if constexpr (kKind == Kind::kNoAlloc) {
          if (state.arenas[i].live_bytes() != 0) problem = "a vector kept its memory";
        }
      }
    });
    if (state.read != state.pushed) problem = "elements do not hold what was pushed";
    if (lane.live_bytes != 0) problem = "not everything was freed";
    if (problem != nullptr) {
      throw CheckFailed("heap/vectors: lane " + std::to_string(lane.index) + ": " + problem);
    }
  }

 private:
  template <class Do>
  void with_kind(Do&& action) const {
    switch (kind_) {
      case Kind::kPushBack:
        return action.template operator()<Kind::kPushBack>();
      case Kind::kReserve:
        return action.template operator()<Kind::kReserve>();
      case Kind::kNoAlloc:
        return action.template operator()<Kind::kNoAlloc>();
    }
  }

  template <Kind kKind>
  static auto& vectors_of(LaneState& state) {
    if constexpr (kKind == Kind::kNoAlloc) {
      return state.placed;
    } else {
      return state.vectors;
    }
  }

  template <Kind kKind>
  void run(LaneState& state, std::uint64_t n) const {
    for (std::uint64_t i = 0; i < n; ++i) {
      const std::size_t turn = state.turn;
      state.turn = (turn + 1) % kVectors;
      if (vectors_of<kKind>(state)[turn].size() == elements_) [[unlikely]] {
        empty<kKind>(state, turn);
        start_over<kKind>(state, turn);
      }
      push<kKind>(state, turn);
    }
  }

  template <Kind kKind>
  static void push(LaneState& state, std::size_t index) {
    auto& vector = vectors_of<kKind>(state)[index];
    if constexpr (kKind == Kind::kNoAlloc) bump_arena = &state.arenas[index];
    vector.push_back(state.next);
    escape(vector.data());
    state.pushed += state.next++;
    ++state.pushes;
  }

  // Reads the vector and gives its memory back; clear() would keep it.
  template <Kind kKind>
  static void empty(LaneState& state, std::size_t index) {
    auto& vector = vectors_of<kKind>(state)[index];
    state.read += std::accumulate(vector.begin(), vector.end(), std::uint64_t{0});
    if constexpr (kKind == Kind::kNoAlloc) bump_arena = &state.arenas[index];
    std::remove_reference_t<decltype(vector)>().swap(vector);
  }

  template <Kind kKind>
  void start_over(LaneState& state, std::size_t index) const {
    if constexpr (kKind == Kind::kReserve) state.vectors[index].reserve(elements_);
    if constexpr (kKind == Kind::kNoAlloc) state.arenas[index].reset();
  }

  // The blocks of a vector's life have 1, 2, 4 ... elements, each rounded up to 16 bytes.
  void place_vectors(LaneState& state) const {
    std::size_t room = 0;
    for (std::size_t capacity = 1; capacity < 2 * elements_; capacity *= 2) {
      room += (capacity * sizeof(Element) + 15) / 16 * 16;
    }
    state.placed = MappedArray<BumpVector>(kVectors);
    state.arenas = MappedArray<BumpArena>(kVectors);
    state.place = MappedArray<unsigned char>(kVectors * room);
    for (std::size_t i = 0; i < kVectors; ++i) {
      state.arenas[i] = BumpArena(state.place.data() + i * room, room);
    }
  }

  // Counted after a step and not at each growth, where it would stand in the loop.
  static std::size_t held_bytes(const LaneState& state) {
    std::size_t elements = 0;
    for (const HeapVector& vector : state.vectors) elements += vector.capacity();
    for (const BumpVector& vector : state.placed) elements += vector.capacity();
    return elements * sizeof(Element);
  }

  std::size_t elements_;
  Kind kind_;
  MappedArray<LaneState> states_;  // by lane
};

const Registration kRegistration{
    {
        .name = "heap/vectors",
        .summary = "Many vectors grow by push_back, interleaved, and start over when they are full",
        .operation = "one element pushed, with its share of growing and starting over",
        .shape = Shape::kWindowed,
        .variants =
            {
                {.name = "push-back", .description = "vectors that grow by doubling"},
                {.name = "reserve", .description = "vectors whose final size is reserved at once"},
                {.name = "no-alloc",
                 .description = "the same growth and copying in memory that is there",
                 .uses_heap = false},
            },
        .baseline_variant = "push-back",
        .parameter =
            ParameterInfo{
                .name = "elements", .unit = "count", .minimum = 1, .maximum = kMostElements},
        .smoke = {{.values = {16}, .threads = TierThreads::kOne}},
        .standard = {{.variants = {"push-back", "no-alloc"}, .values = {1000}},
                     {.variants = {"reserve"},
                      .values = {1000},
                      .allocators = TierAllocators::kBaseline}},
        .full = {{.values = {16, 256, 1000, 4096, 65536}, .threads = TierThreads::kSweep}},
        .seconds_per_parameter = 1e-6,
        // no-alloc maps all blocks of a vector's life side by side.
        .live_bytes = {.per_thread_and_parameter = 2.0 * kVectors * sizeof(Element)},
        .roles = {"scaling", "ratio"},
        .claims = {takes_longer(10, {"push-back"}, "no-alloc",
                                "growing vectors took {} times the same in memory that is there")},
    },
    make_workload<Vectors>};

}  // namespace
}  // namespace stackheap
