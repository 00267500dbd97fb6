// Numbers are factored by continued fractions, on limbs that lie on the heap
//
// Models symbolic and exact arithmetic, where each result is a new object of a few words that dies
// after one or two uses. The program cfrac (D. Barrett), which factors by the method of Morrison
// and Brillhart (1975), has stood for it in the literature on allocators since B. Zorn and
// D. Grunwald's measurements (1992) and in Berger, Zorn and McKinley's of 2001. Here the method and
// its arithmetic are written anew (continued_fraction.hpp, heap_number.hpp): every sum, product,
// quotient and remainder is a block of 4 to 36 B from operator new, nearly all given back within
// the same step. The number to be factored has two primes of about equal length and depends on the
// parameter alone, as cfrac's is its one argument: all samples do the same steps.
//
// One operation is one step of the expansion: a Q made and tried against the primes of the factor
// base, with whatever that leads to (a relation kept, the factor found, the next factoring begun).
// A step takes some 20 to 100 allocations.
//
// Good: near `no-alloc`. Bad: times above it, which is the price of the fast path for the smallest
// sizes, paid dozens of times a microsecond: nothing is ever cold, shared or large here.
//
// `no-alloc` is the same arithmetic on fixed places of 64 B that are taken from and put back on a
// stack of free places: two moves each, the least that such lifetimes can cost.
//
// Between operations some tens of blocks are live, far below what any measure of memory resolves,
// so the lane's live bytes stay 0; the blocks are counted instead.
#include <cstddef>
#include <cstdint>
#include <new>
#include <string>
#include <utility>

#include "harness/base/mapped.hpp"
#include "harness/worker/fault_hook.hpp"
#include "harness/worker/variant.hpp"
#include "harness/worker/workload.hpp"
#include "suites/heap/continued_fraction.hpp"
#include "suites/heap/heap_number.hpp"
#include "suites/heap/semiprime.hpp"

namespace stackheap {
namespace {

constexpr std::size_t kMostBlocks = 512;  // live at once, of one lane

enum class Kind { kOperatorNew, kNoAlloc };
constexpr VariantName<Kind> kKinds[] = {{"operator-new", Kind::kOperatorNew},
                                        {"no-alloc", Kind::kNoAlloc}};

// The largest base that pays: found by trial, flat around its optimum.
unsigned primes_for(std::int64_t digits) {
  return static_cast<unsigned>(5 * digits - 40 < 10 ? 10 : 5 * digits - 40);
}

// Live blocks of this thread. constinit: a thread_local that might need a constructor is reached
// through a wrapper function.
constinit thread_local std::int64_t t_blocks = 0;

struct NewMemory {
  static void* obtain(std::size_t bytes) {
    void* const block = ::operator new(bytes);
    ++t_blocks;
    return block;
  }
  static void give_back(void* block) {
    --t_blocks;
    ::operator delete(block);
  }
};

struct Place {
  union {
    Place* next;
    unsigned char bytes[64];
  };
  Place() noexcept : next(nullptr) {}
};
constinit thread_local Place* t_free_places = nullptr;

struct PlacedMemory {
  static void* obtain(std::size_t bytes) {
    if (t_free_places == nullptr || bytes > sizeof(Place)) [[unlikely]] {
      throw std::bad_alloc();
    }
    ++t_blocks;
    Place* const place = t_free_places;
    t_free_places = place->next;
    return place;
  }
  static void give_back(void* block) {
    --t_blocks;
    auto* const place = new (block) Place;
    place->next = t_free_places;
    t_free_places = place;
  }
};

template <class Memory>
using Factoring = ContinuedFraction<HeapNumber<Memory>>;

struct alignas(2 * kCacheLine) LaneState {
  MappedArray<Place> places;  // of no-alloc
  Factoring<NewMemory> on_heap;
  Factoring<PlacedMemory> on_places;
  std::uint64_t steps = 0;
  std::uint64_t wrong = 0;  // results that are not one of the primes
};

class Bignum {
 public:
  explicit Bignum(const CellSpec& spec)
      : kind_(variant_of(spec, kKinds)),
        primes_(primes_for(spec.parameter)),
        number_(Semiprime::of_digits(spec.parameter)),
        states_(spec.threads) {}

