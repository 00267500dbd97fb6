// Objects freed by their owner or by a neighbour, through a lock-free mailbox.
//
// Models a pipeline or an actor system: an object is allocated by one thread, and a given share of
// them ends its life on the next thread of a ring. Free lists of the allocating thread cannot take
// such a block back without synchronisation; what allocators do instead (a lock on the owner's
// arena, a delayed-free list, a transfer cache) is the remote-free problem of P. Wilson et al.,
// "Dynamic Storage Allocation", IWMM 1995, E. Berger et al., "Hoard", ASPLOS 2000, and
// D. Leijen et al., "Mimalloc: Free List Sharding in Action", APLAS 2019.
//
// Each lane holds 256 objects of 32 to 256 B. An operation replaces a random one; the old one is
// freed at once, or, for `remote` percent of them, linked to a chain of 16 which goes to the
// neighbour's mailbox with one compare-and-swap. Every 16 operations a lane empties its mailbox and
// frees what is in it. With one thread the neighbour is the lane itself.
//
// Live memory is constant: at most 1,024 objects are under way to a neighbour. A lane that finds no
// room empties its own mailbox and yields, which keeps the ring moving. It does so for
// 2 ms at most, because at the end of a window the neighbour may have left for the barrier; then it
// takes its own objects back and frees them itself.
//
// Good: the time at 100 % is near that at 0 %. Bad: it grows with the percentage at more than one
// thread, with blocked time (a lock on the owner's arena) or CPU time (contended atomics). The
// share of mailbox and random numbers is the variant `no-alloc`, where the neighbour sends an
// object home to a fixed pool instead of freeing it.
//
// One operation: one allocation, and one free by whoever has the object.
//
// blocks_migrate: counted operations return as many blocks as they take, but uncounted ones are as
// many as a thread's speed allows, so the caches of a slow thread that frees for a fast one grow
// without bound if freed blocks stay with the freeing thread.
#include <sched.h>

#include <atomic>
#include <string>

#include "harness/base/clock.hpp"
#include "harness/worker/fault_hook.hpp"
#include "harness/worker/variant.hpp"
#include "harness/worker/workload.hpp"
#include "suites/threads/station.hpp"

