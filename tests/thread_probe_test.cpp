// Kernels that keep no schedstat: what the probe says of them, and what becomes of the columns.
#include "harness/measure/thread_probe.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "harness/measure/metric_table.hpp"
#include "harness/measure/window_loop.hpp"
#include "tests/fakes/temporary_folder.hpp"

namespace stackheap {
namespace {

struct Columns {
  std::string cpu;
  std::string run_queue;
  std::string blocked;
};

// One window of one lane on this thread, whose schedstat is the file at `path`.
Columns columns_with(const char* path) {
  MappedArray<Lane> lanes(1);
  lanes[0].count = 1;
  WindowLoop loop(lanes.span(), {.share = 1, .windows = 1, .warm_up_maximum = 0});
  ProbeOptions options;
  options.schedstat_path = path;
  const ThreadProbe probe(options);
  loop.run_window(lanes[0], probe, false, [](Lane& lane, std::uint64_t) {
    for (int i = 0; i < 100'000; ++i) lane.counter = lane.random();
  });
  EXPECT_EQ(loop.has_schedstat(), probe.has_schedstat());
  Measurement measurement;
  measurement.windows = loop.windows();
  measurement.totals = loop.totals();
  measurement.has_schedstat = loop.has_schedstat();
  const std::vector<MetricValue> metrics = compute_metrics(measurement);
  const auto text = [&](std::string_view name) {
    const auto at = std::find_if(metrics.begin(), metrics.end(),
                                 [&](const MetricValue& metric) { return metric.name == name; });
    return at == metrics.end() ? std::string() : at->text;
  };
  return {text("cpu_ns_per_op"), text("run_queue_ns_per_op"), text("blocked_ns_per_op")};
}

void expect_only_cpu(const Columns& columns) {
  ASSERT_NE(columns.cpu, "");
  EXPECT_GT(std::stod(columns.cpu), 0);
  EXPECT_EQ(columns.run_queue, "");
  EXPECT_EQ(columns.blocked, "");
}

class ThreadProbeTest : public testing::Test {
 protected:
  const fakes::TemporaryFolder folder;
};

TEST_F(ThreadProbeTest, WithoutSchedstatRunQueueAndBlockedAreEmptyAndCpuIsNot) {
  expect_only_cpu(columns_with((folder.path() / "missing").c_str()));
}

TEST_F(ThreadProbeTest, ADirectoryOrAnEmptyFileInItsPlaceIsNoSchedstat) {
  expect_only_cpu(columns_with(folder.path().c_str()));
  expect_only_cpu(columns_with(folder.write("empty", "").c_str()));
}

TEST_F(ThreadProbeTest, ASchedstatWhoseAccountingIsSwitchedOffIsNone) {
  expect_only_cpu(columns_with(folder.write("zero", "0 0 0\n").c_str()));
}

TEST_F(ThreadProbeTest, AThreadThatNeverWaitedForACpuHasASchedstat) {
  const Columns columns = columns_with(folder.write("waitless", "1234 0 10\n").c_str());
  EXPECT_EQ(columns.run_queue, "0");
  EXPECT_NE(columns.blocked, "");
}

TEST_F(ThreadProbeTest, RunQueueTimeIsTheSecondField) {
  ProbeOptions options;
  const auto file = folder.write("schedstat", "111 222 333\n");
  options.schedstat_path = file.c_str();
  const ThreadProbe probe(options);
  ASSERT_TRUE(probe.has_schedstat());
  EXPECT_EQ(probe.at_start().run_queue_ns, 222U);
  EXPECT_EQ(probe.at_finish().run_queue_ns, 222U);
}

}  // namespace
}  // namespace stackheap
