#include "harness/driver/turn_groups.hpp"

#include <gtest/gtest.h>

#include "harness/driver/plan.hpp"
#include "harness/driver/shares.hpp"

namespace stackheap {
namespace {

using Groups = std::vector<std::vector<std::size_t>>;

Block block_of(std::initializer_list<std::pair<unsigned, bool>> threads_and_turns) {
  Block block;
  for (const auto& [threads, turns] : threads_and_turns) {
    PlannedCell planned;
    planned.cell.threads = threads;
    planned.turns = turns;
    block.cells.push_back(planned);
  }
  return block;
}

TEST(TurnGroups, WithoutTurnsEachCellStandsAloneInTheOrderGiven) {
  const Block block = block_of({{1, false}, {2, false}, {1, false}});
  EXPECT_EQ(turn_groups(block, {2, 0, 1}), (Groups{{2}, {0}, {1}}));
}

TEST(TurnGroups, CellsOfAsManyThreadsStandTogetherWithTheTwin) {
  Block block = block_of({{1, true}, {2, true}, {1, true}, {2, true}, {4, false}});
  block.twin = 1;
  EXPECT_EQ(turn_groups(block, {3, 4, 0, 5, 2, 1}), (Groups{{3, 5, 1}, {4}, {0, 2}}));
}

WorkloadInfo workload() {
  WorkloadInfo info;
  info.name = "heap/pair";
  info.variants = {{.name = "malloc", .description = "d"},
                   {.name = "no-alloc", .description = "d", .uses_heap = false}};
  info.baseline_variant = "malloc";
  info.live_bytes = {.per_thread = 1 << 20};
  info.quick = {{}};
  return info;
}

Plan plan_of(const WorkloadInfo& info, std::uint64_t available_memory_bytes = 0) {
  PlanOptions options;
  Allocator glibc;
  glibc.name = "glibc";
  options.allocators = {glibc};
  options.baseline_allocator = "glibc";
  options.threads = {1, 2, 4};
  options.turns = true;
  options.available_memory_bytes = available_memory_bytes;
  Topology two_cpus;
  two_cpus.cpus = {{.os_index = 0, .core = 0}, {.os_index = 1, .core = 1}};
  const std::vector<WorkloadInfo> infos{info};
  return make_plan(infos, options, two_cpus);
}

TEST(TurnsInAPlan, AreForWindowedCellsWithNoMoreThreadsThanCpus) {
  const Plan plan = plan_of(workload());
  for (const PlannedCell& planned : plan.blocks.at(0).cells) {
    EXPECT_EQ(planned.turns, planned.cell.threads <= 2) << planned.cell.label("");
  }
  WorkloadInfo scripted = workload();
  scripted.shape = Shape::kScripted;
  const Plan apart = plan_of(scripted);
  for (const PlannedCell& planned : apart.blocks.at(0).cells) EXPECT_FALSE(planned.turns);
  EXPECT_NE(plan.hash(), apart.hash());
}

TEST(TurnsInAPlan, AreForWhatFitsIntoMemoryTogether) {
  // 2 cells and a twin of 1 MiB a thread: 3 MiB with one thread, 6 MiB with two; 60 % may be used.
  const Plan plan = plan_of(workload(), 8 << 20);
  for (const PlannedCell& planned : plan.blocks.at(0).cells) {
    EXPECT_EQ(planned.turns, planned.cell.threads == 1) << planned.cell.label("");
  }
}

TEST(TurnsInAPlan, NeedNoLeadWhereAllTakeTurns) {
  WorkloadInfo info = workload();
  EXPECT_TRUE(plan_of(info).blocks.at(0).lead);  // the cells of four threads run one by one
  info.threads = {.minimum = 1, .maximum = 2};
  EXPECT_FALSE(plan_of(info).blocks.at(0).lead);
}

TEST(TurnsInAPlan, HaveShortWindowsAndManyOfThem) {
  const Cell cell{"heap/pair", "malloc", "glibc", std::nullopt, 1};
  Cell crowded = cell;
  crowded.threads = 8;
  const std::vector<PilotResult> pilots{{cell, false, 10.0}, {crowded, true, 10.0}};
  const BlockWork work = work_from_pilots(pilots, kInTurns);
  EXPECT_EQ(work.shares.at({"malloc", false}), 100'000U);  // 1 ms
  EXPECT_EQ(work.windows.at(cell), 30U);
  // Cells with more threads than CPUs are measured as always.
  EXPECT_EQ(work.shares.at({"malloc", true}), 800'000U);
}

}  // namespace
}  // namespace stackheap
