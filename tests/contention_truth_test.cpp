// Windows whose split into CPU, run queue and blocked is known beforehand. Foreign load on the test
// machine can only take CPU time away: where a bound needs an undisturbed window, the window is
// tried again, and each test says what it asserts in any case.
#include <gtest/gtest.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <ctime>
#include <thread>
#include <vector>

#include "harness/base/build_info.hpp"
#include "harness/base/clock.hpp"
#include "harness/measure/window_loop.hpp"
#include "tests/fakes/tracefs.hpp"

namespace stackheap {
namespace {

constexpr int kAttempts = 5;

struct Outcome {
  LaneTotals totals;
  std::uint64_t window_ns = 0;  // of all windows
  bool has_schedstat = true;

  double thread_ns() const { return static_cast<double>(totals.thread_ns); }
  double cpu_share() const { return static_cast<double>(totals.cpu_ns) / thread_ns(); }
  double run_queue_share() const { return static_cast<double>(totals.run_queue_ns) / thread_ns(); }
  double blocked_share() const { return static_cast<double>(totals.blocked_ns) / thread_ns(); }
  // CPU time that all lanes together got in each second of the windows.
  double cpus() const {
    return static_cast<double>(totals.cpu_ns) / static_cast<double>(window_ns);
  }
};

struct Setting {
  unsigned lanes = 1;
  int cpu = -1;  // all lanes on this one
  bool uncounted = false;
  const PerfEventSet* events = nullptr;
};

void pin_to(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  ASSERT_EQ(::sched_setaffinity(0, sizeof set, &set), 0);
}

int first_cpu() {
  cpu_set_t set;
  CPU_ZERO(&set);
  EXPECT_EQ(::sched_getaffinity(0, sizeof set, &set), 0);
  int cpu = 0;
  while (!CPU_ISSET(static_cast<std::size_t>(cpu), &set)) ++cpu;
  return cpu;
}

template <class Step>
Outcome run(const Setting& setting, const WindowPlan& plan, Step step) {
  MappedArray<Lane> lanes(setting.lanes);
  for (unsigned i = 0; i < setting.lanes; ++i) {
    lanes[i].index = i;
    lanes[i].count = setting.lanes;
  }
  WindowLoop loop(lanes.span(), plan);
  std::vector<std::thread> threads;
  for (Lane& lane : lanes) {
    threads.emplace_back([&] {
      if (setting.cpu >= 0) pin_to(setting.cpu);
      const ThreadProbe probe(ProbeOptions{.events = setting.events});
      while (!loop.done()) loop.run_window(lane, probe, setting.uncounted, step);
    });
  }
  for (std::thread& thread : threads) thread.join();
  Outcome outcome;
  outcome.totals = loop.totals();
  for (const WindowResult& window : loop.windows()) outcome.window_ns += window.nanoseconds;
  outcome.has_schedstat = loop.has_schedstat();
  return outcome;
}

void use_cpu(std::uint64_t ns) {
  const std::uint64_t end = thread_cpu_ns() + ns;
  while (thread_cpu_ns() < end) {
  }
}

void futex_wait(std::atomic<int>& word, int value, const timespec* timeout) {
  ::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, timeout, nullptr, 0);
}

TEST(ContentionTruthTest, SleepsInAFutexAreBlockedTimeAndEachOneIsCounted) {
  constexpr std::uint64_t kSleeps = 4;  // in each of 3 windows
  constexpr double kExpectedNs = 3 * kSleeps * 10e6;
  const PerfEventSet events = fakes::events_with_tracefs();
  std::string missing;
  const bool counts = static_cast<bool>(events.open(PerfEvent::kFutexWaits, &missing));
  const Outcome outcome =
      run({.events = &events}, {.share = kSleeps, .windows = 3, .warm_up_maximum = 0},
          [](Lane&, std::uint64_t n) {
            std::atomic<int> word{0};
            const timespec timeout{0, 10'000'000};
            for (std::uint64_t i = 0; i < n; ++i) futex_wait(word, 0, &timeout);
          });
  EXPECT_EQ(outcome.totals.counts.of(PerfEvent::kFutexWaits),
            counts ? std::optional<std::uint64_t>(3 * kSleeps) : std::nullopt)
      << missing;
  EXPECT_EQ(outcome.totals.voluntary_switches, 3 * kSleeps);
  EXPECT_LT(static_cast<double>(outcome.totals.cpu_ns), 0.1 * kExpectedNs);
  if (!outcome.has_schedstat) GTEST_SKIP() << "this kernel has no schedstat";
  // Waking up late on a loaded machine is waiting for a CPU, not sleep.
  EXPECT_GT(static_cast<double>(outcome.totals.blocked_ns), 0.9 * kExpectedNs);
  EXPECT_LT(static_cast<double>(outcome.totals.blocked_ns), 1.1 * kExpectedNs);
}

TEST(ContentionTruthTest, ASpinningLaneIsOnACpuOrWaitsForOne) {
  Outcome outcome;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    outcome = run({}, {.share = 1, .windows = 3, .warm_up_maximum = 0},
                  [](Lane&, std::uint64_t) { use_cpu(20'000'000); });
    if (!outcome.has_schedstat) GTEST_SKIP() << "this kernel has no schedstat";
    EXPECT_EQ(outcome.totals.voluntary_switches, 0U);
    EXPECT_GE(outcome.totals.cpu_ns, 60'000'000U);
    // Only a hypervisor that takes the CPU away makes this less.
    if (outcome.cpu_share() + outcome.run_queue_share() >= 0.95) break;
  }
  EXPECT_GE(outcome.cpu_share() + outcome.run_queue_share(), 0.95);
}

