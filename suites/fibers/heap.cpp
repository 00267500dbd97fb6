// The pattern of heap/slots inside fibers, against threads, and with an arena for each fiber.
//
// Models a server whose sessions are fibers: each has objects of its own, works for a while, waits,
// and others run meanwhile on the same thread (the pattern is that of glibc's bench-malloc-thread,
// see heap/slots; arenas that live as long as a session are D. Hanson's, "Fast Allocation and
// Deallocation of Memory Based on Object Lifetimes", Software: Practice and Experience 1990). A
// lane has 16 fibers with 64 slots each, resumed round robin for 16 operations a turn; so a lane's
// live objects are as many as those of heap/slots with 1,024 slots.
//
// Variants: `threads` is heap/slots as it is, without any fiber; `fibers` uses malloc within them:
// the allocator's thread cache serves all fibers of the thread in turn; `fiber-arena` gives each
// fiber its own memory (fiber_arena.hpp), which needs no lock, no thread-local look-up and no
// header, and goes back as a whole; `no-alloc` is the fibers' loop without an allocator, with the
// switches. Stacks are mapped and all taken before the first window.
//
// Good: `fibers` minus `threads` is a sixteenth of two switches (fibers/switch), for every
// allocator. Bad: more than that, which is what stacks and objects that alternate cost in caches.
// `fiber-arena` is the floor that an allocator is up against; what an arena costs in memory is not
// to be seen here.
//
// One operation: one object freed and another allocated in its slot.
#include <algorithm>
#include <cstdlib>
#include <exception>
#include <new>
#include <optional>
#include <string>

#include "harness/worker/variant.hpp"
#include "harness/worker/workload.hpp"
#include "suites/common/contexts.hpp"
#include "suites/common/slots.hpp"
#include "suites/fibers/fiber_arena.hpp"

namespace stackheap {
namespace {

constexpr unsigned kFibers = 16;            // of each lane
constexpr std::int64_t kSlotsOfFiber = 64;  // of each fiber
constexpr std::uint64_t kTurn = 16;         // operations between two switches
constexpr std::int64_t kSlotsOfLane = kFibers * kSlotsOfFiber;

struct MallocCalls {
  static void* obtain(Lane&, std::size_t bytes) {
    void* const object = std::malloc(bytes);
    if (object == nullptr) [[unlikely]] {
      throw std::bad_alloc();
    }
    return object;
  }
  static void give_back(Lane&, void* object) { std::free(object); }
  static void no_obtain(Lane&, std::size_t bytes) { escape(bytes); }
  static void no_give_back(Lane&, void*) {}
};

struct ArenaCalls {
  static FiberArena& arena(Lane& lane) { return *static_cast<FiberArena*>(lane.state); }
  static void* obtain(Lane& lane, std::size_t bytes) { return arena(lane).obtain(bytes); }
  static void give_back(Lane& lane, void* object, std::size_t bytes) {
    arena(lane).give_back(object, bytes);
  }
  static void discard(void*) {}  // it ends with its arena
  static void no_obtain(Lane&, std::size_t bytes) { escape(bytes); }
  static void no_give_back(Lane&, void*) {}
};

CellSpec slots_spec(const CellSpec& spec, std::string_view variant, unsigned parties,
                    std::int64_t slots) {
  CellSpec changed = spec;
  changed.variant = variant;
  changed.threads = parties;
  changed.parameter = slots;
  return changed;
}

class InThreads {
 public:
  explicit InThreads(const CellSpec& spec)
      : slots_(slots_spec(spec, "malloc", spec.threads, kSlotsOfLane)) {}
  void setup(Lane& lane) { slots_.setup(lane); }
  void step(Lane& lane, std::uint64_t n) { slots_.step(lane, n); }
  void verify(Lane& lane) { slots_.verify(lane); }

 private:
  SlotsPattern<MallocCalls> slots_;
};

// The pattern takes a fiber for a lane.
template <class Calls>
class InFibers {
 public:
  explicit InFibers(const CellSpec& spec)
      : members_(std::size_t{kFibers} * spec.threads),
        slots_(slots_spec(spec, spec.variant == "no-alloc" ? "no-alloc" : "malloc",
                          kFibers * spec.threads, kSlotsOfFiber)),
        crews_(spec.threads) {
    require_stacks(stack_kind("fiber-mmap"), members_.size());
  }
  InFibers(const InFibers&) = delete;
  InFibers& operator=(const InFibers&) = delete;
  ~InFibers() {
    for (Member& member : members_) end(member);
  }

  void setup(Lane& lane) {
    Crew& crew = crews_[lane.index];
    crew.maker.emplace(kFiberStackBytes);
    for (unsigned i = 0; i < kFibers; ++i) {
      Member& member = member_of(lane, i);
      member.slots = &slots_;
      member.lane.index = lane.index * kFibers + i;
      member.lane.count = lane.count * kFibers;
      member.lane.random = Random(lane.random());
      member.lane.state = &member.arena;
      member.alive = true;
      member.fiber.start(*crew.maker, member);
      rethrow_failure_of(member);
      crew.set_up += member.lane.counter;
    }
    lane.live_bytes = live_bytes_of(lane);
  }

