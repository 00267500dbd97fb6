#include "harness/driver/preconditions.hpp"

#include <gtest/gtest.h>

#include "harness/base/text.hpp"

namespace stackheap {
namespace {

Plan plan_of(unsigned threads, double seconds, bool timeline) {
  PlannedCell planned;
  planned.cell = {"heap/pair", "malloc", "glibc", std::nullopt, threads};
  planned.expected_seconds = seconds;
  Block block;
  block.name = "heap/pair";
  block.workload = "heap/pair";
  block.timeline = timeline;
  block.cells = {planned, planned};
  Plan plan;
  plan.blocks = {block};
  return plan;
}

RunNeeds needs() {
  return needs_of(plan_of(1024, 0.1, false), 12, {});
}

std::string obstacle(const RunMeans& means) {
  return join(obstacles_to(needs(), means), " | ");
}

TEST(PreconditionsTest, AMachineWithoutLimitsHasNoObstacle) {
  EXPECT_EQ(obstacle({}), "");
  RunMeans ample;
  ample.disk_bytes = std::uint64_t{1} << 40U;
  ample.file_names = 1'000'000;
  ample.file_size_limit = std::uint64_t{1} << 40U;
  ample.descriptor_limit = 1024;
  ample.address_space = std::uint64_t{1} << 40U;
  ample.process_limit = 100'000;
  ample.pids = 100'000;
  ample.memory_bytes = std::uint64_t{1} << 33U;
  EXPECT_EQ(obstacle(ample), "");
}

TEST(PreconditionsTest, EachLimitThatIsTooNarrowIsToldWithItsRemedy) {
  struct Case {
    void (*narrow)(RunMeans&);
    std::string_view what;
    std::string_view remedy;
  };
  constexpr Case kCases[] = {
      {[](RunMeans& m) { m.disk_bytes = 1000; }, "/results has 1000 B left", "free some space"},
      {[](RunMeans& m) { m.file_names = 3; }, "/results has room for 3 more files", "delete some"},
      {[](RunMeans& m) { m.read_only = "Read-only file system"; },
       "/results cannot be written to: Read-only file system", "--out"},
      {[](RunMeans& m) { m.file_size_limit = 4096; }, "RLIMIT_FSIZE ends files at 4 KiB",
       "ulimit -f unlimited"},
      {[](RunMeans& m) { m.descriptor_limit = 32; }, "RLIMIT_NOFILE allows 32 open files",
       "ulimit -n 1024"},
      {[](RunMeans& m) { m.address_space = 1 << 20; }, "map 1 MiB", "ulimit -v unlimited"},
      {[](RunMeans& m) { m.process_limit = 1024; }, "RLIMIT_NPROC allows this user 1024 threads",
       "ulimit -u 1040"},
      {[](RunMeans& m) { m.pids = 500; }, "pids.max leaves 500 threads, and the plan needs 1040",
       "TasksMax=infinity"},
      {[](RunMeans& m) { m.memory_bytes = 1 << 20; }, "the cgroup grants 1 MiB of memory",
       "MemoryMax=2G"},
  };
  RunMeans all;
  all.place = "/results";
  for (const Case& one : kCases) {
    RunMeans means;
    means.place = "/results";
    one.narrow(means);
    one.narrow(all);
    const std::string told = obstacle(means);
    EXPECT_NE(told.find(one.what), std::string::npos) << told;
    EXPECT_NE(told.find(one.remedy), std::string::npos) << told;
    EXPECT_EQ(obstacles_to(needs(), means).size(), 1U) << told;
  }
  EXPECT_EQ(obstacles_to(needs(), all).size(), std::size(kCases));
}

TEST(PreconditionsTest, HighDescriptorsAreNeededOnlyForLibrariesThatPreloadCannotName) {
  Allocator plain;
  plain.libraries = {"/opt/lib.so"};
  Allocator blank;
  blank.libraries = {"/opt/my lib.so"};
  RunMeans means;
  means.descriptor_limit = 128;
  const Plan plan = plan_of(1, 0.1, false);
  EXPECT_TRUE(obstacles_to(needs_of(plan, 1, {plain}), means).empty());
  EXPECT_EQ(obstacles_to(needs_of(plan, 1, {plain, blank}), means).size(), 1U);
}

TEST(PreconditionsTest, DiskGrowsWithRoundsAndWithReadingsOfMemory) {
  const auto disk = [](double seconds, bool timeline, unsigned rounds) {
    return needs_of(plan_of(1, seconds, timeline), rounds, {}).disk_bytes;
  };
  EXPECT_GT(disk(1, false, 100), disk(1, false, 10));
  EXPECT_GT(disk(60, true, 10), disk(60, false, 10));
}

TEST(PreconditionsTest, ThePlaceIsTheDeepestFolderThatIsThere) {
  EXPECT_EQ(means_at("/proc/none/such/run", {}).place, "/proc");
  EXPECT_EQ(means_at("/proc/none/such/run", {}).disk_bytes, std::nullopt);
}

}  // namespace
}  // namespace stackheap
