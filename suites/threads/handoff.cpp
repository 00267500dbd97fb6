// Producers allocate, consumers free, through a bounded queue.
//
// Models servers that receive on one thread and finish on another. After malloc-test by C. Lever
// and D. Boreham ("malloc() Performance in a Multithreaded Linux Environment", USENIX 2000) and
// xmalloc-test, which made batches of it: a producer allocates 64 objects of 64 B, writes them and
// queues them; a consumer takes up to 64, reads them and frees them. The queue holds 1,024 objects,
// one mutex, two condition variables. `producers` percent of the threads produce, at least one and
// not all of them; with two threads every value means one of each.
//
// Every block is freed by a thread that never allocates, so thread caches only fill on one side and
// only drain on the other. Good: the time is near that of `no-alloc`, which hands over the objects
// of a fixed pool and sends them home in chains. Bad: blocked time (the owner's arena is locked by
// frees), or resident memory that grows with the windows (blocks stranded in the consumers'
// caches). The queue's own lock and sleeps are in the number of every allocator; `no-alloc` shows
// how much.
//
// One operation: one allocation or one free. In a window of n operations a lane there are n T / 2
// objects, shared out evenly to the producers and evenly to the consumers, so a lane's number is
// not n: with 25 % producers, one producer makes the objects of three consumers. There is no
// uncounted work, since a consumer that goes on would wait for objects that nobody makes.
//
// Steady state: the queue is half full when a window opens and when it ends.
//
// The code is in suites/common/handoff.hpp: latency/handoff times the calls of the same pattern.
#include <cstdlib>
#include <new>

#include "harness/worker/workload.hpp"
#include "suites/common/handoff.hpp"

namespace stackheap {
namespace {

// Called directly, as a program does.
struct Calls {
  static void* obtain(Lane&, std::size_t bytes) {
    void* object = std::malloc(bytes);
    if (object == nullptr) throw std::bad_alloc();
    return object;
  }
  static void give_back(Lane&, void* object) { std::free(object); }
  static void no_obtain(Lane&, std::size_t) {}
  static void no_give_back(Lane&, void*) {}
};

const Registration kRegistration{
    {
        .name = "threads/handoff",
        .summary = "Producers allocate, consumers free, through a bounded queue.",
        .operation = "one allocation or one free",
        .shape = Shape::kWindowed,
        .variants = {{.name = "malloc", .description = "malloc by producers, free by consumers"},
                     {.name = "no-alloc",
                      .description = "the same queue with objects of a fixed pool, sent home",
                      .uses_heap = false}},
        .baseline_variant = "malloc",
        .parameter = ParameterInfo{.name = "producers", .unit = "%", .minimum = 1, .maximum = 99},
        .threads = {.minimum = 2},
        .smoke = {{.values = {50}, .threads = TierThreads::kAll}},
        .quick = {{.variants = {"malloc"}, .values = {50}, .threads = TierThreads::kAll}},
        .standard = {{.values = {50}, .threads = TierThreads::kAll}},
        .full = {{.values = {25, 50, 75}, .threads = TierThreads::kSweep}},
        .live_bytes = {.fixed = handoff::kLiveBytes, .per_thread = handoff::kLiveBytesPerThread},
        .blocks_migrate = true,
        .uncounted_work = false,
        .roles = {"scaling", "ratio", "contention"},
    },
    make_workload<handoff::HandoffPattern<Calls>>};

}  // namespace
}  // namespace stackheap