TEST(ContentionTruthTest, OnOneCpuFourLanesWaitInItsQueueForThreeQuartersOfTheirTime) {
  constexpr unsigned kLanes = 4;
  constexpr double kExpected = (kLanes - 1.0) / kLanes;
  Outcome outcome;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    outcome = run({.lanes = kLanes, .cpu = first_cpu(), .uncounted = true},
                  {.share = 256,
                   .windows = 2,
                   .warm_up_minimum = 1,
                   .warm_up_maximum = 1,
                   .yield_while_waiting = true},
                  [](Lane&, std::uint64_t n) {
                    for (std::uint64_t i = 0; i < n; ++i) use_cpu(100'000);
                  });
    if (!outcome.has_schedstat) GTEST_SKIP() << "this kernel has no schedstat";
    EXPECT_LE(outcome.cpus(), 1.02);
    EXPECT_GE(outcome.run_queue_share(), 0.9 * kExpected);
    EXPECT_LT(outcome.blocked_share(), 0.1);
    if (outcome.cpus() > 0.95) break;
  }
  if (outcome.cpus() <= 0.95) GTEST_SKIP() << "other load took a part of the CPU in each attempt";
  EXPECT_LE(outcome.run_queue_share(), 1.1 * kExpected);
}

TEST(ContentionTruthTest, EveryFirstTouchOfAPageIsOneMinorFault) {
  constexpr std::uint64_t kPages = 200;
  constexpr std::size_t kPage = 4096;
  constexpr std::size_t kWindows = 3 + 1;  // one of warm-up
  if (::sysconf(_SC_PAGESIZE) != kPage) GTEST_SKIP() << "pages are not of 4 KiB";
  if (!sanitizer().empty()) GTEST_SKIP() << "a sanitizer's shadow memory faults too";
  constexpr std::size_t kBytes = kPages * kPage * kWindows;
  void* region =
      ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(region, MAP_FAILED);
  ASSERT_EQ(::madvise(region, kBytes, MADV_NOHUGEPAGE), 0);
  auto* next = static_cast<volatile char*>(region);
  const Outcome outcome =
      run({}, {.share = kPages, .windows = 3, .warm_up_minimum = 1, .warm_up_maximum = 1},
          [&](Lane&, std::uint64_t n) {
            for (std::uint64_t i = 0; i < n; ++i, next += kPage) *next = 1;
          });
  EXPECT_EQ(outcome.totals.minor_faults, 3 * kPages);
  EXPECT_EQ(outcome.totals.operations, 3 * kPages);
  ::munmap(region, kBytes);
}

