// Each malloc and each free of heap/slots is timed by itself
//
// Models what a service's requests see of its allocator: most calls are served from a thread's
// cache, and a few pay for what the cache put off (a refill, a flush, a merge, memory from the
// kernel), which the mean of heap/slots hides. The pattern is exactly that of heap/slots, after
// glibc's benchmark bench-malloc-thread: see suites/common/slots.hpp.
//
// One operation is one free and one malloc; each is a timed operation of its own, `free` and
// `malloc` in latency.csv. A call's time is from call to return, so the first touch of new memory
// is not in it. The loop is closed: the next call starts when the last has returned, so these are
// service times, and what a request would have waited while a slow call ran is in none of them.
//
// Good: quantiles that stay near the median up to p9999, and with threads added. Bad: a p999 of
// many medians, which is a lock, or memory going back to the kernel and being asked for again.
//
// `no-alloc` times nothing in both places, within the same loop: what the timer itself shows among
// this much other work. ns_per_op holds two timed pairs per operation: compare it with no other
// workload's.
#include <cstdlib>
#include <new>

#include "harness/worker/latency.hpp"
#include "harness/worker/workload.hpp"
#include "suites/common/slots.hpp"

namespace stackheap {
namespace {

enum class Timed { kMalloc, kFree };  // the order of timed_operations

struct TimedCalls {
  static void* obtain(Lane& lane, std::size_t bytes) {
    void* object = timed(lane, Timed::kMalloc, [&] { return std::malloc(bytes); });
    if (object == nullptr) [[unlikely]] {
      throw std::bad_alloc();
    }
    return object;
  }
  static void give_back(Lane& lane, void* object) {
    timed(lane, Timed::kFree, [&] { std::free(object); });
  }
  static void no_obtain(Lane& lane, std::size_t bytes) {
    timed(lane, Timed::kMalloc, [&] { escape(bytes); });
  }
  static void no_give_back(Lane& lane, void* object) {
    timed(lane, Timed::kFree, [&] { escape(object); });
  }
};

const Registration kRegistration{
    {
        .name = "latency/slots",
        .summary = "Each malloc and each free of heap/slots is timed by itself",
        .operation = "one object freed and another allocated in its slot",
        .shape = Shape::kHistogram,
        .variants =
            {
                {.name = "malloc", .description = "malloc and free, each call timed"},
                {.name = "no-alloc",
                 .description = "the same loop with nothing in the timed places",
                 .uses_heap = false},
            },
        .baseline_variant = "malloc",
        .parameter =
            ParameterInfo{.name = "slots", .unit = "count", .minimum = 1, .maximum = 1 << 20},
        // A lane's histograms take 237 KiB, which must stay small beside the machine's memory.
        .threads = {.maximum = 1024},
        .smoke = {{.values = {1024}, .threads = TierThreads::kOne},
                  {.variants = {"malloc"}, .values = {1024}}},
        .standard = {{.values = {1024}}},
        .full = {{.values = {1024, 16384}, .threads = TierThreads::kSweep}},
        .expected_seconds = 0.09,
        .live_bytes = {.per_thread_and_parameter = kSlotMeanBytes},
        .timed_operations = {"malloc", "free"},
        .ranked_by = "p99",
        .roles = {"latency"},
    },
    make_workload<SlotsPattern<TimedCalls>>};

}  // namespace
}  // namespace stackheap
