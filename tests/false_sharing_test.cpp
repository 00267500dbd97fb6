// Lines shared by threads: told from addresses, felt in time, and reported by the workload. Foreign
// load can only hide the difference in time, so that is tried again.
#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "harness/base/build_info.hpp"
#include "harness/measure/window_loop.hpp"
#include "harness/worker/reporter.hpp"
#include "harness/worker/workload.hpp"
#include "suites/threads/shared_lines.hpp"

namespace stackheap {
namespace {

constexpr int kAttempts = 10;

struct PackedCounter {
  volatile std::uint64_t value = 0;
};
struct alignas(2 * kCacheLine) PaddedCounter {
  volatile std::uint64_t value = 0;
};

std::vector<int> allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  EXPECT_EQ(::sched_getaffinity(0, sizeof set, &set), 0);
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(static_cast<std::size_t>(cpu), &set)) cpus.push_back(cpu);
  }
  return cpus;
}

void pin_to_cpu(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  EXPECT_EQ(::sched_setaffinity(0, sizeof set, &set), 0);
}

template <class Counter>
double share_of(MappedArray<Counter>& counters) {
  std::vector<Extent> objects;
  for (Counter& counter : counters) {
    objects.push_back({reinterpret_cast<std::uintptr_t>(&counter.value), sizeof counter.value});
  }
  return shared_line_share(objects);
}

// The fastest of a few windows in which two lanes, each on a CPU of its own, count.
template <class Counter>
std::uint64_t fastest_window_ns(const std::vector<int>& cpus) {
  constexpr std::uint64_t kShare = 400'000;
  MappedArray<Counter> counters(2);
  MappedArray<Lane> lanes(2);
  for (unsigned i = 0; i < 2; ++i) {
    lanes[i].index = i;
    lanes[i].count = 2;
  }
  WindowLoop loop(lanes.span(), {.share = kShare,
                                 .windows = 5,
                                 .warm_up_minimum = 1,
                                 .warm_up_maximum = 1,
                                 .yield_while_waiting = true});
  std::vector<std::thread> threads;
  for (Lane& lane : lanes) {
    threads.emplace_back([&] {
      pin_to_cpu(cpus[lane.index]);
      const ThreadProbe probe(ProbeOptions{});
      while (!loop.done()) {
        loop.run_window(lane, probe, true, [&](Lane& of, std::uint64_t n) {
          volatile std::uint64_t& value = counters[of.index].value;
          for (std::uint64_t i = 0; i < n; ++i) value = value + 1;
        });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::uint64_t fastest = std::numeric_limits<std::uint64_t>::max();
  for (const WindowResult& window : loop.windows()) {
    EXPECT_EQ(window.operations, 2 * kShare);
    fastest = std::min(fastest, window.nanoseconds);
  }
  for (const Counter& counter : counters) EXPECT_GE(counter.value, 6 * kShare);
  return fastest;
}

TEST(SharedLines, PackedCountersShareTheirLineAndPaddedOnesNone) {
  for (const std::size_t count : {2U, 8U}) {
    MappedArray<PackedCounter> packed(count);  // a page begins with a line
    EXPECT_EQ(share_of(packed), 1.0);
    MappedArray<PaddedCounter> padded(count);
    EXPECT_EQ(share_of(padded), 0.0);
  }
  MappedArray<PackedCounter> two_lines(16);  // 2 x 28 of 120 pairs
  EXPECT_EQ(share_of(two_lines), 56.0 / 120.0);
}

TEST(SharedLines, ObjectSharesEveryLineThatItReachesInto) {
  EXPECT_TRUE(share_a_line({64, 8}, {120, 8}));
  EXPECT_FALSE(share_a_line({64, 64}, {128, 8}));
  EXPECT_TRUE(share_a_line({64, 65}, {184, 8}));
  EXPECT_TRUE(share_a_line({184, 8}, {64, 65}));
  EXPECT_FALSE(share_a_line({0, 64}, {64, 64}));
  const Extent three[] = {{48, 32}, {0, 8}, {64, 8}};  // the first reaches both of the others
  EXPECT_EQ(shared_line_share(three), 2.0 / 3.0);
}

TEST(SharedLines, CountingOnOneLineTakesLongerThanOnTwo) {
  if (!sanitizer().empty()) GTEST_SKIP() << "a sanitizer's own work hides the lines'";
  const std::vector<int> cpus = allowed_cpus();
  if (cpus.size() < 2) GTEST_SKIP() << "only one CPU is allowed";
  double best = 0;
  for (int attempt = 0; attempt < kAttempts && best <= 1.5; ++attempt) {
    const auto packed = static_cast<double>(fastest_window_ns<PackedCounter>(cpus));
    best = std::max(best, packed / static_cast<double>(fastest_window_ns<PaddedCounter>(cpus)));
  }
  EXPECT_GT(best, 1.5);
}

class RecordedMetrics final : public Reporter {
 public:
  void report(std::string_view metric, double value) override {
    EXPECT_TRUE(values.emplace(metric, value).second) << metric;
  }
  void report_text(std::string_view metric, std::string_view) override { FAIL() << metric; }
  std::map<std::string, double, std::less<>> values;
};

// What the workload reports after a few operations, all lanes carried by this thread.
std::map<std::string, double, std::less<>> reported_by(std::string_view variant, std::int64_t size,
                                                       unsigned threads) {
  const RegisteredWorkload* found = find_workload("threads/false-sharing");
  if (found == nullptr) {
    ADD_FAILURE() << "not registered";
    return {};
  }
  const auto object = found->factory({.workload = "threads/false-sharing",
                                      .variant = variant,
                                      .parameter = size,
                                      .threads = threads,
                                      .seed = 1});
  MappedArray<Lane> lanes(threads);
  for (unsigned i = 0; i < threads; ++i) {
    lanes[i].index = i;
    lanes[i].count = threads;
    object->setup(lanes[i]);
  }
  for (Lane& lane : lanes) object->step(lane, 3);
  RecordedMetrics metrics;
  object->report(metrics);
  for (Lane& lane : lanes) object->verify(lane);
  object->finish();
  return metrics.values;
}

TEST(FalseSharingWorkload, PaddedObjectsShareNoLine) {
  for (const char* variant : {"active-padded", "passive-padded"}) {
    for (const std::int64_t size : {8, 33, 64}) {
      for (const unsigned threads : {2U, 7U}) {
        const std::map<std::string, double, std::less<>> expected{{"shared_line_share", 0.0}};
        EXPECT_EQ(reported_by(variant, size, threads), expected) << variant << ' ' << size;
      }
    }
  }
}

TEST(FalseSharingWorkload, PackedObjectsOfOneHeapShareLines) {
  if (!sanitizer().empty()) GTEST_SKIP() << "a sanitizer's malloc keeps objects apart";
  // Blocks of 8 B lie closer than 64 B, so among 64 of one thread's heap some share a line.
  for (const char* variant : {"active-packed", "passive-packed"}) {
    const auto values = reported_by(variant, 8, 64);
    ASSERT_EQ(values.count("shared_line_share"), 1U);
    EXPECT_GT(values.at("shared_line_share"), 0.0) << variant;
    EXPECT_LT(values.at("shared_line_share"), 0.2) << variant;
  }
}

TEST(FalseSharingWorkload, OneThreadHasNobodyToShareWith) {
  for (const char* variant : {"active-packed", "passive-padded"}) {
    EXPECT_TRUE(reported_by(variant, 8, 1).empty()) << variant;
  }
}

}  // namespace
}  // namespace stackheap
