// A fiber allocates on one thread, is resumed on the next, and frees there.
//
// Models schedulers that steal continuations: what a function has begun on one worker goes on on
// another, with its stack and all that it holds (M. Frigo, C. Leiserson and K. Randall, "The
// Implementation of the Cilk-5 Multithreaded Language", PLDI 1998; the schedulers of Go and of
// Boost.Fiber do it too). The lanes form a ring. Sixteen fibers for each lane wander through it: a
// lane takes one from its mailbox and resumes it; the fiber checks and frees the block that it
// allocated on the lane before (32 to 1,024 B, uniformly), allocates another, touches it and
// suspends; the lane puts it into the next lane's mailbox. At one thread it comes back to its own.
//
// A fiber that is resumed on another thread must not use the address of a thread_local that it had
// looked up before: it is told its lane anew each time, and malloc looks up its cache in each call.
//
// `thread-handoff` hands on the block alone, without a stack: the price of the ring and of the
// remote free. The difference to it is that of the switch, and of a stack whose cache lines come
// from another CPU. `coroutine` has its frame on the heap. `no-alloc` is fiber-mmap with a block
// that it keeps. No fiber-pooled: its pools are not for stacks that end on other threads.
//
// Good: the kinds differ by the switch only, and the allocators as in threads/remote-free at 100 %.
// Bad: blocked time (every free takes the lock of another thread's arena), or a run queue of lanes
// that yield because the lane before them is slow.
//
// One operation: one stay of one fiber, with a free, an allocation, and two switches. There is no
// uncounted work: a lane whose predecessor has left would wait for fibers that nobody sends.
//
// blocks_migrate: every block is freed by another thread than the one that allocated it.
#include <sched.h>

#include <atomic>
#include <optional>
#include <string>
#include <tuple>

#include "harness/worker/fault_hook.hpp"
#include "harness/worker/workload.hpp"
#include "suites/common/kind_choice.hpp"
#include "suites/fibers/travellers.hpp"

namespace stackheap {
namespace {

using namespace migrate;

constexpr std::uint32_t kTravellers = 16;  // for each lane
constexpr unsigned kSpinsBeforeYield = 200;

template <StackAllocator Stack>
using FiberOnHeap = FiberTraveller<Stack, FromHeap>;

constexpr std::tuple kWithoutFiber{KindClass<CoroutineTraveller>{"coroutine"},
                                   KindClass<ParcelTraveller>{"thread-handoff"},
                                   KindClass<FiberTraveller<MappedStack, FromPlace>>{"no-alloc"}};

template <class Traveller>
class Migrate {
 public:
  explicit Migrate(const CellSpec& spec)
      : papers_(std::size_t{kTravellers} * spec.threads),
        travellers_(papers_.size()),
        ports_(spec.threads) {
    if (spec.variant != "thread-handoff") {
      require_stacks(stack_kind(spec.variant == "no-alloc" ? "fiber-mmap" : spec.variant),
                     papers_.size());
    }
    for (Port& port : ports_) port.mailbox.make_room(papers_.size());
  }

  void setup(Lane& lane) {
    Port& port = ports_[lane.index];
    port.maker.emplace(Traveller::kStackBytes);
    for (std::uint32_t i = 0; i < kTravellers; ++i) {
      const std::uint32_t traveller = lane.index * kTravellers + i;
      Papers& papers = papers_[traveller];
      papers.here = &lane;
      papers.random = Random(lane.random());
      travellers_[traveller].start(*port.maker, papers);
      lane.allocated(Traveller::kStackBytes);
      next(lane).mailbox.push(traveller);
    }
  }

  void step(Lane& lane, std::uint64_t n) {
    Mailbox& own = ports_[lane.index].mailbox;
    Mailbox& next_mailbox = next(lane).mailbox;
    for (std::uint64_t i = 0; i < n; ++i) {
      const std::uint32_t traveller = await_arrival(own);
      papers_[traveller].here = &lane;
      travellers_[traveller].resume();
      next_mailbox.push(traveller);
    }
    lane.counter += n;
  }

