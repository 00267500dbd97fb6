// What the workloads of this suite share whose operation is one call: calling a function over and
// over, adding up what it returns, and choosing among functions that are compiled for one frame
// size each. The check is the sum itself, so nothing but an addition is spent on it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "harness/base/mapped.hpp"
#include "harness/worker/fault_hook.hpp"
#include "harness/worker/workload.hpp"
#include "suites/stack/call_sizes.hpp"
#include "suites/stack/thread_arena.hpp"

namespace stackheap {

inline constexpr std::size_t kSmallestFrame = 16;
inline constexpr std::size_t kLargestFrame = 65536;

// Does one operation with `bytes` of memory whose touched bytes get `value`; returns the sum of
// its first and last byte as read back.
using Call = unsigned (*)(std::size_t bytes, unsigned char value);
template <class Sizes>
using CallLoop = void (*)(Lane& lane, const Sizes& sizes, std::uint64_t n);

inline unsigned first_and_last(const void* object, std::size_t bytes) {
  const auto* byte = static_cast<const volatile unsigned char*>(object);
  return unsigned{byte[0]} + unsigned{byte[bytes - 1]};
}

// Operation i of a lane writes i + 1 modulo 256. Never constant, so that memory which keeps an
// older call's content gives another sum.
template <Call kCall, class Sizes>
void call_loop(Lane& lane, const Sizes& sizes, std::uint64_t n) {
  Random random = lane.random;
  std::uint64_t operation = lane.counter;
  std::uint64_t sum = lane.checksum;
  for (const std::uint64_t end = operation + n; operation != end;) {
    sum += kCall(sizes.next(random), static_cast<unsigned char>(++operation));
  }
  lane.random = random;
  lane.counter = operation;
  lane.checksum = sum;
}

// What call_loop's sum must be after `operations`.
constexpr std::uint64_t expected_sum(std::uint64_t operations) {
  const std::uint64_t rest = operations % 256;
  return 2 * (operations / 256 * (255 * 256 / 2) + rest * (rest + 1) / 2);
}

// The loop over Frame<size>::call for the smallest power of two that holds `bytes`.
template <template <std::size_t> class Frame, class Sizes, std::size_t kSize = kSmallestFrame>
CallLoop<Sizes> loop_for_frame_size(std::size_t bytes) {
  if constexpr (kSize < kLargestFrame) {
    if (bytes > kSize) return loop_for_frame_size<Frame, Sizes, kSize * 2>(bytes);
  }
  return call_loop<Frame<kSize>::call, Sizes>;
}

// The workload around such a loop. Each lane has a thread arena that holds one call's memory.
template <class Sizes>
class CallWorkload {
 public:
  struct Plan {
    std::string_view workload;  // its name, which outlives this
    Sizes sizes;
    std::size_t largest = 0;  // of the sizes
    CallLoop<Sizes> loop = nullptr;
    bool resets_arena = false;  // each call takes from the thread arena and gives back
  };

  CallWorkload(Plan plan, unsigned threads) : plan_(std::move(plan)), arenas_(threads) {}

  void setup(Lane& lane) {
    MappedArray<unsigned char>& memory = arenas_[lane.index];
    memory = MappedArray<unsigned char>(plan_.largest + kCacheLine);
    t_arena = ThreadArena{memory.begin(), memory.begin(), memory.end()};
    const Fault fault = planted_fault();
    if (fault == Fault::kFlipByte) lane.checksum ^= 1U;
    if (fault == Fault::kDrop) ++lane.counter;
    if (fault == Fault::kSkipFree && plan_.resets_arena) t_arena.take(1);
    plan_.loop(lane, plan_.sizes, kWarmUpCalls);
  }

  void step(Lane& lane, std::uint64_t n) { plan_.loop(lane, plan_.sizes, n); }

  void verify(Lane& lane) {
    const bool arena_empty = t_arena.cursor == t_arena.begin;
    t_arena = ThreadArena{};
    arenas_[lane.index] = MappedArray<unsigned char>();
    const std::uint64_t expected = expected_sum(lane.counter);
    if (lane.checksum != expected) {
      fail("lane " + std::to_string(lane.index) + " read back " + std::to_string(lane.checksum) +
           " in " + std::to_string(lane.counter) + " calls instead of " + std::to_string(expected));
    }
    if (!arena_empty) fail("the arena is not empty after the last call");
  }

 private:
  // The stack's pages and the heap's first block; with drawn sizes the larger ones come later, in
  // the harness's warm-up windows.
  static constexpr std::uint64_t kWarmUpCalls = 64;

  [[noreturn]] void fail(const std::string& what) const {
    throw CheckFailed(std::string(plan_.workload) + ": " + what);
  }

  Plan plan_;
  MappedArray<MappedArray<unsigned char>> arenas_;  // by lane
};

}  // namespace stackheap