// First come, first served: a plain mutex would let one lane take it again and again.
class TicketLock {
 public:
  void lock() {
    const int ticket = next_.fetch_add(1);
    for (int serving; (serving = serving_.load()) != ticket;)
      futex_wait(serving_, serving, nullptr);
  }
  void unlock() {
    serving_.fetch_add(1);
    ::syscall(SYS_futex, &serving_, FUTEX_WAKE_PRIVATE, 1'000, nullptr, nullptr, 0);
  }

 private:
  std::atomic<int> next_{0};
  std::atomic<int> serving_{0};
};

TEST(ContentionTruthTest, InAConvoyOfThreeLanesTwoThirdsOfTheTimeIsWaitingForTheLock) {
  constexpr unsigned kLanes = 3;
  constexpr double kExpected = (kLanes - 1.0) / kLanes;
  const PerfEventSet events = fakes::events_with_tracefs();
  const bool counts = static_cast<bool>(events.open(PerfEvent::kFutexWaits, nullptr));
  Outcome outcome;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    TicketLock lock;
    outcome = run({.lanes = kLanes, .events = &events},
                  {.share = 30, .windows = 2, .warm_up_maximum = 0, .yield_while_waiting = true},
                  [&](Lane&, std::uint64_t n) {
                    for (std::uint64_t i = 0; i < n; ++i) {
                      lock.lock();
                      use_cpu(1'000'000);
                      lock.unlock();
                    }
                  });
    if (!outcome.has_schedstat) GTEST_SKIP() << "this kernel has no schedstat";
    // Only the holder of the lock works.
    EXPECT_LE(outcome.cpus(), 1.1);
    EXPECT_GE(outcome.blocked_share() + outcome.run_queue_share(), 0.9 * kExpected);
    if (counts) {
      EXPECT_GE(outcome.totals.counts.of(PerfEvent::kFutexWaits).value(),
                outcome.totals.voluntary_switches / 2);
    }
    if (outcome.cpus() > 0.9) break;
  }
  if (outcome.cpus() <= 0.9) GTEST_SKIP() << "other load held the holder up in each attempt";
  EXPECT_LE(outcome.blocked_share() + outcome.run_queue_share(), 1.1 * kExpected);
  EXPECT_GT(outcome.totals.voluntary_switches, 0U);
}

TEST(ContentionTruthTest, ATimedProbeKnowsNoPerfEvent) {
  const Outcome outcome =
      run({}, {.share = 1, .windows = 1, .warm_up_maximum = 0}, [](Lane&, std::uint64_t) {});
  for (std::size_t i = 0; i < kPerfEvents; ++i) {
    EXPECT_EQ(outcome.totals.counts.of(static_cast<PerfEvent>(i)), std::nullopt);
  }
}

TEST(ContentionTruthTest, TheHookBeforeMeasuringRunsOnceBetweenWarmUpAndTheFirstMeasuredWindow) {
  static std::atomic<int> calls;
  static std::atomic<int> windows_before;
  static std::atomic<int> windows;
  for (const unsigned warm_up : {0U, 2U}) {
    calls = 0;
    windows_before = -1;
    windows = 0;
    run({},
        {.share = 1,
         .windows = 3,
         .warm_up_minimum = warm_up,
         .warm_up_maximum = warm_up,
         .before_measuring =
             [] {
               ++calls;
               windows_before = windows.load();
             }},
        [](Lane&, std::uint64_t) { ++windows; });
    EXPECT_EQ(calls, 1);
    EXPECT_EQ(windows_before, static_cast<int>(warm_up));
    EXPECT_EQ(windows, static_cast<int>(warm_up) + 3);
  }
}

}  // namespace
}  // namespace stackheap
