// What wanders from thread to thread in fibers/migrate: a fiber, a coroutine or nothing but a
// block, one class for each, all with the same few members; and the mailbox it arrives in.
#pragma once

#include <atomic>
#include <coroutine>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <new>

#include "harness/base/mapped.hpp"
#include "harness/base/random.hpp"
#include "harness/worker/workload.hpp"
#include "suites/common/contexts.hpp"

namespace stackheap::migrate {

inline constexpr std::uint32_t kSmallest = 32;
inline constexpr std::uint32_t kLargest = 1024;

// The block that a traveller carries, on its own stack or in its frame.
struct Parcel {
  unsigned char* block = nullptr;
  std::uint32_t bytes = 0;
  std::uint32_t lane = 0;  // that allocated it
};

// One traveller's papers: written by whoever resumes it, and by itself while it is resumed.
struct alignas(2 * kCacheLine) Papers {
  Lane* here = nullptr;  // the lane that resumes it; asked for anew after every switch
  Random random;
  Parcel* parcel = nullptr;
  std::uint64_t turns = 0;
  std::uint64_t changed = 0;  // blocks that did not hold what was written
  std::uint64_t astray = 0;   // blocks that another lane than the one before had allocated
  std::uint64_t refused = 0;  // allocations
  bool stop = false;
  unsigned char place[kLargest]{};  // of no-alloc
};

struct FromHeap {
  static unsigned char* obtain(Papers&, std::size_t bytes) {
    return static_cast<unsigned char*>(std::malloc(bytes));
  }
  static void give_back(unsigned char* block) { std::free(block); }
};

struct FromPlace {
  static unsigned char* obtain(Papers& papers, std::size_t) { return papers.place; }
  static void give_back(unsigned char* block) { escape(block); }
};

inline unsigned char mark_of(const Parcel& parcel) {
  return static_cast<unsigned char>(parcel.bytes * 37 + parcel.lane);
}

template <class Source>
void pack(Parcel& parcel, Papers& papers) {
  Lane& lane = *papers.here;
  parcel.bytes = kSmallest + papers.random.below(kLargest - kSmallest + 1);
  parcel.lane = lane.index;
  parcel.block = Source::obtain(papers, parcel.bytes);
  escape(parcel.block);
  if (parcel.block == nullptr) [[unlikely]] {
    ++papers.refused;
    return;
  }
  touch(parcel.block, parcel.bytes, mark_of(parcel));
  lane.allocated(parcel.bytes);
}

template <class Source>
void unpack(Parcel& parcel, Papers& papers) {
  if (parcel.block == nullptr) [[unlikely]] {
    return;
  }
  Lane& lane = *papers.here;
  const std::uint32_t before = (lane.index == 0 ? lane.count : lane.index) - 1;
  papers.astray += parcel.lane == before ? 0U : 1U;
  papers.changed += holds_touch(parcel.block, parcel.bytes, mark_of(parcel)) ? 0U : 1U;
  lane.freed(parcel.bytes);
  Source::give_back(parcel.block);
  parcel.block = nullptr;
}

// A stay on one lane: frees what was allocated on the one before and allocates anew. Not inlined:
// nothing that belongs to a thread may be kept across a switch.
template <class Source>
[[gnu::noinline]] void stay(Parcel& parcel, Papers& papers) {
  unpack<Source>(parcel, papers);
  pack<Source>(parcel, papers);
  ++papers.turns;
}

// Each kind has a Maker, made with the size of its stacks, and
//     void start(Maker&, Papers&);   packs and comes back; papers.here is set
//     void resume();                 one stay; with papers.stop: unpacks, and ends
//     void end(Maker&);              after that
//     static std::size_t stack_bytes
template <StackAllocator Stack, class Source>
class FiberTraveller {
 public:
  using Maker = typename FiberContext<Stack>::Maker;
  static constexpr std::size_t kStackBytes = kFiberStackBytes;

  void start(Maker& maker, Papers& papers) {
    journey_.papers = &papers;
    context_.start(maker, journey_);
  }
  void resume() { context_.resume(); }
  void end(Maker& maker) { context_.end(maker); }

 private:
  struct Journey {
    Papers* papers = nullptr;
    template <class Suspend>
    void operator()(Suspend&& suspend) {
      Parcel parcel;
      papers->parcel = &parcel;
      pack<Source>(parcel, *papers);
      for (suspend(); !papers->stop; suspend()) stay<Source>(parcel, *papers);
      unpack<Source>(parcel, *papers);
    }
  };
  Journey journey_;
  FiberContext<Stack> context_;
};

class CoroutineTraveller {
 public:
  struct Maker {
    explicit Maker(std::size_t) {}
  };
  static constexpr std::size_t kStackBytes = 0;

  void start(Maker&, Papers& papers) {
    handle_ = travel(papers).handle;
    resume();
  }
  void resume() { handle_.resume(); }
  void end(Maker&) {
    STACKHEAP_CHECK(handle_.done());
    handle_.destroy();
  }

 private:
  struct Journey {
    struct promise_type {
      Journey get_return_object() {
        return {std::coroutine_handle<promise_type>::from_promise(*this)};
      }
      std::suspend_always initial_suspend() noexcept { return {}; }
      std::suspend_always final_suspend() noexcept { return {}; }
      void return_void() {}
      [[noreturn]] void unhandled_exception() { std::terminate(); }
    };
    std::coroutine_handle<promise_type> handle;
  };
  [[gnu::noinline]] static Journey travel(Papers& papers) {
    Parcel parcel;
    papers.parcel = &parcel;
    pack<FromHeap>(parcel, papers);
    for (co_await std::suspend_always{}; !papers.stop; co_await std::suspend_always{}) {
      stay<FromHeap>(parcel, papers);
    }
    unpack<FromHeap>(parcel, papers);
  }

  std::coroutine_handle<Journey::promise_type> handle_;
};

// No stack: the block alone is handed on.
class ParcelTraveller {
 public:
  using Maker = CoroutineTraveller::Maker;
  static constexpr std::size_t kStackBytes = 0;

  void start(Maker&, Papers& papers) {
    papers_ = &papers;
    papers.parcel = &parcel_;
    pack<FromHeap>(parcel_, papers);
  }
  void resume() {
    if (papers_->stop) return unpack<FromHeap>(parcel_, *papers_);
    stay<FromHeap>(parcel_, *papers_);
  }
  void end(Maker&) {}

 private:
  Papers* papers_ = nullptr;
  Parcel parcel_;
};

// From the lane before to this one: a ring with one writer and one reader, as large as all
// travellers together, so it is never full.
class Mailbox {
 public:
  void make_room(std::size_t travellers) {
    std::size_t slots = 1;
    while (slots < travellers) slots *= 2;
    slots_ = MappedArray<std::uint32_t>(slots);
  }
  void push(std::uint32_t traveller) {
    const std::uint64_t pushed = pushed_.load(std::memory_order_relaxed);
    slots_[pushed & (slots_.size() - 1)] = traveller;
    pushed_.store(pushed + 1, std::memory_order_release);
  }
  bool try_pop(std::uint32_t& traveller) {
    if (pushed_.load(std::memory_order_acquire) == popped_) return false;
    traveller = slots_[popped_++ & (slots_.size() - 1)];
    return true;
  }

 private:
  alignas(2 * kCacheLine) std::atomic<std::uint64_t> pushed_{0};
  alignas(2 * kCacheLine) std::uint64_t popped_ = 0;
  MappedArray<std::uint32_t> slots_;
};

}  // namespace stackheap::migrate
