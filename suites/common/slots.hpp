// The pattern of heap/slots for every workload that runs it: a fixed number of objects live, each
// for a random time, and small ones are many, large ones few. It stands apart from heap/slots
// because a latency is of interest only beside the throughput of exactly the same pattern.
//
// A random slot's object is freed, a new size drawn (4 to 32,768 B, inverse-square), an object of
// it allocated, and its first and last byte and one byte a page written. Each lane has its own
// slots. Setup fills all slots and replaces each several times, so that no window sees a young
// heap. The variant `no-alloc` draws the same numbers and touches the chosen slot's own object,
// which stays; its objects come from one mapping, with sizes of the same law.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>

#include "harness/base/mapped.hpp"
#include "harness/worker/distributions.hpp"
#include "harness/worker/fault_hook.hpp"
#include "harness/worker/variant.hpp"
#include "harness/worker/workload.hpp"

namespace stackheap {

inline constexpr double kSlotMeanBytes = 36;  // of the law: the sum of 1 / s over that of 1 / s^2

// `Calls` says what stands in the loop for the two calls of an operation:
//   static void give_back(Lane&, void* object);             may ask for its size too, as a third
//   static void* obtain(Lane&, std::size_t bytes);          throws std::bad_alloc
// and for the variant no-alloc in their places
//   static void no_give_back(Lane&, void* object);
//   static void no_obtain(Lane&, std::size_t bytes);
// and, where its objects are not malloc's,
//   static void discard(void* object);                      at the end, of one that is still there
template <class Calls>
class SlotsPattern {
 public:
  explicit SlotsPattern(const CellSpec& spec)
      : name_(spec.workload),
        count_(static_cast<std::uint32_t>(spec.parameter)),
        kind_(variant_of(spec, kKinds)),
        sizes_(2.0, kSmallest, kLargest),
        states_(spec.threads) {}
  SlotsPattern(const SlotsPattern&) = delete;
  SlotsPattern& operator=(const SlotsPattern&) = delete;
  // What a verify that threw has left.
  ~SlotsPattern() {
    for (LaneState& state : states_) {
      for (Slot& slot : state.slots) free_object(slot);
    }
  }

  void setup(Lane& lane) {
    LaneState& state = states_[lane.index];
    state.slots = MappedArray<Slot>(count_);
    for (Slot& slot : state.slots) slot.bytes = sizes_.draw(lane.random);
    if (kind_ == Kind::kNoAlloc) place_objects(state);
    for (std::size_t i = 0; i < state.slots.size(); ++i) {
      Slot& slot = state.slots[i];
      if (kind_ == Kind::kMalloc) {
        slot.object = static_cast<unsigned char*>(Calls::obtain(lane, slot.bytes));
      }
      touch(slot.object, slot.bytes, content_of(lane.index, i));
      lane.allocated(slot.bytes);
    }
    step(lane, kReplacements * count_);
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
    if (fault == Fault::kFlipByte) state.slots[0].object[0] ^= 0xffU;
    if (fault == Fault::kDrop) free_object(state.slots[0]);

    const char* problem = state.refilled == lane.counter ? nullptr : "operations were lost";
    for (std::size_t i = 0; i < state.slots.size(); ++i) {
      Slot& slot = state.slots[i];
      if (slot.object == nullptr) {
        problem = "a slot is empty";
      } else if (!holds_touch(slot.object, slot.bytes, content_of(lane.index, i))) {
        problem = "an object does not hold what was written";
      }
      if (i == 0 && fault == Fault::kSkipFree) continue;
      lane.freed(slot.bytes);
      free_object(slot);
    }
    if (lane.live_bytes != 0) problem = "not everything was freed";
    if (problem != nullptr) {
      throw CheckFailed(name_ + ": lane " + std::to_string(lane.index) + ": " + problem);
    }
  }

 private:
  static constexpr std::uint32_t kSmallest = 4;
  static constexpr std::uint32_t kLargest = 32768;
  static constexpr std::uint64_t kReplacements = 4;  // of each slot on average, in setup

  enum class Kind { kMalloc, kNoAlloc };
  static constexpr VariantName<Kind> kKinds[] = {{"malloc", Kind::kMalloc},
                                                 {"no-alloc", Kind::kNoAlloc}};

  struct Slot {
    unsigned char* object = nullptr;
    std::uint32_t bytes = 0;
  };

  struct alignas(2 * kCacheLine) LaneState {
    MappedArray<Slot> slots;
    MappedArray<unsigned char> place;  // of no-alloc
    std::uint64_t refilled = 0;
  };

  // What is written to a slot's objects: neighbours in memory, of whichever lane, rarely share it.
  static unsigned char content_of(unsigned lane, std::size_t slot) {
    return static_cast<unsigned char>(slot * 37 + std::size_t{lane} * 101 + 1);
  }

  template <Kind kKind>
  void run(Lane& lane, LaneState& state, std::uint64_t n) {
    Slot* const slots = state.slots.data();
    const std::uint64_t count = count_;
    const unsigned lane_index = lane.index;
    Random random = lane.random;
    std::int64_t growth = 0;
    std::uint64_t refilled = 0;
    for (; refilled != n; ++refilled) {
      const std::uint64_t drawn = random();
      const std::size_t index = ((drawn & 0xffffffffU) * count) >> 32U;
      const std::uint32_t bytes = sizes_.at(static_cast<std::uint32_t>(drawn >> 32U));
      Slot& slot = slots[index];
      if constexpr (kKind == Kind::kMalloc) {
        give_back(lane, slot);
        slot.object = nullptr;  // so that a failing malloc leaves nothing to be freed twice
        growth += std::int64_t{bytes} - std::int64_t{slot.bytes};
        slot.bytes = bytes;
        slot.object = static_cast<unsigned char*>(Calls::obtain(lane, bytes));
      } else {
        Calls::no_give_back(lane, slot.object);
        Calls::no_obtain(lane, bytes);
      }
      escape(slot.object);
      touch(slot.object, slot.bytes, content_of(lane_index, index));
    }
    lane.random = random;
    lane.live_bytes += growth;
    lane.counter += n;
    state.refilled += refilled;
  }

  // Side by side, aligned as malloc would.
  void place_objects(LaneState& state) {
    const auto room = [](const Slot& slot) { return (std::size_t{slot.bytes} + 15) / 16 * 16; };
    std::size_t total = 0;
    for (const Slot& slot : state.slots) total += room(slot);
    state.place = MappedArray<unsigned char>(total);
    unsigned char* next = state.place.data();
    for (Slot& slot : state.slots) {
      slot.object = next;
      next += room(slot);
    }
  }

  static void give_back(Lane& lane, const Slot& slot) {
    if constexpr (requires { Calls::give_back(lane, slot.object, slot.bytes); }) {
      Calls::give_back(lane, slot.object, slot.bytes);
    } else {
      Calls::give_back(lane, slot.object);
    }
  }

  void free_object(Slot& slot) const {
    if constexpr (requires { Calls::discard(slot.object); }) {
      if (kind_ == Kind::kMalloc) Calls::discard(slot.object);
    } else {
      if (kind_ == Kind::kMalloc) std::free(slot.object);
    }
    slot.object = nullptr;
  }

  std::string name_;
  std::uint32_t count_;
  Kind kind_;
  SizeTable sizes_;
  MappedArray<LaneState> states_;  // by lane
};

}  // namespace stackheap
