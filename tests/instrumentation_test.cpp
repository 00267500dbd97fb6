#include "harness/driver/instrumentation.hpp"

#include <gtest/gtest.h>

#include "tests/fakes/fake_root.hpp"

namespace stackheap {
namespace {

Plan plan_of_four() {
  const auto cell = [](const char* allocator, const char* skip, bool oversubscribed) {
    PlannedCell planned;
    planned.cell.workload = "heap/pair";
    planned.cell.variant = "malloc";
    planned.cell.allocator = allocator;
    planned.skip_status = skip;
    planned.oversubscribed = oversubscribed;
    planned.expected_seconds = 1;
    return planned;
  };
  Block pair;
  pair.name = "heap/pair";
  pair.cells = {cell("plain", "", false), cell("counting", "", true),
                cell("counting", "unsupported", false)};
  Block over_time = pair;
  over_time.name = "memory/decay";
  over_time.timeline = true;
  Plan plan;
  plan.blocks = {pair, over_time};
  return plan;
}

Instrumentation instrumentation_of(const std::string& reason) {
  Instrumentation instrumentation;
  instrumentation.events = {{"futex_waits", reason}, {"cycles", "no PMU"}};
  instrumentation.counting_allocators = {"counting"};
  instrumentation.piloted = {{"heap/pair", true}};
  return instrumentation;
}

TEST(InstrumentationTest, WithAnyEventEveryCellThatRunsAndHasWindowsGetsASample) {
  const InstrumentedRound round = instrumented_round(plan_of_four(), instrumentation_of(""));
  EXPECT_EQ(round.samples, 2U);
  // Half of a cell that has few windows instead of many, all of one that is oversubscribed.
  EXPECT_DOUBLE_EQ(round.seconds, 0.5 + 1 + 2 * kProcessSeconds);
}

TEST(InstrumentationTest, WithoutEventsOnlyAllocatorsThatCountThemselvesDo) {
  const InstrumentedRound round =
      instrumented_round(plan_of_four(), instrumentation_of("forbidden"));
  EXPECT_EQ(round.samples, 1U);
  Instrumentation none = instrumentation_of("forbidden");
  none.counting_allocators.clear();
  EXPECT_EQ(instrumented_round(plan_of_four(), none).samples, 0U);
}

TEST(InstrumentationTest, MetricsWithTheSameReasonAreToldTogether) {
  Instrumentation instrumentation = instrumentation_of("no PMU");
  EXPECT_EQ(missing_text(instrumentation),
            "some metrics stay empty here: futex_waits, cycles (no PMU)\n");
  instrumentation.events[0].reason = "forbidden";
  EXPECT_EQ(missing_text(instrumentation),
            "some metrics stay empty here: futex_waits (forbidden); cycles (no PMU)\n");
  for (PerfAvailability& event : instrumentation.events) event.reason.clear();
  EXPECT_EQ(missing_text(instrumentation), "");
}

TEST(InstrumentationTest, OnlyAllocatorsThatSaySoCountTheirLocks) {
  const FakeRoot root;
  Allocator plain;
  plain.name = "plain";
  Allocator counting;
  counting.name = "counting";
  counting.counts_its_locks = true;
  const Allocator allocators[] = {plain, counting};
  const Instrumentation found = find_instrumentation(allocators, {}, root.path());
  EXPECT_EQ(found.counting_allocators, std::set<std::string>{"counting"});
  EXPECT_EQ(found.events.size(), kPerfEvents);
}

}  // namespace
}  // namespace stackheap
