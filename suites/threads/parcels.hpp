// Parcels of blocks that lanes send to each other's mailboxes, and the lanes' books, for workloads
// whose threads hand over many blocks of any size at once. Links inside the blocks would do (as in
// threads/remote-free) but for blocks of 8 B, which have no room for their size.
//
// Each lane owns a fixed number of parcels, which come home empty: so what is under way is bounded
// by the memory for it, whatever the speed of sender and receiver. A sender that has none left does
// the receivers' work: it empties mailboxes, its own first. Where none comes home from that either,
// it yields once, so that receivers get a CPU, and then frees the blocks itself. So it never waits,
// also when all others have left for the barrier at a window's end, or are off their CPUs in the
// midst of a mailbox.
#pragma once

#include <sched.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <string>

#include "harness/base/error.hpp"
#include "harness/base/mapped.hpp"
#include "harness/worker/workload.hpp"
#include "suites/common/chain_stack.hpp"

namespace stackheap::parcels {

inline constexpr std::size_t kParcelBlocks = 32;
inline constexpr std::size_t kParcelsPerLane = 16;

struct Held {
  unsigned char* block = nullptr;
  std::uint32_t bytes = 0;
  unsigned char mark = 0;  // what touch() wrote
};

struct Parcel {
  Parcel* next = nullptr;
  std::uint32_t sender = 0;
  std::uint32_t count = 0;
  std::array<Held, kParcelBlocks> blocks{};
};

// What was made and what was given up; equal at the end, over all lanes.
struct Tally {
  std::uint64_t blocks = 0;
  std::uint64_t marks = 0;
  void add(const Held& held) {
    ++blocks;
    marks += held.mark;
  }
};

struct Station {
  ChainStack<Parcel> mailbox;     // written by the other lanes
  ChainStack<Parcel> homecoming;  // this lane's parcels, empty; written by the other lanes
  // The lane's own.
  alignas(2 * kCacheLine) Parcel* spare = nullptr;
  Tally made;
  Tally given_up;
  std::uint64_t damaged = 0;
  MappedArray<Parcel> parcels;       // the last one is never sent
  MappedArray<unsigned char> place;  // `no-alloc`: of all blocks that the lane starts with
};

// Where the blocks come from. In `no-alloc` a Held has its block for ever; what is asked for is
// ignored, and the block is touched as it is.
struct FromHeap {
  static constexpr bool kUsesHeap = true;
  static void obtain(Held& held, std::uint32_t bytes, std::size_t alignment) {
    void* block = nullptr;
    if (alignment == 0) {
      block = std::malloc(bytes);
      if (block == nullptr) [[unlikely]] {
        throw std::bad_alloc();
      }
    } else if (posix_memalign(&block, alignment, bytes) != 0) [[unlikely]] {
      throw std::bad_alloc();
    }
    held.block = static_cast<unsigned char*>(block);
    held.bytes = bytes;
  }
  static void give_back(Held& held) {
    std::free(held.block);
    held.block = nullptr;
  }
};

struct FromPlace {
  static constexpr bool kUsesHeap = false;
  static void obtain(Held&, std::uint32_t bytes, std::size_t) { escape(bytes); }
  static void give_back(Held& held) { escape(held.block); }
};

template <class Source>
void make(Station& own, Lane& lane, Held& held, std::uint32_t bytes, std::size_t alignment,
          unsigned char mark) {
  Source::obtain(held, bytes, alignment);
  held.mark = mark;
  escape(held.block);
  touch(held.block, held.bytes, mark);
  lane.allocated(held.bytes);
  own.made.add(held);
}

inline bool ends_intact(const Held& held) {
  return held.block[0] == held.mark && held.block[held.bytes - 1] == held.mark;
}

// Looks at the block's two ends only, which are near: check_touch() looks at all of it.
template <class Source>
void give_up(Station& own, Lane& lane, Held& held) {
  own.damaged += ends_intact(held) ? 0U : 1U;
  own.given_up.add(held);
  lane.freed(held.bytes);
  Source::give_back(held);
}

// In verify, before give_up(), which counts a block with a damaged end.
inline void check_touch(Station& own, const Held& held) {
  if (ends_intact(held) && !holds_touch(held.block, held.bytes, held.mark)) ++own.damaged;
}

class Post {
 public:
  explicit Post(unsigned lanes) : stations_(lanes) {}

  Station& of(const Lane& lane) { return stations_[lane.index]; }

  void prepare(const Lane& lane) {
    Station& own = of(lane);
    own.parcels = MappedArray<Parcel>(kParcelsPerLane);
    for (Parcel& parcel : own.parcels) parcel.sender = lane.index;
    for (std::size_t i = 0; i + 1 < kParcelsPerLane; ++i) {
      own.parcels[i].next = own.spare;
      own.spare = &own.parcels[i];
    }
  }

