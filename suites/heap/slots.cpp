// A random slot is freed and refilled, with sizes that follow an inverse-square law
//
// Models a service in its steady state: a fixed number of objects live, each for a random time, and
// small ones are many, large ones few. The pattern is that of glibc's benchmark bench-malloc-thread
// (1,024 slots a thread, sizes 4 to 32,768 B with a frequency that falls as size^-2, mean about
// 36 B). Each thread has its own slots; nothing is shared but what the allocator shares.
//
// One operation is one slot chosen, its object freed, a new size drawn, an object of it allocated,
// and its first and last byte and one byte a page written.
//
// Good: time per operation that stays as threads are added, and resident memory near what is live.
// Bad: time that grows with threads, since the threads have nothing in common. As sizes mix and
// lifetimes are random, this also meets splitting and merging, which heap/pair never does.
//
// Setup fills all slots and replaces each several times, so that no window sees a young heap.
// `no-alloc` draws the same numbers and touches the chosen slot's own object, which stays; its
// objects come from one mapping, with sizes of the same law.
//
// The code is in suites/common/slots.hpp: latency/slots times the calls of the same pattern.
#include <cstdlib>

#include "harness/worker/workload.hpp"
#include "suites/common/slots.hpp"
#include "suites/heap/sources.hpp"

namespace stackheap {
namespace {

// Called directly, as a program does.
struct Calls {
  static void* obtain(Lane&, std::size_t bytes) { return MallocSource().obtain(bytes); }
  static void give_back(Lane&, void* object) { std::free(object); }
  static void no_obtain(Lane&, std::size_t bytes) { escape(bytes); }
  static void no_give_back(Lane&, void*) {}
};

const Registration kRegistration{
    {
        .name = "heap/slots",
        .summary =
            "A random slot is freed and refilled, with sizes that follow an inverse-square law",
        .operation = "one object freed and another allocated in its slot",
        .shape = Shape::kWindowed,
        .variants =
            {
                {.name = "malloc", .description = "malloc and free"},
                {.name = "no-alloc",
                 .description =
                     "the same loop, random numbers and touching on memory that is there",
                 .uses_heap = false},
            },
        .baseline_variant = "malloc",
        .parameter =
            ParameterInfo{.name = "slots", .unit = "count", .minimum = 1, .maximum = 1 << 20},
        .smoke = {{.values = {1024}, .threads = TierThreads::kOne},
                  {.variants = {"malloc"}, .values = {1024}}},
        .quick = {{.variants = {"malloc"}, .values = {1024}},
                  {.variants = {"no-alloc"}, .values = {1024}, .threads = TierThreads::kOne}},
        .standard = {{.values = {1024}}},
        .full = {{.values = {1024, 16384}, .threads = TierThreads::kSweep}},
        .live_bytes = {.per_thread_and_parameter = kSlotMeanBytes},
        .roles = {"scaling", "ratio", "pareto"},
    },
    make_workload<SlotsPattern<Calls>>};

}  // namespace
}  // namespace stackheap
