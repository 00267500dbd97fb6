// The pattern of threads/shared-slots, as a template over where the objects come from and how they
// are verified: `Plain` below for the benchmark; a stress check brings its own, which may know
// every live range, so that a broken allocator is caught under exactly the traffic that is
// measured.
//
// It is the stress test of mimalloc (D. Leijen, test-stress, 2018), described here in our words. A
// thread lives for one generation: it makes 1,000 objects that it plays with and 500 that it keeps
// to its end, in random order, times a weight of 1 to 8 by its number. After each it frees one of
// the former in two of three cases, and in one of four exchanges one with a random one of 1,000
// slots that all threads share, whatever is found there. At its end it frees all that it holds, and
// every second object of its part of the shared slots. Objects are of a power of two words, 1 to 16
// for those that are played with, 1 to 64 for those that are kept; of 100 objects one is 100 times
// larger, of those each tenth 1,000 times and each hundredth 10,000 times. All words are written
// when an object is made, and compared when it is freed.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <string>

#include "harness/base/error.hpp"
#include "harness/base/mapped.hpp"
#include "harness/worker/fault_hook.hpp"
#include "harness/worker/workload.hpp"

namespace stackheap::shared_slots {

inline constexpr std::uint32_t kSlots = 1000;
inline constexpr std::uint32_t kPlayed = 1000;  // objects of a generation, times its weight
inline constexpr std::uint32_t kKept = 500;
inline constexpr std::uint32_t kMostWeight = 8;
inline constexpr unsigned kPlayedPowers = 5;  // 2^0 ... 2^4 words
inline constexpr unsigned kKeptPowers = 7;
inline constexpr std::uint32_t kFreePercent = 66;
inline constexpr std::uint32_t kExchangePercent = 25;

constexpr std::uint32_t weight_of(unsigned lane) {
  return lane % kMostWeight + 1;
}

// Words of an object, at most 10,000 x 2^(powers - 1).
inline std::uint32_t draw_words(Random& random, unsigned powers) {
  const std::uint32_t words = std::uint32_t{1} << random.below(powers);
  if (random.below(100) != 0) [[likely]] {
    return words;
  }
  if (random.below(100) == 0) return words * 10'000;
  return words * (random.below(10) == 0 ? 1000 : 100);
}

// The exact mean of draw_words().
constexpr double mean_words(unsigned powers) {
  const double small = ((1U << powers) - 1) / static_cast<double>(powers);
  return small * (0.99 + 0.01 * (0.01 * 10'000 + 0.99 * (0.1 * 1000 + 0.9 * 100)));
}

// A bound of what one generation of weight 1 holds: nothing freed before its end.
inline constexpr double kBytesOfWeight =
    8.0 * (kPlayed * mean_words(kPlayedPowers) + kKept * mean_words(kKeptPowers));

// `Policy`, one object that all threads share:
//   std::uint64_t* obtain(Lane&, std::uint32_t words);      with its content; throws bad_alloc
//   std::uint32_t give_back(Lane&, std::uint64_t* object);  checks the content and frees; its
//                                                           words, or 0 where it was damaged
// The object alone is all that passes through a shared slot, so a policy must find its size.
struct Plain {
  // calloc, as published. The first word holds the size twice, so that a damaged one is not
  // believed; each other word differs from its neighbours.
  static std::uint64_t* obtain(Lane&, std::uint32_t words) {
    auto* object = static_cast<std::uint64_t*>(std::calloc(words, sizeof(std::uint64_t)));
    if (object == nullptr) [[unlikely]] {
      throw std::bad_alloc();
    }
    const std::uint64_t first = first_word(words);
    for (std::uint64_t i = 0; i < words; ++i) object[i] = first + i * kStep;
    escape(object);
    return object;
  }

  static std::uint32_t give_back(Lane&, std::uint64_t* object) {
    const std::uint64_t first = object[0];
    const auto words = static_cast<std::uint32_t>(first);
    std::uint64_t wrong = first ^ first_word(words);
    if (wrong == 0) [[likely]] {
      for (std::uint64_t i = 1; i < words; ++i) wrong |= object[i] ^ (first + i * kStep);
    }
    std::free(object);
    return wrong == 0 ? words : 0;
  }

 private:
  static constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15U;
  static constexpr std::uint64_t first_word(std::uint32_t words) {
    return std::uint64_t{~words} << 32U | words;
  }
};

// What a thread holds in one generation, in mapped memory; used again by its successors.
class Holdings {
 public:
  Holdings() = default;
  Holdings(std::uint32_t most_played, std::uint32_t most_kept)
      : played_(most_played), kept_(most_kept) {}

  // The last generation was released.
  void begin(std::uint32_t played, std::uint32_t kept) {
    STACKHEAP_CHECK(played <= played_.size() && kept <= kept_.size());
    played_left_ = played;
    kept_left_ = kept;
    played_count_ = 0;
    kept_count_ = 0;
  }
  bool is_complete() const { return played_left_ + kept_left_ == 0; }

 private:
  template <class Policy>
  friend class SharedSlots;

  MappedArray<std::uint64_t*> played_;
  MappedArray<std::uint64_t*> kept_;
  std::uint32_t played_left_ = 0;
  std::uint32_t kept_left_ = 0;
  std::uint32_t played_count_ = 0;
  std::uint32_t kept_count_ = 0;
};

template <class Policy>
class SharedSlots {
 public:
  SharedSlots(Policy& policy, unsigned lanes) : policy_(policy), slots_(kSlots), books_(lanes) {}
  SharedSlots(const SharedSlots&) = delete;
  SharedSlots& operator=(const SharedSlots&) = delete;

  // Up to n operations of the generation, fewer where it is complete; how many.
  std::uint64_t run(Lane& lane, Holdings& own, std::uint64_t n) {
    Random& random = lane.random;
    std::uint64_t done = 0;
    for (; done < n && !own.is_complete(); ++done) {
      if (own.kept_left_ == 0 || (own.played_left_ > 0 && random.below(2) == 0)) {
        --own.played_left_;
        std::uint64_t*& place = own.played_[own.played_count_++];
        place = nullptr;  // a failing allocation leaves nothing there
        place = make(lane, draw_words(random, kPlayedPowers));
      } else {
        --own.kept_left_;
        std::uint64_t* object = make(lane, draw_words(random, kKeptPowers));
        own.kept_[own.kept_count_++] = object;
      }
      if (own.played_count_ == 0) continue;
      if (random.below(100) < kFreePercent) {
        give_up(lane, own.played_[random.below(own.played_count_)]);
      }
      if (random.below(100) < kExchangePercent) {
        std::uint64_t*& mine = own.played_[random.below(own.played_count_)];
        mine = slots_[random.below(kSlots)].exchange(mine, std::memory_order_acq_rel);
      }
    }
    return done;
  }

  // Frees all that the generation holds.
  void release(Lane& lane, Holdings& own) {
    for (std::uint32_t i = 0; i < own.kept_count_; ++i) give_up(lane, own.kept_[i]);
    for (std::uint32_t i = 0; i < own.played_count_; ++i) give_up(lane, own.played_[i]);
    own.kept_count_ = 0;
    own.played_count_ = 0;
  }

  // Frees every second object, at random, of the lane's part of the shared slots.
  void thin_out(Lane& lane) {
    for (std::uint32_t i = lane.index; i < kSlots; i += lane.count) {
      if (lane.random.below(2) != 0) continue;
      std::uint64_t* found = slots_[i].exchange(nullptr, std::memory_order_acq_rel);
      give_up(lane, found);
    }
  }

  // When no thread runs any more: frees what is left, counted by `lane`, and compares the books.
  // Throws CheckFailed.
  void finish(const std::string& name, Lane& lane) {
    plant(planted_fault(), lane);
    for (auto& slot : slots_) {
      std::uint64_t* found = slot.exchange(nullptr, std::memory_order_acq_rel);
      give_up(lane, found);
    }
    Books sum;
    for (const Books& own : books_) {
      sum.made += own.made;
      sum.given_up += own.given_up;
      sum.words += own.words;
      sum.damaged += own.damaged;
    }
    if (sum.damaged != 0) {
      throw CheckFailed(name + ": words of " + std::to_string(sum.damaged) +
                        " objects changed while they were held");
    }
    if (sum.made != sum.given_up) {
      throw CheckFailed(name + ": " + std::to_string(sum.made) + " objects were made and " +
                        std::to_string(sum.given_up) + " given up");
    }
    if (sum.words != 0) {
      throw CheckFailed(name + ": " + std::to_string(sum.words * 8) +
                        " bytes are still live after everything was freed");
    }
  }

 private:
  struct alignas(2 * kCacheLine) Books {
    std::uint64_t made = 0;
    std::uint64_t given_up = 0;
    std::int64_t words = 0;  // made and not given up, by this lane
    std::uint64_t damaged = 0;
  };

  // What a test plants befalls an object that is made for it.
  void plant(Fault fault, Lane& lane) {
    if (fault == Fault::kNone) return;
    constexpr std::uint32_t kWords = 4;
    std::uint64_t* object = make(lane, kWords);
    if (fault == Fault::kFlipByte)
      reinterpret_cast<unsigned char*>(object)[kWords * 8 - 1] ^= 0xffU;
    give_up(lane, object);
    if (fault == Fault::kDrop) --books_[lane.index].given_up;
    if (fault == Fault::kSkipFree) books_[lane.index].words += kWords;
  }

  std::uint64_t* make(Lane& lane, std::uint32_t words) {
    std::uint64_t* object = policy_.obtain(lane, words);
    Books& books = books_[lane.index];
    ++books.made;
    books.words += words;
    lane.allocated(std::size_t{words} * sizeof(std::uint64_t));
    return object;
  }

  void give_up(Lane& lane, std::uint64_t*& place) {
    if (place == nullptr) return;
    const std::uint32_t words = policy_.give_back(lane, place);
    place = nullptr;
    Books& books = books_[lane.index];
    ++books.given_up;
    books.words -= words;
    books.damaged += words == 0 ? 1U : 0U;
    lane.freed(std::size_t{words} * sizeof(std::uint64_t));
  }

  Policy& policy_;
  MappedArray<std::atomic<std::uint64_t*>> slots_;
  MappedArray<Books> books_;  // by lane
};

}  // namespace stackheap::shared_slots
