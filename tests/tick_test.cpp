// When the driver is called while a child runs: on a grid, also when the child writes all the time.
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "harness/driver/supervise.hpp"
#include "harness/driver/tick_clock.hpp"
#include "tests/fakes/temporary_folder.hpp"

namespace stackheap {
namespace {

TEST(TickClockTest, IsDueOncePerIntervalFromTheFirstTickOn) {
  TickClock clock(1000, 10);
  EXPECT_FALSE(clock.due(1000));
  EXPECT_EQ(clock.wait_ns(1000), 10U);
  EXPECT_FALSE(clock.due(1009));
  EXPECT_EQ(clock.wait_ns(1009), 1U);
  EXPECT_TRUE(clock.due(1010));
  EXPECT_FALSE(clock.due(1010));
  EXPECT_EQ(clock.wait_ns(1010), 10U);
}

TEST(TickClockTest, DoesNotDriftByLateTicksAndMakesUpForNoneThatWasMissed) {
  TickClock clock(1000, 10);
  EXPECT_TRUE(clock.due(1013));
  EXPECT_EQ(clock.wait_ns(1013), 7U);  // 1020, not 1023
  EXPECT_TRUE(clock.due(1055));        // 1020 to 1050 at once
  EXPECT_FALSE(clock.due(1055));
  EXPECT_EQ(clock.wait_ns(1055), 5U);
  EXPECT_EQ(clock.wait_ns(1061), 0U);
  EXPECT_TRUE(clock.due(1060));
}

ProcessRequest shell(const std::string& script) {
  ProcessRequest request;
  request.arguments = {"/bin/sh", "-c", script, "sh", kResultFdPlaceholder};
  request.environment = {"PATH=/usr/bin:/bin"};
  request.deadline_seconds = 60;
  return request;
}

TEST(SuperviseTicksTest, ComeWhileTheChildWritesAllTheTime) {
  const fakes::TemporaryFolder folder;
  const std::filesystem::path enough = folder.path() / "enough";
  unsigned ticks = 0;
  SuperviseHooks hooks;
  hooks.tick_ms = 2;
  hooks.on_tick = [&](pid_t) {
    if (++ticks == 20) std::ofstream(enough).put('x');
  };
  // It stops writing only once ticks have come.
  const ProcessOutcome outcome =
      supervise(shell("while [ ! -e '" + enough.string() + "' ]; do echo flood; done"), hooks);
  EXPECT_EQ(outcome.end, ProcessEnd::kExited);
  EXPECT_EQ(outcome.code, 0);
  EXPECT_GE(ticks, 20U);
  EXPECT_GT(outcome.log_bytes, 0U);
}

TEST(SuperviseTicksTest, TheFirstComesAtOnceAndTheLastWithTheResult) {
  const fakes::TemporaryFolder folder;
  const std::filesystem::path seen = folder.path() / "seen";
  std::vector<pid_t> ticks;
  SuperviseHooks hooks;
  hooks.tick_ms = 600'000;
  hooks.on_tick = [&](pid_t worker) {
    ticks.push_back(worker);
    if (ticks.size() == 2) std::ofstream(seen).put('x');
  };
  // The child says who it is and stays until it has been seen a second time.
  const ProcessOutcome outcome = supervise(
      shell("echo $$ > /dev/fd/$1; while [ ! -e '" + seen.string() + "' ]; do :; done"), hooks);
  EXPECT_EQ(outcome.end, ProcessEnd::kExited);
  ASSERT_FALSE(outcome.result.empty());
  const auto worker = static_cast<pid_t>(std::stol(outcome.result));
  EXPECT_EQ(ticks, (std::vector<pid_t>{worker, worker}));
}

TEST(SuperviseTicksTest, AChildThatCannotBeStartedHasNone) {
  unsigned ticks = 0;
  SuperviseHooks hooks;
  hooks.on_tick = [&](pid_t) { ++ticks; };
  ProcessRequest request;
  request.arguments = {"/nonexistent/worker"};
  EXPECT_EQ(supervise(request, hooks).end, ProcessEnd::kNotStarted);
  EXPECT_EQ(ticks, 0U);
}

}  // namespace
}  // namespace stackheap
