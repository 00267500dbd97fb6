#include "harness/driver/timeline.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <vector>

#include "harness/base/clock.hpp"
#include "harness/base/file.hpp"
#include "harness/worker/phase_log.hpp"

namespace stackheap {
namespace {

constexpr std::size_t kMapped = std::size_t{64} << 20U;

TEST(StatmTest, ResidentIsTheSecondNumberInPages) {
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  EXPECT_EQ(resident_bytes_of("1000 250 100 5 0 300 0\n"), 250 * page);
  EXPECT_EQ(resident_bytes_of("0 0 0 0 0 0 0\n"), 0U);
  EXPECT_EQ(resident_bytes_of(""), 0U);
  EXPECT_EQ(resident_bytes_of("1000"), 0U);
  EXPECT_EQ(resident_bytes_of("a b c"), 0U);
}

// What a process maps and touches is seen, and its phases are told by its own marks.
TEST(ResidentWatchTest, SeesWhatTheProcessMapsInThePhaseItIsIn) {
  PhaseLog log;
  ResidentWatch watch;
  watch.tick(::getpid());
  log.mark("mapped");
  void* const pages = ::mmap(nullptr, kMapped, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  ASSERT_NE(pages, MAP_FAILED);
  watch.tick(::getpid());
  watch.tick(::getpid());
  ASSERT_EQ(::munmap(pages, kMapped), 0);
  log.mark("gone");
  log.mark("later");
  watch.tick(::getpid());

  const std::vector<TimelinePoint> points = watch.timeline(log.phases());
  ASSERT_EQ(points.size(), 4U);
  EXPECT_EQ(points[0].elapsed_ns, 0U);
  EXPECT_EQ(points[0].phase, "start");
  EXPECT_EQ(points[1].phase, "mapped");
  EXPECT_EQ(points[2].phase, "mapped");
  EXPECT_EQ(points[3].phase, "later");
  for (std::size_t i = 1; i < points.size(); ++i) {
    EXPECT_GT(points[i].elapsed_ns, points[i - 1].elapsed_ns);
  }
  const auto grown = [&](std::size_t i) {
    return static_cast<double>(points[i].resident_bytes) -
           static_cast<double>(points[0].resident_bytes);
  };
  EXPECT_NEAR(grown(1), double{kMapped}, 0.02 * double{kMapped});
  EXPECT_NEAR(grown(3), 0, 0.02 * double{kMapped});
}

TEST(ResidentWatchTest, AProcessThatHasEndedAddsNothing) {
  Pipe pipe = make_pipe();
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    pipe.write.reset();
    char byte;
    [[maybe_unused]] const auto got = ::read(pipe.read.get(), &byte, 1);
    ::_exit(0);
  }
  ResidentWatch watch;
  watch.tick(child);
  pipe.write.reset();
  siginfo_t ended;
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT), 0);
  watch.tick(child);  // a zombie
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  watch.tick(child);  // nobody
  EXPECT_EQ(watch.timeline({}).size(), 1U);
}

TEST(TimelineRowsTest, AreOneLineForEachReading) {
  const std::vector<TimelinePoint> points = {{0, 4096, "start"}, {10'012'345, 8192, "freed"}};
  EXPECT_EQ(timeline_rows(7, points), "7,0.000,4096,start\n7,10.012,8192,freed\n");
  EXPECT_EQ(timeline_rows(7, {}), "");
}

TEST(PhaseLogTest, KeepsNamesAndTimesInOrder) {
  PhaseLog log;
  EXPECT_TRUE(log.empty());
  const std::uint64_t before = monotonic_ns();
  log.mark("grow");
  log.mark(std::string(64, 'x'));
  const std::uint64_t after = monotonic_ns();
  EXPECT_FALSE(log.empty());
  const auto phases = log.phases();
  ASSERT_EQ(phases.size(), 2U);
  EXPECT_EQ(phases[0].name, "grow");
  EXPECT_EQ(phases[1].name, std::string(64, 'x'));
  EXPECT_LE(before, phases[0].monotonic_ns);
  EXPECT_LE(phases[0].monotonic_ns, phases[1].monotonic_ns);
  EXPECT_LE(phases[1].monotonic_ns, after);
}

TEST(PhaseLogDeathTest, RefusesWhatTheResultCouldNotCarry) {
  EXPECT_DEATH(PhaseLog().mark("no name"), "is_valid_name");
  EXPECT_DEATH(
      {
        PhaseLog log;
        for (std::size_t i = 0; i <= kMostPhases; ++i) log.mark("again");
      },
      "count_ < marks_.size");
}

}  // namespace
}  // namespace stackheap