  // Every lane ends those that have arrived at it.
  void verify(Lane& lane) {
    const Fault fault = lane.index == 0 ? planted_fault() : Fault::kNone;
    Port& port = ports_[lane.index];
    std::uint32_t traveller = 0;
    for (bool first = true; port.mailbox.try_pop(traveller); first = false) {
      Papers& papers = papers_[traveller];
      if (first && fault == Fault::kFlipByte) papers.parcel->block[0] ^= 0xffU;
      if (first && fault == Fault::kDrop) --papers.turns;
      papers.here = &lane;
      papers.stop = true;
      travellers_[traveller].resume();
      travellers_[traveller].end(*port.maker);
      // The planted one is counted as live; leak checkers need not see it as well.
      if (!first || fault != Fault::kSkipFree) lane.freed(Traveller::kStackBytes);
      if (first && fault == Fault::kSkipFree) lane.allocated(1);
      ++ended_;
    }
    due_ += lane.counter;
    live_bytes_ += lane.live_bytes;
  }

  void finish() const {
    Papers sum;
    for (const Papers& papers : papers_) {
      sum.turns += papers.turns;
      sum.changed += papers.changed;
      sum.astray += papers.astray;
      sum.refused += papers.refused;
    }
    if (sum.refused != 0) throw std::bad_alloc();
    if (sum.changed != 0) fail(std::to_string(sum.changed) + " blocks changed on their way");
    if (sum.astray != 0) {
      fail(std::to_string(sum.astray) + " blocks were not allocated on the lane before");
    }
    if (ended_ != papers_.size() || sum.turns != due_) {
      fail(std::to_string(ended_) + " of " + std::to_string(papers_.size()) +
           " travellers came to an end after " + std::to_string(sum.turns) + " stays of " +
           std::to_string(due_));
    }
    if (live_bytes_ != 0) {
      fail(std::to_string(live_bytes_) + " bytes were not given back");
    }
  }

 private:
  struct alignas(2 * kCacheLine) Port {
    Mailbox mailbox;
    std::optional<typename Traveller::Maker> maker;
  };

  Port& next(const Lane& lane) { return ports_[(lane.index + 1) % ports_.size()]; }

  static std::uint32_t await_arrival(Mailbox& mailbox) {
    std::uint32_t traveller = 0;
    for (unsigned tries = 0; !mailbox.try_pop(traveller); ++tries) {
      if (tries >= kSpinsBeforeYield) STACKHEAP_CHECK(sched_yield() == 0);
    }
    return traveller;
  }

  [[noreturn]] static void fail(const std::string& what) {
    throw CheckFailed("fibers/migrate: " + what);
  }

  MappedArray<Papers> papers_;
  MappedArray<Traveller> travellers_;
  MappedArray<Port> ports_;
  std::atomic<std::uint64_t> ended_{0};
  std::atomic<std::uint64_t> due_{0};
  std::atomic<std::int64_t> live_bytes_{0};
};

std::vector<VariantInfo> variants() {
  std::vector<VariantInfo> all;
  for (const char* name :
       {"fiber-mmap", "fiber-guarded", "fiber-protected", "fiber-fixedsize", "coroutine"}) {
    all.push_back({.name = name, .description = std::string(stack_kind(name).description)});
  }
  all.push_back(
      {.name = "thread-handoff", .description = "the block alone is handed on, without a stack"});
  all.push_back({.name = "no-alloc",
                 .description = "fiber-mmap with a block that it keeps",
                 .uses_heap = false});
  return all;
}

const Registration kRegistration{
    {
        .name = "fibers/migrate",
        .summary = "A fiber allocates on one thread, is resumed on the next, and frees there.",
        .operation = "one stay of one fiber: one free, one allocation, two switches",
        .shape = Shape::kWindowed,
        .variants = variants(),
        .baseline_variant = "fiber-mmap",
        .smoke = {{.threads = TierThreads::kAll}},
        .standard = {{.variants = {"fiber-mmap"}},
                     {.variants = {"thread-handoff"}, .threads = TierThreads::kAll},
                     {.variants = {"fiber-protected", "fiber-guarded", "fiber-fixedsize",
                                   "coroutine", "no-alloc"},
                      .threads = TierThreads::kAll,
                      .allocators = TierAllocators::kBaseline}},
        .full = {{.threads = TierThreads::kSweep}},
        .expected_seconds = 0.13,
        .live_bytes = {.per_thread =
                           kTravellers * (kFiberStackBytes + (kSmallest + kLargest) / 2.0)},
        .blocks_migrate = true,
        .uncounted_work = false,
        .roles = {"scaling", "stack-kinds"},
    },
    make_workload_of_kind<Migrate, FiberOnHeap, kWithoutFiber>};

}  // namespace
}  // namespace stackheap
