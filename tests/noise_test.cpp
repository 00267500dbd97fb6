#include "harness/machine/noise.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/fakes/fake_root.hpp"

namespace stackheap {
namespace {

std::uint64_t ticks_ns(std::uint64_t ticks) {
  return ticks * 1'000'000'000U / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
}

TEST(MachineCountersTest, ReadsTheWholeMachinesLineOfEachFile) {
  FakeRoot root;
  write_fit_machine(root);
  EXPECT_EQ(read_machine_counters(root.path()),
            (MachineCounters{
                .steal_ns = ticks_ns(2), .psi_cpu_us = 6775950, .tlb_shootdowns = 2137 + 1613}));
}

TEST(MachineCountersTest, AbsentFilesLeaveAbsentCounters) {
  FakeRoot root;
  EXPECT_EQ(read_machine_counters(root.path()), MachineCounters{});
}

TEST(MachineCountersTest, MalformedFilesLeaveAbsentCounters) {
  FakeRoot root;
  root.write("proc/stat", "cpu  1 2 3\n")  // a kernel from before steal was counted
      .write("proc/pressure/cpu", "some avg10=0.00\n")
      .write("proc/interrupts", "TLB:   TLB shootdowns\n");
  EXPECT_EQ(read_machine_counters(root.path()), MachineCounters{});
}

TEST(MachineCountersTest, ZeroIsKeptApartFromAbsent) {
  FakeRoot root;
  root.write("proc/stat", "cpu  1 0 0 9 0 0 0 0 0 0\n");
  const MachineCounters counters = read_machine_counters(root.path());
  EXPECT_EQ(counters.steal_ns, 0U);
  EXPECT_EQ(counters.psi_cpu_us, std::nullopt);
}

TEST(MachineCountersTest, DifferenceNeedsBothReadings) {
  const MachineCounters before{.steal_ns = 10, .psi_cpu_us = 5, .tlb_shootdowns = std::nullopt};
  const MachineCounters after{.steal_ns = 30, .psi_cpu_us = std::nullopt, .tlb_shootdowns = 7};
  EXPECT_EQ(difference(before, after),
            (MachineCounters{
                .steal_ns = 20, .psi_cpu_us = std::nullopt, .tlb_shootdowns = std::nullopt}));
}

TEST(MachineCountersTest, ACounterThatWentBackwardsGivesNoDifference) {
  const MachineCounters before{.steal_ns = 10, .psi_cpu_us = 5, .tlb_shootdowns = 100};
  const MachineCounters after{.steal_ns = 10, .psi_cpu_us = 6, .tlb_shootdowns = 40};
  EXPECT_EQ(difference(before, after),
            (MachineCounters{.steal_ns = 0, .psi_cpu_us = 1, .tlb_shootdowns = std::nullopt}));
}

TEST(CpuTimesTest, TotalLeavesOutGuestTimeThatUserTimeAlreadyHolds) {
  const auto times = parse_cpu_times("intr 1\ncpu  1 2 3 4 5 6 7 8 900 900\n");
  ASSERT_TRUE(times);
  EXPECT_EQ(times->total_ns, ticks_ns(36));
  EXPECT_EQ(times->steal_ns, ticks_ns(8));
}

TEST(MachineCountersTest, ThisMachineShowsItsStealTime) {
  EXPECT_TRUE(read_machine_counters().steal_ns);
}

}  // namespace
}  // namespace stackheap
