#include "harness/measure/perf_events.hpp"

#include <gtest/gtest.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <thread>

#include "tests/fakes/fake_root.hpp"
#include "tests/fakes/tracefs.hpp"

namespace stackheap {
namespace {

std::string reason_of(const PerfEventSet& events, PerfEvent event) {
  std::string reason;
  const UniqueFd counter = events.open(event, &reason);
  EXPECT_EQ(static_cast<bool>(counter), reason.empty());
  return reason;
}

// A wait that returns at once: the futex does not hold the value.
void wait_in_vain(int operation) {
  int word = 1;
  ::syscall(SYS_futex, &word, operation, 0, nullptr, nullptr, FUTEX_BITSET_MATCH_ANY);
}

TEST(PerfEventsTest, WithoutTracefsTheReasonNamesTheMount) {
  const FakeRoot root;
  const PerfEventSet events(root.path());
  for (const PerfEvent event : {PerfEvent::kFutexWaits, PerfEvent::kKernelLockWaits}) {
    EXPECT_EQ(reason_of(events, event),
              "tracefs is not mounted: `mount -t tracefs nodev /sys/kernel/tracing`");
  }
}

TEST(PerfEventsTest, AKernelWithoutATracepointIsToldFromOneWithoutTracefs) {
  FakeRoot root;
  root.write("sys/kernel/tracing/events/sched/sched_switch/id", "300\n");
  const PerfEventSet events(root.path());
  EXPECT_EQ(reason_of(events, PerfEvent::kKernelLockWaits),
            "this kernel has no tracepoint lock/contention_begin: it came with Linux 5.19");
}

TEST(PerfEventsTest, ATracepointOfTheDebugFileSystemIsFoundAndAnIdTheKernelRefusesHasAReason) {
  FakeRoot root;
  root.write("sys/kernel/debug/tracing/events/lock/contention_begin/id", "1999999999\n");
  const std::string reason = reason_of(PerfEventSet(root.path()), PerfEvent::kKernelLockWaits);
  EXPECT_EQ(reason.rfind("perf_event_open ", 0), 0U) << reason;
}

TEST(PerfEventsTest, EveryEventIsEitherAvailableOrHasAReason) {
  const FakeRoot root;
  const auto found = probe_perf_events(root.path());
  ASSERT_EQ(found.size(), kPerfEvents);
  EXPECT_EQ(found[0].metric, "futex_waits");
  EXPECT_EQ(found[1].metric, "kernel_lock_waits");
  EXPECT_FALSE(found[0].reason.empty());
  EXPECT_FALSE(found[1].reason.empty());
}

TEST(PerfEventsTest, EveryWaitingOperationIsCountedWithEveryFlagAndNoOther) {
  const PerfEventSet events = fakes::events_with_tracefs();
  const std::string missing = reason_of(events, PerfEvent::kFutexWaits);
  if (!missing.empty()) GTEST_SKIP() << missing;
  const PerfCounters counters(events);
  const PerfCounts start = counters.read_at_start();
  for (const int flags : {0, FUTEX_PRIVATE_FLAG}) {
    for (const int operation :
         {FUTEX_WAIT, FUTEX_WAIT_BITSET, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME}) {
      wait_in_vain(operation | flags);
    }
    for (const int operation : {FUTEX_WAKE, FUTEX_WAKE_BITSET}) wait_in_vain(operation | flags);
  }
  PerfCounts counted = PerfCounts::zero();
  counted.add_difference(start, counters.read_at_finish());
  EXPECT_EQ(counted.of(PerfEvent::kFutexWaits), 6U);
}

TEST(PerfEventsTest, AThreadCountsItselfAndNotTheThreadsItStarts) {
  const PerfEventSet events = fakes::events_with_tracefs();
  const std::string missing = reason_of(events, PerfEvent::kFutexWaits);
  if (!missing.empty()) GTEST_SKIP() << missing;
  std::uint64_t counted = 0;
  std::thread([&] {
    const PerfCounters counters(events);
    std::thread other([] {
      for (int i = 0; i < 100; ++i) wait_in_vain(FUTEX_WAIT_PRIVATE);
    });
    other.join();  // may wait in a futex once, or find the thread gone
    counted = counters.read_at_finish().of(PerfEvent::kFutexWaits).value();
  }).join();
  EXPECT_LT(counted, 10U);
}

TEST(PerfEventsTest, ASumKnowsOnlyWhatAllOfItsPartsKnow) {
  PerfCounts known = PerfCounts::zero();
  known.value.fill(5);
  PerfCounts partly = known;
  partly.known[static_cast<std::size_t>(PerfEvent::kCycles)] = false;
  PerfCounts sum = PerfCounts::zero();
  sum.add(known);
  EXPECT_EQ(sum.of(PerfEvent::kCycles), 5U);
  sum.add(partly);
  EXPECT_EQ(sum.of(PerfEvent::kCycles), std::nullopt);
  EXPECT_EQ(sum.of(PerfEvent::kFutexWaits), 10U);
}

}  // namespace
}  // namespace stackheap