  // `no-alloc`: gives every Held of `held` its block, side by side, of the size in it.
  template <class Helds>
  static std::size_t room(const Helds& helds) {
    std::size_t total = 0;
    for (const Held& held : helds) total += rounded(held.bytes);
    return total;
  }
  template <class Helds>
  static unsigned char* place(Helds&& helds, unsigned char* next) {
    for (Held& held : helds) {
      held.block = next;
      next += rounded(held.bytes);
    }
    return next;
  }

  // An empty parcel of this lane, to be sent.
  template <class Source>
  Parcel& blank(Lane& lane) {
    Station& own = of(lane);
    if (own.spare == nullptr) own.spare = own.homecoming.take_all();
    if (own.spare == nullptr) fetch_blank<Source>(own, lane);
    Parcel* parcel = own.spare;
    if (parcel != nullptr) {
      own.spare = parcel->next;
    } else {
      parcel = &own.parcels[kParcelsPerLane - 1];
    }
    parcel->count = 0;
    return *parcel;
  }

  template <class Source>
  void send(Lane& lane, Parcel& parcel, std::size_t receiver) {
    Station& own = of(lane);
    if (&parcel == &own.parcels[kParcelsPerLane - 1]) [[unlikely]] {
      give_up_all<Source>(own, lane, parcel);
    } else {
      stations_[receiver].mailbox.push(&parcel, &parcel);
    }
  }

  // In verify: gives up the blocks of a parcel that was not sent.
  template <class Source>
  void keep(Lane& lane, Parcel& parcel) {
    give_up_all<Source>(of(lane), lane, parcel);
    parcel.count = 0;
  }

  // Gives up all blocks in the lane's mailbox and sends the parcels home.
  template <class Source>
  void collect(Lane& lane) {
    collect_from<Source>(of(lane), of(lane), lane);
  }

  // At the end of verify.
  void close_books(const Lane& lane) {
    const Station& own = of(lane);
    made_ += own.made.blocks;
    made_marks_ += own.made.marks;
    given_up_ += own.given_up.blocks;
    given_up_marks_ += own.given_up.marks;
    damaged_ += own.damaged;
    live_bytes_ += lane.live_bytes;
  }

  // In finish. Throws CheckFailed.
  void check(const std::string& workload) const {
    if (damaged_ != 0) {
      throw CheckFailed(workload + ": what was written to " + std::to_string(damaged_.load()) +
                        " blocks had changed when they were given up");
    }
    if (made_ != given_up_ || made_marks_ != given_up_marks_) {
      throw CheckFailed(workload + ": " + std::to_string(made_.load()) + " blocks were made and " +
                        std::to_string(given_up_.load()) + " given up, or not the same ones");
    }
    if (live_bytes_ != 0) {
      throw CheckFailed(workload + ": " + std::to_string(live_bytes_.load()) +
                        " bytes are still live after everything was freed");
    }
  }

 private:
  // Aligned as malloc would.
  static std::size_t rounded(std::uint32_t bytes) { return (std::size_t{bytes} + 15) / 16 * 16; }

  template <class Source>
  static void give_up_all(Station& own, Lane& lane, Parcel& parcel) {
    for (std::uint32_t i = 0; i < parcel.count; ++i) give_up<Source>(own, lane, parcel.blocks[i]);
  }

  template <class Source>
  void collect_from(Station& station, Station& own, Lane& lane) {
    Parcel* parcel = station.mailbox.take_all();
    while (parcel != nullptr) {
      Parcel* next = parcel->next;
      give_up_all<Source>(own, lane, *parcel);
      stations_[parcel->sender].homecoming.push(parcel, parcel);
      parcel = next;
    }
  }

  template <class Source>
  [[gnu::noinline]] void fetch_blank(Station& own, Lane& lane) {
    for (std::size_t step = 0; step < stations_.size() && own.spare == nullptr; ++step) {
      collect_from<Source>(stations_[(lane.index + step) % stations_.size()], own, lane);
      own.spare = own.homecoming.take_all();
    }
    if (own.spare == nullptr) {
      STACKHEAP_CHECK(sched_yield() == 0);
      own.spare = own.homecoming.take_all();
    }
  }

  MappedArray<Station> stations_;  // by lane
  std::atomic<std::uint64_t> made_{0};
  std::atomic<std::uint64_t> made_marks_{0};
  std::atomic<std::uint64_t> given_up_{0};
  std::atomic<std::uint64_t> given_up_marks_{0};
  std::atomic<std::uint64_t> damaged_{0};
  std::atomic<std::int64_t> live_bytes_{0};
};

}  // namespace stackheap::parcels
