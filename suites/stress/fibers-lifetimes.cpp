// 100,000 fibers are created and destroyed by 8 threads, and nothing grows.
//
// Each thread has eight fibers that wait; it ends the oldest, which must find the page it wrote,
// and starts another of a kind and size that are drawn. After a fifth of them resident memory and
// mappings have reached what they need; at the end they must be about the same. A stack that is not
// given back is 16 KiB of addresses and at least 8 KiB of memory, so a leak of one in ten shows
// many times over.
#include <array>
#include <cstring>
#include <new>
#include <variant>

#include "harness/measure/memory.hpp"
#include "suites/stress/watched_fibers.hpp"

namespace stackheap {
namespace {

using namespace fiber_checks;

constexpr unsigned kThreads = 8;
constexpr std::uint64_t kFibers = 100'000;
constexpr std::size_t kWaiting = 8;  // of each thread
constexpr std::size_t kWritten = 4096;
constexpr std::size_t kSizes[] = {16U << 10U, 32U << 10U, 64U << 10U};
// An allocator's caches of eight threads, for three sizes of block, come and go.
constexpr std::uint64_t kMostGrowth = std::uint64_t{48} << 20U;
constexpr std::uint64_t kMostNewMappings = 400;

// A fiber on a stack of one kind, whichever it is.
class AnyFiber {
 public:
  // False where there is no memory for it.
  bool start(std::size_t kind, std::size_t stack_bytes, std::uint64_t id) {
    id_ = id;
    wrong_ = false;
    try {
      std::size_t index = 0;
      std::apply([&](const auto&... rows) { (start_if(rows, index++ == kind, stack_bytes), ...); },
                 kFiberStacks);
    } catch (const std::bad_alloc&) {
      return false;
    }
    return true;
  }
  bool is_waiting() const { return static_cast<bool>(fiber_); }
  // To its end; false where it did not find its page as it was.
  bool end() {
    fiber_ = std::move(fiber_).resume();
    return !wrong_ && !fiber_;
  }

 private:
  template <class Row>
  void start_if(const Row&, bool is_wanted, std::size_t stack_bytes) {
    if (!is_wanted) return;
    fiber_ = boost::context::fiber(std::allocator_arg, typename Row::Allocator(stack_bytes),
                                   [this](boost::context::fiber&& back) {
                                     live(back);
                                     return std::move(back);
                                   });
    fiber_ = std::move(fiber_).resume();
  }
  [[gnu::noinline]] void live(boost::context::fiber& back) {
    std::uint64_t page[kWritten / sizeof(std::uint64_t)];
    for (std::uint64_t& word : page) word = id_;
    escape(page);
    back = std::move(back).resume();
    escape(page);
    std::uint64_t difference = 0;
    for (const std::uint64_t word : page) difference |= word ^ id_;
    wrong_ = difference != 0;
  }

  boost::context::fiber fiber_;
  std::uint64_t id_ = 0;
  bool wrong_ = false;
};

void end(CheckLane& lane, AnyFiber& fiber) {
  if (!fiber.is_waiting()) return;
  if (!fiber.end()) lane.unsafe("a fiber did not find its page of %zu B as it was", kWritten);
}

void live_and_die(CheckLane& lane, std::uint64_t fibers) {
  std::array<AnyFiber, kWaiting> waiting;
  const bool has_guarded = GuardedStack::is_supported();
  for (std::uint64_t i = 0; i < fibers; ++i) {
    AnyFiber& fiber = waiting[i % kWaiting];
    end(lane, fiber);
    std::size_t kind = lane.random.below(std::tuple_size_v<decltype(kFiberStacks)>);
    constexpr std::size_t kGuarded = 3;
    static_assert(std::get<kGuarded>(kFiberStacks).kind == "fiber-guarded");
    if (kind == kGuarded && !has_guarded) kind = 0;
    const std::size_t size = kSizes[lane.random.below(std::size(kSizes))];
    if (!fiber.start(kind, size, lane.random())) {
      lane.unsafe("no memory for a fiber's stack of %zu B, with %zu others alive", size,
                  kWaiting * kThreads);
    }
    lane.disturb();
    lane.operation();
  }
  for (AnyFiber& fiber : waiting) end(lane, fiber);
}

struct Usage {
  std::uint64_t resident = count_resident_bytes().value_or(0);
  std::uint64_t mappings = count_mapped_regions().value_or(0);
};

void come_and_go(CheckRun& run) {
  for_each_fiber_kind(run, [](const auto&) {});  // unsupported where there can be none
  constexpr std::uint64_t kFirst = kFibers / 5;
  run.lanes(kThreads, [](CheckLane& lane) { live_and_die(lane, kFirst / kThreads); });
  const Usage before;
  run.lanes(kThreads, [](CheckLane& lane) { live_and_die(lane, (kFibers - kFirst) / kThreads); });
  const Usage after;
  if (after.resident > before.resident + kMostGrowth) {
    run.unsafe("%zu fibers came and went, and resident memory grew from %zu to %zu B",
               static_cast<std::size_t>(kFibers - kFirst),
               static_cast<std::size_t>(before.resident), static_cast<std::size_t>(after.resident));
  }
  if (after.mappings > before.mappings + kMostNewMappings) {
    run.unsafe("%zu fibers came and went, and mappings grew from %zu to %zu",
               static_cast<std::size_t>(kFibers - kFirst),
               static_cast<std::size_t>(before.mappings), static_cast<std::size_t>(after.mappings));
  }
}

const CheckRegistration kLifetimes{
    {.name = "fibers/lifetimes",
     .summary = "8 threads create and destroy 100,000 fibers of all kinds, and nothing grows",
     .source = "Boost.Context; as glibc's tst-malloc-tcache-leak does for threads",
     .blocks_migrate = false,
     .rank = 120,
     .seconds = 1,
     .deadline_seconds = 60,
     .threads = {CheckThreads::kOne}},
    come_and_go};

}  // namespace
}  // namespace stackheap
