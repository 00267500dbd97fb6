// Each malloc by a producer and each free by a consumer of threads/handoff is timed by itself
//
// Models what a server sees of its allocator that receives on one thread and finishes on another:
// after malloc-test by C. Lever and D. Boreham (USENIX 2000). The mean of threads/handoff holds the
// queue and cannot tell the two sides apart; here each call has its own time. The pattern is
// exactly that of threads/handoff: see suites/common/handoff.hpp.
//
// One operation is one allocation or one free, and is one timed operation: `malloc`, always by a
// thread that never frees, and `free`, always by one that never allocates. A call's time is from
// call to return: neither the queue nor the first touch of the object is in it. Half of a window's
// operations are of each kind. The loop is closed: these are service times.
//
// Good: `free` near the `free` of latency/slots, where the same thread allocated. Bad: `free` with
// a second hump (the owner's lock or a contended list), or `malloc` with a long tail: the producer
// fetches in bulk what others gave back, or asks the kernel because nothing came back.
//
// `no-alloc` times nothing in both places, within the same queue and traffic. ns_per_op holds the
// queue's sleeps and the timer: compare it with no other workload's.
#include <cstdlib>
#include <new>

#include "harness/worker/latency.hpp"
#include "harness/worker/workload.hpp"
#include "suites/common/handoff.hpp"

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
        .name = "latency/handoff",
        .summary =
            "Each malloc by a producer and each free by a consumer of threads/handoff is timed by "
            "itself",
        .operation = "one allocation or one free",
        .shape = Shape::kHistogram,
        .variants =
            {
                {.name = "malloc",
                 .description = "malloc by producers, free by consumers, each call timed"},
                {.name = "no-alloc",
                 .description = "the same queue with nothing in the timed places",
                 .uses_heap = false},
            },
        .baseline_variant = "malloc",
        .parameter = ParameterInfo{.name = "producers", .unit = "%", .minimum = 1, .maximum = 99},
        // A lane's histograms take 237 KiB, which must stay small beside the machine's memory.
        .threads = {.minimum = 2, .maximum = 1024},
        .smoke = {{.values = {50}, .threads = TierThreads::kAll}},
        .standard = {{.values = {50}, .threads = TierThreads::kAll}},
        .full = {{.values = {25, 50, 75}, .threads = TierThreads::kSweep}},
        .expected_seconds = 0.09,
        .live_bytes = {.fixed = handoff::kLiveBytes, .per_thread = handoff::kLiveBytesPerThread},
        .blocks_migrate = true,
        .uncounted_work = false,
        .timed_operations = {"malloc", "free"},
        .ranked_by = "p99",
        .roles = {"latency"},
    },
    make_workload<handoff::HandoffPattern<TimedCalls>>};

}  // namespace
}  // namespace stackheap
