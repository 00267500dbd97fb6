// The shape `histogram` as the worker runs it: what is recorded, and what is thrown away.
#include "harness/worker/latency_recorder.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "harness/base/error.hpp"
#include "harness/measure/tsc_clock.hpp"
#include "harness/worker/cell_run.hpp"
#include "harness/worker/latency.hpp"

namespace stackheap {
namespace {

enum class Timed { kEach, kFifth };

std::atomic<std::uint64_t> steps_of_all{0};

// Times every operation, and something else in each fifth.
struct Ticking {
  explicit Ticking(const CellSpec&) {}
  void setup(Lane& lane) { step(lane, 1'000); }
  void step(Lane& lane, std::uint64_t n) {
    steps_of_all += n;
    for (std::uint64_t i = 0; i < n; ++i) {
      const auto number = timed(lane, Timed::kEach, [&] { return lane.counter + 1; });
      lane.counter = number;
      if (i % 5 == 0) timed(lane, Timed::kFifth, [&] { escape(number); });
    }
  }
  void verify(Lane&) {}
};

class LatencyRecorderTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string problem = tsc_problem();
    if (!problem.empty()) GTEST_SKIP() << problem;
  }
};

std::uint64_t sum(const OperationLatency& latency) {
  std::uint64_t count = 0;
  for (const LatencyBucket& bucket : latency.buckets) count += bucket.count;
  return count;
}

TEST_F(LatencyRecorderTest, OnlyTheCountedOperationsOfMeasuredWindowsAreRecorded) {
  RegisteredWorkload workload;
  workload.info.name = "test/ticking";
  workload.info.shape = Shape::kHistogram;
  workload.info.timed_operations = {"each", "fifth"};
  workload.factory = make_workload<Ticking>;
  CellRequest request;
  request.workload = workload.info.name;
  request.threads = 2;
  request.share = 500;
  request.windows = 4;
  request.warm_up_minimum = 3;
  request.warm_up_maximum = 3;
  request.oversubscribed = true;
  steps_of_all = 0;
  CellRun cell(workload, request);
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < request.threads; ++i) {
    threads.emplace_back([&cell, &request, i] {
      cell.run_lane(i, [&](const auto& window) {
        for (unsigned w = 0; w < request.windows; ++w) window();
      });
    });
  }
  for (std::thread& thread : threads) thread.join();
  const WorkerResult result = cell.result();
  EXPECT_EQ(result.operations, 4'000U);
  // Setup, three warm-up windows and the measured ones, besides what is uncounted.
  EXPECT_GE(steps_of_all, 2U * (1'000 + 500 * (3 + 4)));
  ASSERT_EQ(result.latency.size(), 2U);
  EXPECT_EQ(result.latency[0].operation, "each");
  EXPECT_EQ(sum(result.latency[0]), 4'000U);
  EXPECT_EQ(result.latency[1].operation, "fifth");
  EXPECT_EQ(sum(result.latency[1]), 800U);
  for (const OperationLatency& latency : result.latency) {
    double above = 0;
    for (const LatencyBucket& bucket : latency.buckets) {
      EXPECT_GE(bucket.lower_ns, above);
      EXPECT_GT(bucket.upper_ns, bucket.lower_ns);
      above = bucket.upper_ns;
    }
  }
  // What the driver will read.
  const WorkerResult received = worker_result_from_json(worker_result_to_json(result));
  EXPECT_EQ(sum(received.latency[0]), 4'000U);
  std::vector<std::string> metrics;
  for (const MetricValue& metric : received.metrics) metrics.push_back(metric.name);
  for (const char* name : {"p50", "p90", "max", "timer_ns_p50", "timer_ns_p99"}) {
    EXPECT_NE(std::find(metrics.begin(), metrics.end(), name), metrics.end()) << name;
  }
  EXPECT_EQ(std::find(metrics.begin(), metrics.end(), "p999"), metrics.end());
}

TEST_F(LatencyRecorderTest, WhatAnOperationThrowsPassesUnrecorded) {
  MappedArray<LatencyHistogram> histograms(2);
  Lane lane;
  lane.latency = histograms.data();
  const auto failing = [&] {
    timed(lane, Timed::kFifth, []() -> int { throw std::runtime_error("no"); });
  };
  EXPECT_THROW(failing(), std::runtime_error);
  EXPECT_EQ(histograms[1].count(), 0U);
  EXPECT_EQ(timed(lane, Timed::kFifth, [] { return 7; }), 7);
  EXPECT_EQ(histograms[0].count(), 0U);
  EXPECT_EQ(histograms[1].count(), 1U);
}

TEST_F(LatencyRecorderTest, AnOperationThatEndedBeforeItBeganEndsTheSample) {
  MappedArray<Lane> lanes(2);
  lanes[1].index = 1;
  const std::vector<std::string> operations = {"each", "fifth"};
  LatencyRecorder recorder(lanes.span(), operations);
  recorder.count(lanes[1]);
  lanes[1].latency[1].record(std::uint64_t{0} - 40);
  recorder.check(lanes[0]);
  EXPECT_THROW(recorder.check(lanes[1]), CannotRun);
}

}  // namespace
}  // namespace stackheap