namespace stackheap {
namespace {

using namespace remote_free;

constexpr std::uint64_t kPatienceNs = 2'000'000;  // counted in yields it would grow with the load

// Whether the objects come from a fixed pool.
constexpr VariantName<bool> kVariants[] = {{"malloc", false}, {"no-alloc", true}};

class RemoteFree {
 public:
  explicit RemoteFree(const CellSpec& spec)
      : pooled_(variant_of(spec, kVariants)),
        remote_below_(static_cast<std::uint32_t>(spec.parameter * 65'536 / 100)),
        stations_(spec.threads) {}

  void setup(Lane& lane) {
    Station& own = stations_[lane.index];
    if (pooled_) {
      own.pool = MappedArray<PoolObject>(kPool);
      for (PoolObject& place : own.pool) {
        FromPool::give_up_own(own, new (place.bytes) Object{});
      }
      fill<FromPool>(own, lane);
    } else {
      fill<FromHeap>(own, lane);
    }
  }

  void step(Lane& lane, std::uint64_t n) {
    if (pooled_) {
      replace<FromPool>(lane, n);
    } else {
      replace<FromHeap>(lane, n);
    }
  }

  void verify(Lane& lane) {
    if (pooled_) {
      empty<FromPool>(lane);
    } else {
      empty<FromHeap>(lane);
    }
  }

  void finish() const {
    if (made_ != given_up_ || made_stamps_ != given_up_stamps_) {
      throw CheckFailed("threads/remote-free: " + std::to_string(made_.load()) +
                        " objects were made and " + std::to_string(given_up_.load()) +
                        " given up, or not the same ones");
    }
    if (live_bytes_ != 0) {
      throw CheckFailed("threads/remote-free: " + std::to_string(live_bytes_.load()) +
                        " bytes are still live after everything was freed");
    }
  }

 private:
  Station& after(const Lane& lane) { return stations_[(lane.index + 1) % stations_.size()]; }
  Station& before(const Lane& lane) {
    return stations_[(lane.index + stations_.size() - 1) % stations_.size()];
  }

  // 8 bits choose the slot, 16 the size, 16 the way of freeing, 24 are the stamp.
  template <class Source>
  static Object* make(Station& own, Lane& lane, std::uint64_t draw) {
    const auto size =
        kSmallest +
        static_cast<std::uint32_t>((((draw >> 8U) & 0xffffU) * (kLargest - kSmallest + 1)) >> 16U);
    Object* object = Source::make(own, size);
    write_object(object, size, static_cast<std::uint32_t>(draw >> 40U));
    lane.allocated(size);
    own.made.add(object);
    return object;
  }

  // The books of an object's end; the memory itself goes back by Source.
  static void account(Station& own, Lane& lane, const Object* object) {
    own.damaged += intact(object) ? 0U : 1U;
    own.given_up.add(object);
    lane.freed(object->size);
  }

  template <class Source>
  static void give_up_own(Station& own, Lane& lane, Object* object) {
    account(own, lane, object);
    Source::give_up_own(own, object);
  }

  template <class Source>
  void fill(Station& own, Lane& lane) {
    for (Object*& slot : own.slots) slot = make<Source>(own, lane, lane.random());
    if (planted_fault() == Fault::kDrop && lane.index == 0) {
      // An object that a mailbox has lost.
      Source::give_up_own(own, make<Source>(own, lane, lane.random()));
    }
  }

  template <class Source>
  void replace(Lane& lane, std::uint64_t n) {
    Station& own = stations_[lane.index];
    for (std::uint64_t i = 0; i < n; ++i) {
      const std::uint64_t draw = lane.random();
      Object*& slot = own.slots[draw & (kSlots - 1)];
      Object* old = slot;
      slot = make<Source>(own, lane, draw);
      if (((draw >> 24U) & 0xffffU) < remote_below_) {
        send<Source>(own, lane, old);
      } else {
        give_up_own<Source>(own, lane, old);
      }
      if (++own.tick % kChain == 0) collect<Source>(own, lane);
    }
  }

  template <class Source>
  void send(Station& own, Lane& lane, Object* object) {
    if (own.outbox == nullptr) own.outbox_last = object;
    object->next = own.outbox;
    own.outbox = object;
    if (++own.outbox_size < kChain) return;

    Station& neighbour = after(lane);
    if (!has_room(own, neighbour)) wait_for_room<Source>(own, neighbour, lane);
    neighbour.mailbox.push(own.outbox, own.outbox_last);
    own.sent += kChain;
    own.outbox = nullptr;
    own.outbox_size = 0;
  }

  static bool has_room(const Station& own, const Station& neighbour) {
    const std::uint64_t arrived = neighbour.taken.load(std::memory_order_acquire) + own.reclaimed;
    return own.sent - arrived + kChain <= kUnderWay;
  }

  template <class Source>
  [[gnu::noinline]] void wait_for_room(Station& own, Station& neighbour, Lane& lane) {
    const std::uint64_t give_up_at = monotonic_ns() + kPatienceNs;
    do {
      collect<Source>(own, lane);
      if (has_room(own, neighbour)) return;
      STACKHEAP_CHECK(sched_yield() == 0);
    } while (monotonic_ns() < give_up_at);
    for (Object* object = neighbour.mailbox.take_all(); object != nullptr;) {
      Object* next = object->next;
      give_up_own<Source>(own, lane, object);
      ++own.reclaimed;
      object = next;
    }
  }

  template <class Source>
  void collect(Station& own, Lane& lane) {
    Object* chain = own.mailbox.take_all();
    if (chain == nullptr) return;
    std::uint64_t count = 0;
    for (Object* object = chain; object != nullptr; object = object->next) {
      account(own, lane, object);
      ++count;
    }
    Source::give_up_foreign(before(lane), chain);
    own.taken.store(own.taken.load(std::memory_order_relaxed) + count, std::memory_order_release);
  }

  // No lane sends any more: what is in the mailboxes now is all that there will be.
  template <class Source>
  void empty(Lane& lane) {
    Station& own = stations_[lane.index];
    const Fault fault = lane.index == 0 ? planted_fault() : Fault::kNone;
    collect<Source>(own, lane);
    while (own.outbox != nullptr) {
      Object* object = own.outbox;
      own.outbox = object->next;
      give_up_own<Source>(own, lane, object);
    }
    if (fault == Fault::kFlipByte) {
      reinterpret_cast<unsigned char*>(own.slots[0])[own.slots[0]->size - 1] ^= 0xffU;
    }
    for (std::uint32_t i = fault == Fault::kSkipFree ? 1 : 0; i < kSlots; ++i) {
      give_up_own<Source>(own, lane, own.slots[i]);
    }
    // Counted as live below; leak checkers need not see it as well.
    if (fault == Fault::kSkipFree) Source::give_up_own(own, own.slots[0]);
    made_ += own.made.objects;
    made_stamps_ += own.made.stamps;
    given_up_ += own.given_up.objects;
    given_up_stamps_ += own.given_up.stamps;
    live_bytes_ += lane.live_bytes;
    if (own.damaged != 0) {
      throw CheckFailed("threads/remote-free: lane " + std::to_string(lane.index) + " found " +
                        std::to_string(own.damaged) + " objects whose last byte had changed");
    }
  }

  bool pooled_;
  std::uint32_t remote_below_;  // of 65,536
  MappedArray<Station> stations_;
  std::atomic<std::uint64_t> made_{0};
  std::atomic<std::uint64_t> made_stamps_{0};
  std::atomic<std::uint64_t> given_up_{0};
  std::atomic<std::uint64_t> given_up_stamps_{0};
  std::atomic<std::int64_t> live_bytes_{0};
};

const Registration kRegistration{
    {
        .name = "threads/remote-free",
        .summary = "Objects freed by their owner or by a neighbour, through a lock-free mailbox.",
        .operation = "one allocation, and one free by whoever has the object",
        .shape = Shape::kWindowed,
        .variants = {{.name = "malloc", .description = "malloc and free"},
                     {.name = "no-alloc",
                      .description = "the same traffic with objects of a fixed pool",
                      .uses_heap = false}},
        .baseline_variant = "malloc",
        .parameter = ParameterInfo{.name = "remote", .unit = "%", .minimum = 0, .maximum = 100},
        .smoke = {{.values = {50}, .threads = TierThreads::kAll}},
        .quick = {{.variants = {"malloc"}, .values = {50}, .threads = TierThreads::kAll}},
        .standard = {{.values = {0, 100}}},
        .full = {{.values = {0, 10, 50, 100}, .threads = TierThreads::kSweep}},
        .live_bytes = {.per_thread = (kSlots + kUnderWay + kChain) * (kSmallest + kLargest) / 2.0},
        .blocks_migrate = true,
        .roles = {"scaling", "ratio", "contention"},
        .claims = {{.claim = 6,
                    .variants = {"malloc"},
                    .minimum_threads = 2,
                    .phrase = "objects that another thread freed were intact in {}",
                    .headline = true},
                   {.claim = 6,
                    .kind = EvidenceKind::kRatio,
                    .variants = {"malloc"},
                    .values = {100},
                    .minimum_threads = 2,
                    .metric = "ns_per_op",
                    .baseline_value = 0,
                    .phrase =
                        "freeing every object on another thread took {} times freeing it at home"}},
    },
    make_workload<RemoteFree>};

}  // namespace
}  // namespace stackheap