  void setup(Lane& lane) {
    LaneState& state = states_[lane.index];
    t_blocks = 0;
    t_free_places = nullptr;
    if (kind_ == Kind::kOperatorNew) {
      state.on_heap = Factoring<NewMemory>(primes_);
      start(state.on_heap);
    } else {
      state.places = MappedArray<Place>(kMostBlocks);
      for (Place& place : state.places) t_free_places = chain(place, t_free_places);
      state.on_places = Factoring<PlacedMemory>(primes_);
      start(state.on_places);
    }
    step(lane, kStepsInSetup);
    if (planted_fault() == Fault::kDrop) --state.steps;
  }

  void step(Lane& lane, std::uint64_t n) {
    LaneState& state = states_[lane.index];
    switch (kind_) {
      case Kind::kOperatorNew:
        run(state, state.on_heap, n);
        break;
      case Kind::kNoAlloc:
        run(state, state.on_places, n);
        break;
    }
    lane.counter += n;
  }

  // Goes on to the end of the factoring that the last window has left unfinished.
  void verify(Lane& lane) {
    LaneState& state = states_[lane.index];
    const bool is_factored =
        kind_ == Kind::kOperatorNew ? finish(state.on_heap) : finish(state.on_places);
    if (planted_fault() == Fault::kSkipFree) ++t_blocks;
    const char* problem = nullptr;
    if (state.steps != lane.counter) problem = "steps were lost";
    if (!is_factored) problem = "the last factoring gave no factors of the number";
    if (state.wrong != 0) problem = "a factoring gave a number that is not one of the primes";
    if (t_blocks != 0) problem = "not every number was given back";
    if (problem != nullptr) {
      throw CheckFailed("heap/bignum: lane " + std::to_string(lane.index) + ": " + problem);
    }
  }

 private:
  static constexpr std::uint64_t kStepsInSetup = 1000;

  static Place* chain(Place& place, Place* next) {
    place.next = next;
    return &place;
  }

  template <class Memory>
  void start(Factoring<Memory>& factoring) const {
    using Number = HeapNumber<Memory>;
    factoring.start(Number(number_.p) * Number(number_.q));
  }

  template <class Memory>
  void run(LaneState& state, Factoring<Memory>& factoring, std::uint64_t n) const {
    for (std::uint64_t i = 0; i < n; ++i) {
      if (factoring.step()) [[unlikely]] {
        const std::uint64_t found = take(factoring).low_64_bits();
        state.wrong += found == number_.p || found == number_.q ? 0U : 1U;
        start(factoring);
      }
      ++state.steps;
    }
  }

  template <class Memory>
  static HeapNumber<Memory> take(Factoring<Memory>& factoring) {
    return std::move(factoring.found());
  }

  // Whether what is found divides the number, and both parts are primes.
  template <class Memory>
  bool finish(Factoring<Memory>& factoring) const {
    using Number = HeapNumber<Memory>;
    while (!factoring.step()) {
    }
    Number found = take(factoring);
    if (planted_fault() == Fault::kFlipByte) found = Number(found.low_64_bits() ^ 0xffU);
    if (found.is_zero()) return false;
    const auto [other, rest] = (Number(number_.p) * Number(number_.q)).divide(found);
    return rest.is_zero() && is_prime(found.low_64_bits()) && is_prime(other.low_64_bits());
  }

  Kind kind_;
  unsigned primes_;  // of the factor base
  Semiprime number_;
  MappedArray<LaneState> states_;  // by lane
};

const Registration kRegistration{
    {
        .name = "heap/bignum",
        .summary = "Numbers are factored by continued fractions, on limbs that lie on the heap",
        .operation = "one step of the expansion: a number made and tried against the factor base",
        .shape = Shape::kWindowed,
        .variants =
            {
                {.name = "operator-new", .description = "each number is a block of its own"},
                {.name = "no-alloc",
                 .description = "the same arithmetic on a stack of fixed places",
                 .uses_heap = false},
            },
        .baseline_variant = "operator-new",
        .parameter = ParameterInfo{.name = "digits",
                                   .unit = "count",
                                   .minimum = Semiprime::kFewestDigits,
                                   .maximum = Semiprime::kMostDigits},
        .smoke = {{.values = {10}, .threads = TierThreads::kOne}},
        .standard = {{.values = {16}}},
        .full = {{.values = {10, 13, 16, 19, 22}, .threads = TierThreads::kSweep}},
        .expected_seconds = 0.07,
        .live_bytes = {.per_thread = 64 * kMostBlocks},
        .roles = {"scaling", "ratio"},
    },
    make_workload<Bignum>};

}  // namespace
}  // namespace stackheap
