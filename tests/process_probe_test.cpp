// What the process probe says of threads that it does not run on, and of windows that one thread
// opens for all lanes. Foreign load can only take CPU time away; what is asserted holds with it.
#include "harness/measure/process_probe.hpp"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <cmath>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include "harness/base/clock.hpp"
#include "harness/measure/metric_table.hpp"
#include "harness/measure/window_loop.hpp"
#include "tests/fakes/temporary_folder.hpp"

namespace stackheap {
namespace {

void use_cpu(std::uint64_t ns) {
  const std::uint64_t end = thread_cpu_ns() + ns;
  while (thread_cpu_ns() < end) {
  }
}

int first_cpu() {
  cpu_set_t set;
  CPU_ZERO(&set);
  EXPECT_EQ(::sched_getaffinity(0, sizeof set, &set), 0);
  int cpu = 0;
  while (!CPU_ISSET(static_cast<std::size_t>(cpu), &set)) ++cpu;
  return cpu;
}

void pin_to_first_cpu() {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(first_cpu()), &set);
  ASSERT_EQ(::sched_setaffinity(0, sizeof set, &set), 0);
}

// The library whose threads are not ours: each uses its CPU time when told to, and then lives on.
class ForeignThreads {
 public:
  explicit ForeignThreads(unsigned count, bool on_one_cpu = false) : ready_(count) {
    for (unsigned i = 0; i < count; ++i) {
      threads_.emplace_back([this, on_one_cpu] {
        if (on_one_cpu) pin_to_first_cpu();
        ready_.count_down();
        for (unsigned round = 0;; ++round) {
          round_.wait(round);
          if (stop_) return;
          use_cpu(ns_);
          done_.fetch_add(1);
          done_.notify_one();
        }
      });
    }
    ready_.wait();
  }
  ~ForeignThreads() {
    stop_ = true;
    start();
    for (std::thread& thread : threads_) thread.join();
  }
  void use_cpu_each(std::uint64_t ns) {
    ns_ = ns;
    done_ = 0;
    start();
    for (std::size_t done = 0; done != threads_.size(); done = done_.load()) done_.wait(done);
  }

