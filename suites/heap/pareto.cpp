// Slots picked by a nested 80/20 law are filled and emptied, every byte written and read
//
// Models an object-oriented program: most objects are small, a few places in it make and drop most
// of them, and what is allocated is also used. The pattern is that of the benchmark alloc-test by
// OLogN Technologies ("Testing Memory Allocators ... While Trying to Simulate Real-World Loads",
// ithare.com, 2018): all threads together have 2^18 slots; a slot is picked by the 80/20 rule
// nested six times (pareto_law.hpp); an empty one gets an object of 5 to 1,024 B, each doubling
// half as frequent as the one before, a full one is emptied. All bytes of an object are written
// when it is made and read before it is freed. Each thread has its own slots.
//
// One operation is one slot toggled: an object allocated and written, or read and freed. So it is
// half of what heap/slots calls an operation.
//
// Good: little above `no-alloc`, since objects that are used together lie together. Bad: a slow
// allocator, but also one whose own calls are fast and that scatters small objects over memory: the
// bytes are touched here, so that its locality is in the number.
//
// In the steady state every slot is full half of the time, however often it is picked. Setup
// therefore fills each slot with probability one half, then toggles as often as there are slots,
// so that hot places are no longer in the order of their making. `no-alloc` draws the same numbers
// and writes and reads the slot's own object, which stays; its objects come from one mapping, with
// sizes of the same law.
//
// The sum of the bytes read is compared with what was written, in the loop: it is read anyway, and
// the comparison is one of a dozen instructions beside a cache miss.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>

#include "harness/base/mapped.hpp"
#include "harness/worker/fault_hook.hpp"
#include "harness/worker/variant.hpp"
#include "harness/worker/workload.hpp"
#include "suites/heap/pareto_law.hpp"
#include "suites/heap/sources.hpp"

namespace stackheap {
namespace {

constexpr std::uint32_t kSlots = 1U << 18U;  // of all lanes

enum class Kind { kMalloc, kNoAlloc };
constexpr VariantName<Kind> kKinds[] = {{"malloc", Kind::kMalloc}, {"no-alloc", Kind::kNoAlloc}};

struct Slot {
  unsigned char* object = nullptr;
  std::uint32_t bytes = 0;
  bool full = false;
};

struct alignas(2 * kCacheLine) LaneState {
  MappedArray<Slot> slots;
  MappedArray<unsigned char> place;  // of no-alloc
  std::uint64_t toggled = 0;
  std::uint64_t changed = 0;  // objects that did not hold what was written
};

// The sum of the 8-byte words and of the bytes that follow them.
std::uint64_t sum_of(const unsigned char* object, std::uint32_t bytes) {
  std::uint64_t sum = 0;
  std::uint32_t at = 0;
  for (; at + 8 <= bytes; at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, object + at, sizeof word);
    sum += word;
  }
  for (; at < bytes; ++at) sum += object[at];
  return sum;
}

// sum_of() an object that holds nothing but `content`.
std::uint64_t expected_sum(unsigned char content, std::uint32_t bytes) {
  return content * (0x0101010101010101U * (bytes / 8) + bytes % 8);
}

class Pareto {
 public:
  explicit Pareto(const CellSpec& spec)
      : kind_(variant_of(spec, kKinds)),
        count_(std::max(1U, kSlots / spec.threads)),
        law_(count_),
        states_(spec.threads) {}
  Pareto(const Pareto&) = delete;
  Pareto& operator=(const Pareto&) = delete;
  // What a verify that threw has left.
  ~Pareto() {
    for (LaneState& state : states_) {
      for (Slot& slot : state.slots) free_object(slot);
    }
  }

  void setup(Lane& lane) {
    LaneState& state = states_[lane.index];
    state.slots = MappedArray<Slot>(count_);
    if (kind_ == Kind::kNoAlloc) place_objects(lane, state);
    for (std::uint32_t i = 0; i < count_; ++i) {
      const auto drawn = static_cast<std::uint32_t>(lane.random() >> 32U);
      if (drawn % 2 == 0) continue;
      if (kind_ == Kind::kMalloc) fill<Kind::kMalloc>(lane, state.slots[i], i, drawn / 2);
      if (kind_ == Kind::kNoAlloc) fill<Kind::kNoAlloc>(lane, state.slots[i], i, drawn / 2);
    }
    step(lane, count_);
  }

  void step(Lane& lane, std::uint64_t n) {
    LaneState& state = states_[lane.index];
    switch (kind_) {
      case Kind::kMalloc:
        run<Kind::kMalloc>(lane, state, n);
        break;
      case Kind::kNoAlloc:
        run<Kind::kNoAlloc>(lane, state, n);
        break;
    }
  }

