#include "harness/measure/metric_table.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "harness/base/text.hpp"

namespace stackheap {
namespace {

std::string value_of(const std::vector<MetricValue>& values, std::string_view name) {
  const auto at = std::find_if(values.begin(), values.end(),
                               [&](const MetricValue& value) { return value.name == name; });
  return at == values.end() ? "" : at->text;
}

Measurement two_threads() {
  static const WindowResult windows[] = {{1'000, 100}, {2'000, 100}, {4'000, 100}};
  Measurement m;
  m.windows = windows;
  m.threads = 2;
  m.totals.operations = 300;
  m.totals.thread_ns = 12'000;
  m.totals.cpu_ns = 9'000;
  m.totals.run_queue_ns = 4'500;
  m.totals.blocked_ns = -1'500;
  m.totals.minor_faults = 7;
  m.warm_up = WarmUp::kWarmed;
  m.baseline_memory = ResidentMemory{1 << 20, 2 << 20};
  m.final_memory = ResidentMemory{30 << 20, 33 << 20};
  m.peak_live_bytes = 16 << 20;
  m.mapped_regions = 41;
  return m;
}

TEST(MetricTableTest, NamesAreUniqueValidAndDescribed) {
  std::set<std::string_view> names;
  for (const MetricRow& row : metric_table()) {
    EXPECT_TRUE(names.insert(row.info.name).second) << row.info.name;
    EXPECT_TRUE(is_valid_name(row.info.name)) << row.info.name;
    EXPECT_FALSE(row.info.meaning.empty()) << row.info.name;
    EXPECT_FALSE(row.info.comparable && row.info.direction == Direction::kNone) << row.info.name;
    EXPECT_FALSE(row.info.scope == MetricScope::kDerived && row.value != nullptr) << row.info.name;
  }
}

TEST(MetricTableTest, WindowSummariesAreWhatOneThreadPaysForOneOperation) {
  const auto values = compute_metrics(two_threads());
  EXPECT_EQ(value_of(values, "ns_per_op"), "40");  // 2,000 ns x 2 threads / 100
  EXPECT_EQ(value_of(values, "ns_per_op_min"), "20");
  EXPECT_EQ(value_of(values, "ns_per_op_mean"), "46.6667");
  EXPECT_EQ(value_of(values, "ns_per_op_p90"), "72");  // 40 + 0.8 x (80 - 40)
  EXPECT_EQ(value_of(values, "ops_per_second"), "5e+07");
  EXPECT_EQ(value_of(values, "thread_ns_per_op"), "40");
}

TEST(MetricTableTest, ContentionColumnsAddUpAndNegativeBlockedIsKept) {
  const auto values = compute_metrics(two_threads());
  EXPECT_EQ(value_of(values, "cpu_ns_per_op"), "30");
  EXPECT_EQ(value_of(values, "run_queue_ns_per_op"), "15");
  EXPECT_EQ(value_of(values, "blocked_ns_per_op"), "-5");
  EXPECT_EQ(value_of(values, "minor_faults"), "7");
}

TEST(MetricTableTest, WithoutSchedstatTheSplitIsEmptyAndNotZero) {
  Measurement m = two_threads();
  m.has_schedstat = false;
  const auto values = compute_metrics(m);
  EXPECT_EQ(value_of(values, "run_queue_ns_per_op"), "");
  EXPECT_EQ(value_of(values, "blocked_ns_per_op"), "");
  EXPECT_EQ(value_of(values, "cpu_ns_per_op"), "30");
}

TEST(MetricTableTest, ResidentPerLiveByteIsGrowthOverLiveAndEmptyForLittleLive) {
  Measurement m = two_threads();
  EXPECT_EQ(value_of(compute_metrics(m), "rss_per_live_byte"), "2");  // (33 - 1) / 16 MiB
  m.peak_live_bytes = 1 << 20;
  EXPECT_EQ(value_of(compute_metrics(m), "rss_per_live_byte"), "");
}

TEST(MetricTableTest, OnlyWorkloadsThatSwitchStacksHaveASwitchTime) {
  Measurement m = two_threads();
  EXPECT_EQ(value_of(compute_metrics(m), "switch_ns"), "");
  m.switches_per_operation = 2;
  EXPECT_EQ(value_of(compute_metrics(m), "switch_ns"), "20");
}

TEST(MetricTableTest, LatencyQuantilesAreInNanosecondsAndEmptyWhereTooFewValuesLieBeyond) {
  MappedArray<LatencyHistogram> histogram(2);
  histogram[0].record(10, 980'000);
  histogram[0].record(100, 19'000);
  histogram[0].record(250, 999);
  histogram[0].record(999'999);
  histogram[1].record(8, 9'000);
  Measurement m = two_threads();
  EXPECT_EQ(value_of(compute_metrics(m), "p50"), "");
  EXPECT_EQ(value_of(compute_metrics(m), "max"), "");
  m.latency = &histogram[0];
  m.timer = &histogram[1];
  m.ns_per_tick = 0.5;
  const auto values = compute_metrics(m);
  EXPECT_EQ(value_of(values, "p50"), "5");
  EXPECT_EQ(value_of(values, "p90"), "5");
  EXPECT_EQ(value_of(values, "p99"), "50");
  EXPECT_EQ(value_of(values, "p999"), "50");
  EXPECT_EQ(value_of(values, "p9999"), "125");
  EXPECT_EQ(value_of(values, "max"), "500000");
  EXPECT_EQ(value_of(values, "timer_ns_p50"), "4");
  EXPECT_EQ(value_of(values, "timer_ns_p99"), "");
}

TEST(MetricTableTest, WhatWasNotCountedIsEmptyAndWhatWasCountedAsNothingIsZero) {
  Measurement m = two_threads();
  m.totals.counts = PerfCounts{};
  m.totals.counts.known[static_cast<std::size_t>(PerfEvent::kFutexWaits)] = true;
  m.allocator.lock_ops = 9;
  m.allocator.lock_waits = 0;
  const auto values = compute_metrics(m);
  EXPECT_EQ(value_of(values, "futex_waits"), "0");
  EXPECT_EQ(value_of(values, "kernel_lock_waits"), "");
  EXPECT_EQ(value_of(values, "cycles"), "");
  EXPECT_EQ(value_of(values, "allocator_lock_ops"), "9");
  EXPECT_EQ(value_of(values, "allocator_lock_waits"), "0");
  EXPECT_EQ(value_of(values, "allocator_mapped_bytes"), "");
  EXPECT_EQ(value_of(values, "arenas"), "");
}

TEST(MetricTableTest, AMeasurementWithoutWindowsHasNoTimes) {
  const auto values = compute_metrics(Measurement{});
  for (const char* name : {"ns_per_op", "ops_per_second", "cpu_ns_per_op", "fairness", "warm_up",
                           "minor_faults", "peak_rss_bytes", "futex_waits", "cycles"}) {
    EXPECT_EQ(value_of(values, name), "") << name;
  }
}

TEST(MetricTableTest, ResidentMemoryAndRegionsOfThisProcessAreRead) {
  const auto memory = read_resident_memory();
  ASSERT_TRUE(memory.has_value());
  EXPECT_GT(memory->now_bytes, 1U << 20);
  EXPECT_GE(memory->peak_bytes, memory->now_bytes);
  EXPECT_GT(count_mapped_regions().value_or(0), 10U);
}

}  // namespace
}  // namespace stackheap