 private:
  void start() {
    round_.fetch_add(1);
    round_.notify_all();
  }
  std::latch ready_;
  std::vector<std::thread> threads_;
  std::atomic<unsigned> round_{0};
  std::atomic<std::size_t> done_{0};
  std::atomic<bool> stop_{false};
  std::uint64_t ns_ = 0;
};

constexpr std::uint64_t kWork = 20'000'000;

TEST(ProcessProbeTest, SeesTheCpuTimeOfThreadsThatItDoesNotRunOn) {
  ForeignThreads threads(3);
  ProcessProbe probe;
  const ThreadSnapshot start = probe.at_start();
  threads.use_cpu_each(kWork);
  const ThreadSnapshot finish = probe.at_finish();
  const std::uint64_t cpu = finish.cpu_ns - start.cpu_ns;
  EXPECT_GE(cpu, 3 * kWork);
  EXPECT_LT(cpu, 4 * kWork);
  EXPECT_GE(finish.wall_ns - start.wall_ns, kWork);
  EXPECT_GT(finish.voluntary_switches, start.voluntary_switches);
}

TEST(ProcessProbeTest, SleepingThreadsAreNeitherOnACpuNorInItsQueue) {
  ForeignThreads threads(3);
  ProcessProbe probe;
  const ThreadSnapshot start = probe.at_start();
  use_cpu(kWork);
  const ThreadSnapshot finish = probe.at_finish();
  EXPECT_GE(finish.cpu_ns - start.cpu_ns, kWork);
  EXPECT_LT(finish.cpu_ns - start.cpu_ns, kWork + kWork / 2);
}

TEST(ProcessProbeTest, ThreadsThatShareACpuWaitInItsQueue) {
  ForeignThreads threads(3, /*on_one_cpu=*/true);
  ProcessProbe probe;
  if (!probe.has_schedstat()) GTEST_SKIP() << "this kernel has no schedstat";
  const ThreadSnapshot start = probe.at_start();
  threads.use_cpu_each(kWork);
  const ThreadSnapshot finish = probe.at_finish();
  // In whichever order they get the CPU, one of three waits for 0, 1 and 2 turns of the others at
  // least, if none begins late.
  EXPECT_GE(finish.run_queue_ns - start.run_queue_ns, 2 * kWork);
}

TEST(ProcessProbeTest, AThreadThatBeginsInBetweenIsCountedFromItsBeginning) {
  ProcessProbe probe;
  const ThreadSnapshot start = probe.at_start();
  ForeignThreads threads(2, /*on_one_cpu=*/true);
  threads.use_cpu_each(kWork);
  const ThreadSnapshot finish = probe.at_finish();
  EXPECT_GE(finish.cpu_ns - start.cpu_ns, 2 * kWork);
  if (!probe.has_schedstat()) GTEST_SKIP() << "this kernel has no schedstat";
  EXPECT_GE(finish.run_queue_ns - start.run_queue_ns, kWork / 2);
}

TEST(ProcessProbeTest, AThreadThatEndsTakesNothingBack) {
  ProcessProbe probe;
  ThreadSnapshot start;
  {
    ForeignThreads threads(3, /*on_one_cpu=*/true);
    threads.use_cpu_each(kWork);
    start = probe.at_start();
  }
  const ThreadSnapshot finish = probe.at_finish();
  EXPECT_GE(finish.cpu_ns, start.cpu_ns);
  EXPECT_GE(finish.run_queue_ns, start.run_queue_ns);
  const ThreadSnapshot next = probe.at_start();
  EXPECT_GE(next.run_queue_ns, finish.run_queue_ns);
}

TEST(ProcessProbeTest, WithoutSchedstatItSaysSo) {
  const fakes::TemporaryFolder folder;
  const std::string path = folder.write("schedstat", "0 0 0\n");
  ProbeOptions options;
  options.schedstat_path = path.c_str();
  ProcessProbe probe(options);
  EXPECT_FALSE(probe.has_schedstat());
  use_cpu(1'000'000);
  EXPECT_EQ(probe.at_finish().run_queue_ns, 0U);
}

struct Outcome {
  LaneTotals totals;
  std::uint64_t window_ns = 0;
  double fairness = 0;
  bool has_schedstat = true;
};

Outcome run_shared(unsigned lane_count, ForeignThreads& threads) {
  MappedArray<Lane> lanes(lane_count);
  for (unsigned i = 0; i < lane_count; ++i) {
    lanes[i].index = i;
    lanes[i].count = lane_count;
    lanes[i].live_bytes = 100;
  }
  WindowLoop loop(lanes.span(), {.share = 5, .windows = 2, .warm_up_maximum = 0});
  ProcessProbe probe;
  while (!loop.done()) {
    loop.run_shared_window(probe, [&](std::uint64_t n) {
      EXPECT_EQ(n, 5U * lane_count);
      threads.use_cpu_each(kWork);
    });
  }
  EXPECT_EQ(loop.peak_live_bytes(), 100 * lane_count);
  Outcome outcome{.totals = loop.totals(), .fairness = loop.fairness()};
  for (const WindowResult& window : loop.windows()) outcome.window_ns += window.nanoseconds;
  outcome.has_schedstat = loop.has_schedstat();
  return outcome;
}

TEST(SharedWindowTest, TotalsAreTheProcessesAndThreadTimeThatOfAllLanes) {
  ForeignThreads threads(2);
  const Outcome outcome = run_shared(3, threads);
  EXPECT_EQ(outcome.totals.operations, 2U * 5U * 3U);
  EXPECT_EQ(outcome.totals.thread_ns, 3 * outcome.window_ns);
  EXPECT_GE(outcome.totals.cpu_ns, 4 * kWork);
  if (!outcome.has_schedstat) GTEST_SKIP() << "this kernel has no schedstat";
  EXPECT_EQ(static_cast<std::int64_t>(outcome.totals.thread_ns),
            static_cast<std::int64_t>(outcome.totals.cpu_ns + outcome.totals.run_queue_ns) +
                outcome.totals.blocked_ns);
  // The third lane had no thread, which is as if it slept.
  EXPECT_GE(outcome.totals.blocked_ns, static_cast<std::int64_t>(kWork));
}

TEST(SharedWindowTest, FairnessAndPerfEventsAreNotAvailable) {
  ForeignThreads threads(1);
  const Outcome outcome = run_shared(2, threads);
  EXPECT_TRUE(std::isnan(outcome.fairness));
  for (std::size_t i = 0; i < kPerfEvents; ++i) {
    EXPECT_EQ(outcome.totals.counts.of(static_cast<PerfEvent>(i)), std::nullopt);
  }
  Measurement measurement;
  const WindowResult window{outcome.window_ns, outcome.totals.operations};
  measurement.windows = {&window, 1};
  measurement.totals = outcome.totals;
  measurement.fairness = outcome.fairness;
  bool has_time = false;
  for (const MetricValue& metric : compute_metrics(measurement)) {
    EXPECT_NE(metric.name, "fairness");
    has_time = has_time || metric.name == "ns_per_op";
  }
  EXPECT_TRUE(has_time);
}

}  // namespace
}  // namespace stackheap