  void step(Lane& lane, std::uint64_t n) {
    Crew& crew = crews_[lane.index];
    for (std::uint64_t left = n; left > 0;) {
      Member& member = member_of(lane, crew.next);
      crew.next = crew.next + 1 == kFibers ? 0 : crew.next + 1;
      member.turn = std::min(left, kTurn);
      left -= member.turn;
      member.fiber.resume();
      if (member.failure) [[unlikely]] {
        rethrow_failure_of(member);
      }
    }
    lane.counter += n;
    lane.live_bytes = live_bytes_of(lane);
  }

  void verify(Lane& lane) {
    std::uint64_t done = 0;
    std::exception_ptr failure;
    for (unsigned i = 0; i < kFibers; ++i) {
      Member& member = member_of(lane, i);
      end(member);
      done += member.lane.counter;
      try {
        slots_.verify(member.lane);
      } catch (const CheckFailed&) {
        failure = std::current_exception();
      }
      member.arena.release();
    }
    lane.live_bytes = live_bytes_of(lane) - static_cast<std::int64_t>(kFibers * kFiberStackBytes);
    if (failure) std::rethrow_exception(failure);
    const std::uint64_t due = crews_[lane.index].set_up + lane.counter;
    if (done != due) {
      throw CheckFailed("fibers/heap: the fibers of lane " + std::to_string(lane.index) + " did " +
                        std::to_string(done) + " operations of " + std::to_string(due));
    }
  }

 private:
  struct alignas(2 * kCacheLine) Member {
    Lane lane;  // its own books, not one of the sample's
    SlotsPattern<Calls>* slots = nullptr;
    FiberContext<MappedStack> fiber;
    FiberArena arena;
    std::uint64_t turn = 0;  // operations until it comes back; 0: it ends
    bool alive = false;
    std::exception_ptr failure;

    template <class Suspend>
    void operator()(Suspend&& suspend) {
      try {
        slots->setup(lane);
        for (suspend(); turn != 0; suspend()) slots->step(lane, turn);
      } catch (...) {
        failure = std::current_exception();
      }
    }
  };

  struct alignas(2 * kCacheLine) Crew {
    std::optional<FiberContext<MappedStack>::Maker> maker;
    unsigned next = 0;
    std::uint64_t set_up = 0;  // operations of setup
  };

  Member& member_of(const Lane& lane, unsigned i) { return members_[lane.index * kFibers + i]; }

  static void rethrow_failure_of(Member& member) {
    if (!member.failure) return;
    member.alive = false;
    std::rethrow_exception(member.failure);
  }

  static void end(Member& member) {
    if (!member.alive) return;
    member.alive = false;
    member.turn = 0;
    member.fiber.resume();
  }

  // With the stacks.
  std::int64_t live_bytes_of(const Lane& lane) {
    std::int64_t bytes = kFibers * kFiberStackBytes;
    for (unsigned i = 0; i < kFibers; ++i) bytes += member_of(lane, i).lane.live_bytes;
    return bytes;
  }

  MappedArray<Member> members_;
  SlotsPattern<Calls> slots_;
  MappedArray<Crew> crews_;
};

constexpr VariantName<WorkloadFactory> kKinds[] = {
    {"threads", make_workload<InThreads>},
    {"fibers", make_workload<InFibers<MallocCalls>>},
    {"fiber-arena", make_workload<InFibers<ArenaCalls>>},
    {"no-alloc", make_workload<InFibers<MallocCalls>>},
};

const Registration kRegistration{
    {
        .name = "fibers/heap",
        .summary =
            "The pattern of heap/slots inside fibers, against threads, and with an arena for each "
            "fiber.",
        .operation = "one object freed and another allocated in its slot",
        .shape = Shape::kWindowed,
        .variants = {{.name = "threads", .description = "heap/slots with 1,024 slots, no fiber"},
                     {.name = "fibers", .description = "16 fibers with 64 slots each, malloc"},
                     {.name = "fiber-arena",
                      .description = "the same fibers, each with an arena of its own",
                      .uses_heap = false},
                     {.name = "no-alloc",
                      .description = "the same fibers, touching memory that is there",
                      .uses_heap = false}},
        .baseline_variant = "threads",
        .smoke = {{.threads = TierThreads::kOne}},
        .standard = {{.variants = {"threads", "fibers"}, .threads = TierThreads::kAll},
                     {.variants = {"threads", "fibers"},
                      .threads = TierThreads::kOne,
                      .allocators = TierAllocators::kBaseline},
                     {.variants = {"fiber-arena", "no-alloc"},
                      .allocators = TierAllocators::kBaseline}},
        .full = {{.threads = TierThreads::kSweep}},
        .live_bytes = {.per_thread = kFibers * kFiberStackBytes + kSlotsOfLane * kSlotMeanBytes},
        .roles = {"scaling", "ratio"},
    },
    [](const CellSpec& spec) { return variant_of(spec, kKinds)(spec); }};

}  // namespace
}  // namespace stackheap
