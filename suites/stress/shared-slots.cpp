// The traffic of threads/shared-slots, verified: unequal threads exchange objects through shared
// slots and are replaced after each generation. The pattern is the benchmark's own (see
// suites/common/shared_slots.hpp), so what is measured is what was checked.
#include "harness/worker/check.hpp"
#include "suites/common/shared_slots.hpp"
#include "suites/common/verified_slots.hpp"
#include "suites/stress/lives.hpp"

namespace stackheap {
namespace {

using namespace shared_slots;
using namespace stress;

CheckRun* running = nullptr;

void report(const Lane& lane, const SlotFault& fault) {
  running->unsafe("lane %u: %s: %p, %zu B; the other is at %#zx to %#zx", lane.index, fault.what,
                  fault.address, fault.bytes, fault.other.begin, fault.other.end);
}

void run_shared_slots(CheckRun& run) {
  running = &run;
  Verified policy(report);
  SharedSlots<Verified> objects(policy, run.threads());
  MappedArray<Lane> lanes(run.threads());
  run.lanes([&](CheckLane& check_lane) {
    Lane& lane = lanes[check_lane.index];
    lane.index = check_lane.index;
    lane.count = check_lane.count;
    lane.random = check_lane.random;
    const std::uint32_t weight = weight_of(lane.index);
    Holdings holdings(kPlayed * weight, kKept * weight);
    while (run.time_left()) {
      holdings.begin(kPlayed * weight, kKept * weight);
      one_life(check_lane, [&](CheckLane& own) {
        while (!holdings.is_complete()) {
          own.operations += objects.run(lane, holdings, 64);
          own.disturb();
          if (!run.time_left()) break;
        }
        objects.release(lane, holdings);
        objects.thin_out(lane);
      });
    }
  });
  objects.finish("threads/shared-slots", lanes[0]);
  run.own_bytes(policy.registry().own_bytes());
}

const CheckRegistration kSharedSlots{
    {.name = "threads/shared-slots",
     .summary = "the traffic of the workload threads/shared-slots, every range and word verified",
     .source = "C11 7.22.3; mimalloc's test-stress",
     .blocks_migrate = true,
     .rank = 31,
     .randomised = true,
     .quick_seconds = 0.05,
     .seconds = 0.5,
     .threads = {CheckThreads::kCpus, CheckThreads::kMany}},
    run_shared_slots};

}  // namespace
}  // namespace stackheap
