#include "harness/measure/window_loop.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <thread>
#include <vector>

#include "harness/base/build_info.hpp"
#include "harness/base/clock.hpp"

namespace stackheap {
namespace {

MappedArray<Lane> lanes_of(unsigned count) {
  MappedArray<Lane> lanes(count);
  for (unsigned i = 0; i < count; ++i) {
    lanes[i].index = i;
    lanes[i].count = count;
  }
  return lanes;
}

template <class Body>
void on_lanes(MappedArray<Lane>& lanes, Body body) {
  std::vector<std::thread> threads;
  for (Lane& lane : lanes) threads.emplace_back([&lane, &body] { body(lane, ThreadProbe()); });
  for (std::thread& thread : threads) thread.join();
}

std::uint64_t spin_until(std::uint64_t until_ns) {
  std::uint64_t turns = 0;
  while (monotonic_ns() < until_ns) ++turns;
  return turns;
}

TEST(WindowLoopTest, EveryLaneDoesItsShareInEveryMeasuredWindow) {
  for (const unsigned count : {1U, 2U, 4U, 9U}) {
    MappedArray<Lane> lanes = lanes_of(count);
    WindowLoop loop(lanes.span(), {.share = 100,
                                   .windows = 5,
                                   .warm_up_minimum = 3,
                                   .warm_up_maximum = 4,
                                   .yield_while_waiting = true});
    on_lanes(lanes, [&](Lane& lane, const ThreadProbe& probe) {
      while (!loop.done()) {
        loop.run_window(lane, probe, false, [](Lane& l, std::uint64_t n) { l.counter += n; });
      }
    });
    ASSERT_EQ(loop.windows().size(), 5U);
    for (const WindowResult& window : loop.windows()) {
      EXPECT_EQ(window.operations, 100U * count);
      EXPECT_GT(window.nanoseconds, 0U);
    }
    EXPECT_EQ(loop.totals().operations, 500U * count);
    for (const Lane& lane : lanes) {
      EXPECT_GE(lane.counter, 100U * (5 + 3));
      EXPECT_LE(lane.counter, 100U * (5 + 4));
    }
  }
}

TEST(WindowLoopTest, UncountedOperationsGoOnUntilTheLastLaneHasFinishedAndAreNotCounted) {
  MappedArray<Lane> lanes = lanes_of(2);
  WindowLoop loop(lanes.span(),
                  {.share = 10, .windows = 1, .warm_up_maximum = 0, .yield_while_waiting = true});
  std::atomic<bool> other_is_uncounted{false};
  on_lanes(lanes, [&](Lane& lane, const ThreadProbe& probe) {
    unsigned calls = 0;
    loop.run_window(lane, probe, true, [&](Lane& l, std::uint64_t n) {
      l.counter += n;
      ++calls;
      if (l.index == 1 && calls == 2) other_is_uncounted = true;
      // Lane 0 does not finish its share before lane 1 has done more than its own.
      if (l.index == 0 && calls == 1) {
        while (!other_is_uncounted) std::this_thread::yield();
      }
    });
  });
  EXPECT_EQ(lanes[1].counter > 10, true);
  EXPECT_EQ(loop.totals().operations, 20U);
  EXPECT_EQ(loop.lane_totals(1).operations, 10U);
}

TEST(WindowLoopTest, CpuRunQueueAndBlockedAddUpToThreadTimeExactly) {
  MappedArray<Lane> lanes = lanes_of(3);
  WindowLoop loop(lanes.span(),
                  {.share = 1, .windows = 4, .warm_up_maximum = 0, .yield_while_waiting = true});
  on_lanes(lanes, [&](Lane& lane, const ThreadProbe& probe) {
    while (!loop.done()) {
      loop.run_window(lane, probe, false,
                      [](Lane&, std::uint64_t) { spin_until(monotonic_ns() + 2'000'000); });
    }
  });
  if (!loop.has_schedstat()) GTEST_SKIP() << "this kernel has no schedstat";
  const LaneTotals totals = loop.totals();
  EXPECT_EQ(static_cast<std::int64_t>(totals.cpu_ns + totals.run_queue_ns) + totals.blocked_ns,
            static_cast<std::int64_t>(totals.thread_ns));
  EXPECT_GE(totals.thread_ns, 3U * 4 * 2'000'000);
}

TEST(WindowLoopTest, ASleepingLaneIsBlockedAndNotOnACpu) {
  MappedArray<Lane> lanes = lanes_of(1);
  WindowLoop loop(lanes.span(), {.share = 4, .windows = 3, .warm_up_maximum = 0});
  on_lanes(lanes, [&](Lane& lane, const ThreadProbe& probe) {
    while (!loop.done()) {
      loop.run_window(lane, probe, false, [](Lane&, std::uint64_t n) {
        for (std::uint64_t i = 0; i < n; ++i) ::poll(nullptr, 0, 5);
      });
    }
  });
  if (!loop.has_schedstat()) GTEST_SKIP() << "this kernel has no schedstat";
  const LaneTotals totals = loop.totals();
  EXPECT_GE(totals.voluntary_switches, 12U);
  // 12 sleeps of 5 ms each; what the lane does beside them is some microseconds.
  EXPECT_GT(static_cast<double>(totals.blocked_ns + static_cast<std::int64_t>(totals.run_queue_ns)),
            12 * 4.9e6);
  EXPECT_LT(static_cast<double>(totals.cpu_ns), 0.2 * static_cast<double>(totals.thread_ns));
}

TEST(WindowLoopTest, ThePilotGrowsTheShareUntilAWindowTakesItsTarget) {
  MappedArray<Lane> lanes = lanes_of(2);
  WindowLoop loop(lanes.span(), {.share = 0,
                                 .pilot_target_ns = 2'000'000,
                                 .windows = 2,
                                 .warm_up_minimum = 1,
                                 .warm_up_maximum = 1,
                                 .yield_while_waiting = true});
  on_lanes(lanes, [&](Lane& lane, const ThreadProbe& probe) {
    while (!loop.done()) {
      loop.run_window(lane, probe, true,
                      [](Lane&, std::uint64_t n) { spin_until(monotonic_ns() + n * 1'000); });
    }
  });
  // An operation takes at least 1 us, so half of the target is reached by 2,000 at the latest.
  EXPECT_GE(loop.share(), 16U);
  EXPECT_LE(loop.share(), 4'000U);
  EXPECT_EQ(loop.windows().size(), 2U);
}

TEST(WindowLoopTest, AHandedOverLaneKeepsItsIdentityAcrossThreads) {
  MappedArray<Lane> lanes = lanes_of(1);
  WindowLoop loop(lanes.span(), {.share = 10, .windows = 2, .warm_up_maximum = 0});
  Lane& lane = lanes[0];
  while (!loop.done()) {
    std::thread([&] {
      const ThreadProbe probe;
      loop.open(lane, probe);
      spin_until(monotonic_ns() + 500'000);
      loop.hand_over(lane, probe);
    }).join();
    std::thread([&] {
      const ThreadProbe probe;
      loop.take_over(lane, probe);
      spin_until(monotonic_ns() + 500'000);
      loop.close(lane, probe);
    }).join();
  }
  const LaneTotals totals = loop.totals();
  EXPECT_EQ(totals.operations, 20U);
  EXPECT_GE(totals.thread_ns, 2'000'000U);
  EXPECT_EQ(static_cast<std::int64_t>(totals.cpu_ns + totals.run_queue_ns) + totals.blocked_ns,
            static_cast<std::int64_t>(totals.thread_ns));
  // The time between the threads is waiting for a CPU, not sleep.
  EXPECT_GT(totals.run_queue_ns, 0U);
}

TEST(WindowLoopTest, PeakLiveBytesIsTheHighestSumOfTheLanesAtWindowEnds) {
  MappedArray<Lane> lanes = lanes_of(2);
  WindowLoop loop(lanes.span(),
                  {.share = 1, .windows = 3, .warm_up_maximum = 0, .yield_while_waiting = true});
  on_lanes(lanes, [&](Lane& lane, const ThreadProbe& probe) {
    unsigned window = 0;
    while (!loop.done()) {
      loop.run_window(lane, probe, false, [&](Lane& l, std::uint64_t) {
        ++window;
        if (window == 2) l.allocated(1000);
        if (window == 3) l.freed(1000);
      });
    }
  });
  EXPECT_EQ(loop.peak_live_bytes(), 2000);
}

TEST(WindowLoopTest, AFlatSeriesEndsTheWarmUpAtItsMinimum) {
  MappedArray<Lane> lanes = lanes_of(1);
  WindowLoop loop(lanes.span(), {.share = 1, .windows = 1, .warm_up_maximum = 40});
  unsigned windows = 0;
  const ThreadProbe probe;
  while (!loop.done()) {
    // Windows that get shorter by far at first, then long ones that differ by less than 5 %.
    const std::uint64_t ns = windows < 6 ? 20'000'000U >> windows : 8'000'000U;
    loop.run_window(lanes[0], probe, false,
                    [&](Lane&, std::uint64_t) { spin_until(monotonic_ns() + ns); });
    ++windows;
  }
  EXPECT_GE(windows, 6U + 3);
  EXPECT_TRUE(loop.warm_up() == WarmUp::kWarmed || windows == 41) << windows;
}

TEST(WindowLoopTest, AGrowingSeriesIsCalledSlowing) {
  MappedArray<Lane> lanes = lanes_of(1);
  WindowLoop loop(lanes.span(),
                  {.share = 1, .windows = 1, .warm_up_minimum = 3, .warm_up_maximum = 6});
  std::uint64_t ns = 500'000;
  const ThreadProbe probe;
  while (!loop.done()) {
    loop.run_window(lanes[0], probe, false,
                    [&](Lane&, std::uint64_t) { spin_until(monotonic_ns() + ns); });
    ns *= 3;  // more than a pre-emption adds
  }
  EXPECT_EQ(to_string(loop.warm_up()), "slowing");
}

TEST(WindowLoopTest, FairnessIsOneForEqualSpeedsAndHalfWhereOneOfTwoDoesAlmostAll) {
  MappedArray<Lane> lanes = lanes_of(2);
  WindowLoop loop(lanes.span(),
                  {.share = 1, .windows = 1, .warm_up_maximum = 0, .yield_while_waiting = true});
  on_lanes(lanes, [&](Lane& lane, const ThreadProbe& probe) {
    loop.run_window(lane, probe, false, [](Lane& l, std::uint64_t) {
      if (l.index == 1) spin_until(monotonic_ns() + 200'000'000);
    });
  });
  EXPECT_LT(loop.fairness(), 0.75);
  EXPECT_GE(loop.fairness(), 0.5);
}

TEST(WindowLoopTest, TwoHundredAndFiftySixLanesFinishOnAnyNumberOfCpus) {
  // The thread sanitizer takes a spin lock of its own for every atomic load; 256 threads that wait
  // for one whose holder is off its CPU do not come to an end.
  const unsigned count = sanitizer() == "thread" ? 16 : 256;
  MappedArray<Lane> lanes = lanes_of(count);
  WindowLoop loop(lanes.span(), {.share = 50,
                                 .windows = 2,
                                 .warm_up_minimum = 1,
                                 .warm_up_maximum = 1,
                                 .yield_while_waiting = true});
  on_lanes(lanes, [&](Lane& lane, const ThreadProbe& probe) {
    while (!loop.done()) {
      loop.run_window(lane, probe, true, [](Lane& l, std::uint64_t n) { l.counter += n; });
    }
  });
  EXPECT_EQ(loop.totals().operations, count * 50U * 2);
}

}  // namespace
}  // namespace stackheap
