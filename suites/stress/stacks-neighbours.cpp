// Stacks that lie side by side keep what is theirs.
//
// Fibers of one kind are all alive and suspended. The unused part of each stack is full of
// canaries, and of the part in use a sum is kept. In random order one is resumed, goes down to a
// random depth, comes back and suspends again: what it finds must be what it left, and its
// neighbours must be as they were. Two stacks that overlap, or that share a page at two addresses,
// show at once, since each has canaries of its own.
#include <algorithm>

#include "suites/stress/watched_fibers.hpp"

namespace stackheap {
namespace {

using namespace fiber_checks;

constexpr std::size_t kFibers = 64;
// Below the frame of a fiber that suspends: those of the switch, larger with a sanitizer.
constexpr std::size_t kOwnFrames = 4096;

struct Resident {
  Bytes bytes;
  std::uint64_t id = 0;
  std::uintptr_t frame = 0;  // where it is suspended
  std::uintptr_t depth = 0;  // how far down it is to go next
  std::uint64_t sum = 0;     // of its bytes in use
  std::uint64_t wrong = 0;   // frames that did not hold what it had written
  bool stop = false;
  BorrowingFiber fiber;

  template <class Suspend>
  void operator()(Suspend&& suspend) {
    for (;;) {
      frame = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)) - kOwnFrames;
      suspend();
      if (stop) return;
      wrong += descend(depth, id << 20U);
    }
  }
};

// These read and write another stack than the one they run on, dead frames among it.
__attribute__((no_sanitize("address"), noinline)) void fill_unused(const Resident& resident) {
  auto* const words = reinterpret_cast<std::uint64_t*>(resident.bytes.low);
  const std::size_t count = (resident.frame - resident.bytes.low) / sizeof *words;
  for (std::size_t i = 0; i < count; ++i) words[i] = resident.id + i;
}

__attribute__((no_sanitize("address"), noinline)) bool is_unused_intact(const Resident& resident) {
  const auto* const words = reinterpret_cast<const std::uint64_t*>(resident.bytes.low);
  const std::size_t count = (resident.frame - resident.bytes.low) / sizeof *words;
  std::uint64_t difference = 0;
  for (std::size_t i = 0; i < count; ++i) difference |= words[i] ^ (resident.id + i);
  return difference == 0;
}

__attribute__((no_sanitize("address"), noinline)) std::size_t first_change(
    const Resident& resident) {
  const auto* const words = reinterpret_cast<const std::uint64_t*>(resident.bytes.low);
  std::size_t i = 0;
  while (words[i] == resident.id + i) ++i;
  return i * sizeof *words;
}

__attribute__((no_sanitize("address"), noinline)) std::uint64_t sum_of_used(
    const Resident& resident) {
  std::uint64_t sum = resident.id;
  for (std::uintptr_t at = (resident.frame + 7) & ~std::uintptr_t{7}; at < resident.bytes.high;
       at += sizeof sum) {
    sum = sum * 0x9e3779b97f4a7c15U + *reinterpret_cast<const std::uint64_t*>(at);
  }
  return sum;
}

class Neighbourhood {
 public:
  Neighbourhood(CheckLane& lane, std::string_view kind)
      : lane_(lane), kind_(kind), residents_(kFibers) {}

  template <StackAllocator Stack>
  void settle(const StackSet<Stack>& stacks) {
    for (std::size_t i = 0; i < kFibers; ++i) {
      residents_[i].bytes = usable_bytes(stacks[i], has_guard(kind_));
    }
    std::sort(residents_.begin(), residents_.end(),
              [](const Resident& a, const Resident& b) { return a.bytes.low < b.bytes.low; });
    for (std::size_t i = 0; i + 1 < kFibers; ++i) {
      if (residents_[i].bytes.high > residents_[i + 1].bytes.low) {
        lane_.unsafe("%s: a stack ends at 0x%zx, where another has begun at 0x%zx", kind_.data(),
                     residents_[i].bytes.high, residents_[i + 1].bytes.low);
      }
    }
  }
  template <StackAllocator Stack>
  void start(const StackSet<Stack>& stacks) {
    for (Resident& resident : residents_) {
      for (std::size_t i = 0; i < kFibers; ++i) {
        if (reinterpret_cast<std::uintptr_t>(stacks[i].sp) != resident.bytes.high) continue;
        resident.id = (lane_.random() | 1U) << 8U;
        resident.fiber.start(stacks[i], resident);
      }
      note(resident);
    }
  }

  void inspect(const Resident& resident, const char* when) const {
    if (!is_unused_intact(resident)) {
      lane_.unsafe("%s: a stack of %zu B at 0x%zx changed at offset %zu, below its frames, %s",
                   kind_.data(), resident.bytes.size(), resident.bytes.low, first_change(resident),
                   when);
    }
    if (sum_of_used(resident) != resident.sum) {
      lane_.unsafe(
          "%s: the frames of the suspended fiber on the stack of %zu B at 0x%zx changed %s",
          kind_.data(), resident.bytes.size(), resident.bytes.low, when);
    }
  }
  void inspect_all(const char* when) const {
    for (const Resident& resident : residents_) inspect(resident, when);
  }

  // One stay of one of them.
  void visit() {
    const std::size_t index = lane_.random.below(kFibers);
    Resident& resident = residents_[index];
    inspect(resident, "while others ran");
    const std::size_t most = resident.frame - resident.bytes.low - kPage;
    resident.depth = resident.frame - lane_.random.below(static_cast<std::uint32_t>(most));
    resident.fiber.resume();
    if (resident.wrong != 0) {
      lane_.unsafe("%s: %zu frames on the stack of %zu B at 0x%zx did not hold what was written",
                   kind_.data(), static_cast<std::size_t>(resident.wrong), resident.bytes.size(),
                   resident.bytes.low);
    }
    note(resident);
    if (index > 0) inspect(residents_[index - 1], "while the stack above was used");
    if (index + 1 < kFibers) inspect(residents_[index + 1], "while the stack below was used");
    lane_.operation();
  }

  void leave() {
    for (Resident& resident : residents_) {
      resident.stop = true;
      resident.fiber.resume();
    }
  }

 private:
  static void note(Resident& resident) {
    fill_unused(resident);
    resident.sum = sum_of_used(resident);
  }

  CheckLane& lane_;
  std::string_view kind_;
  MappedArray<Resident> residents_;
};

void keep_neighbours(CheckRun& run) {
  run.lanes([&](CheckLane& lane) {
    const std::uint64_t visits = run.scaled(200, 1000);
    for_each_fiber_kind(run, [&](const auto& row) {
      using Stack = typename std::decay_t<decltype(row)>::Allocator;
      const StackSet<Stack> stacks(kFibers, kFiberStackBytes);
      Neighbourhood neighbourhood(lane, row.kind);
      neighbourhood.settle(stacks);
      neighbourhood.start(stacks);
      neighbourhood.inspect_all("while the others were begun");
      for (std::uint64_t i = 0; i < visits; ++i) neighbourhood.visit();
      neighbourhood.inspect_all("while others ran");
      neighbourhood.leave();
    });
  });
}

const CheckRegistration kNeighbours{
    {.name = "stacks/neighbours",
     .summary = "Fibers' stacks side by side: canaries and suspended frames stay as they are",
     .source = "a stack belongs to one fiber",
     .rank = 21,
     .randomised = true,
     .quick_seconds = 0.05,
     .seconds = 0.3,
     .threads = {CheckThreads::kPair}},
    keep_neighbours};

}  // namespace
}  // namespace stackheap