  void verify(Lane& lane) {
    LaneState& state = states_[lane.index];
    const Fault fault = planted_fault();
    if (fault == Fault::kDrop) --state.toggled;
    std::uint64_t held = 0;
    for (std::uint32_t i = 0; i < count_; ++i) {
      Slot& slot = state.slots[i];
      if (!slot.full) continue;
      ++held;
      if (held == 1 && fault == Fault::kFlipByte) slot.object[0] ^= 0xffU;
      if (!holds_only(slot.object, slot.bytes, content_of(lane.index, i))) ++state.changed;
      if (held == 1 && fault == Fault::kSkipFree) continue;
      lane.freed(slot.bytes);
      free_object(slot);
    }
    const char* problem = nullptr;
    if (state.toggled != lane.counter) problem = "operations were lost";
    if (state.changed != 0) problem = "an object does not hold what was written";
    if (lane.live_bytes != 0) problem = "not everything was freed";
    if (problem != nullptr) {
      throw CheckFailed("heap/pareto: lane " + std::to_string(lane.index) + ": " + problem);
    }
  }

 private:
  // Never 0, which is what fresh memory holds; neighbours differ.
  static unsigned char content_of(unsigned lane, std::uint32_t slot) {
    return static_cast<unsigned char>(slot * 38 + lane * 102 + 1);
  }

  template <Kind kKind>
  static void fill(Lane& lane, Slot& slot, std::uint32_t index, std::uint32_t size_bits) {
    const std::uint32_t bytes = halving_size(size_bits);
    if constexpr (kKind == Kind::kMalloc) {
      slot.object = static_cast<unsigned char*>(MallocSource().obtain(bytes));
      slot.bytes = bytes;
    } else {
      escape(bytes);
    }
    escape(slot.object);
    std::memset(slot.object, content_of(lane.index, index), slot.bytes);
    slot.full = true;
    lane.allocated(slot.bytes);
  }

  template <Kind kKind>
  void run(Lane& lane, LaneState& state, std::uint64_t n) const {
    Slot* const slots = state.slots.data();
    for (std::uint64_t i = 0; i < n; ++i) {
      const std::uint64_t drawn = lane.random();
      const std::uint32_t index = law_.at(static_cast<std::uint32_t>(drawn >> 32U));
      Slot& slot = slots[index];
      if (slot.full) {
        const std::uint64_t sum = sum_of(slot.object, slot.bytes);
        state.changed += sum == expected_sum(content_of(lane.index, index), slot.bytes) ? 0U : 1U;
        slot.full = false;
        lane.freed(slot.bytes);
        if constexpr (kKind == Kind::kMalloc) {
          std::free(slot.object);
          slot.object = nullptr;
        }
      } else {
        fill<kKind>(lane, slot, index, static_cast<std::uint32_t>(drawn));
      }
      ++state.toggled;
    }
    lane.counter += n;
  }

  // Side by side, aligned as malloc would.
  void place_objects(Lane& lane, LaneState& state) const {
    const auto room = [](const Slot& slot) { return (std::size_t{slot.bytes} + 15) / 16 * 16; };
    std::size_t total = 0;
    for (Slot& slot : state.slots) {
      slot.bytes = halving_size(static_cast<std::uint32_t>(lane.random() >> 32U));
      total += room(slot);
    }
    state.place = MappedArray<unsigned char>(total);
    unsigned char* next = state.place.data();
    for (Slot& slot : state.slots) {
      slot.object = next;
      next += room(slot);
    }
  }

  void free_object(Slot& slot) const {
    if (kind_ == Kind::kMalloc) std::free(slot.object);
    slot.object = nullptr;
    slot.full = false;
  }

  Kind kind_;
  std::uint32_t count_;  // slots of one lane
  NestedPareto law_;
  MappedArray<LaneState> states_;  // by lane
};

const Registration kRegistration{
    {
        .name = "heap/pareto",
        .summary =
            "Slots picked by a nested 80/20 law are filled and emptied, every byte written and "
            "read",
        .operation = "one object allocated and written, or read and freed",
        .shape = Shape::kWindowed,
        .variants =
            {
                {.name = "malloc", .description = "malloc and free"},
                {.name = "no-alloc",
                 .description = "the same loop, random numbers, writing and reading on memory that "
                                "is there",
                 .uses_heap = false},
            },
        .baseline_variant = "malloc",
        .smoke = {{.variants = {"malloc"}, .threads = TierThreads::kAll},
                  {.variants = {"no-alloc"}, .threads = TierThreads::kOne}},
        .standard = {{}},
        .full = {{.threads = TierThreads::kSweep}},
        .expected_seconds = 0.09,
        .live_bytes = {.fixed = kSlots / 2.0 * kMeanHalvingSize},
        .roles = {"scaling", "ratio", "pareto"},
    },
    make_workload<Pareto>};

}  // namespace
}  // namespace stackheap
