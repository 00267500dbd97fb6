#include "harness/driver/plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "harness/base/error.hpp"
#include "harness/driver/round_order.hpp"

namespace stackheap {
namespace {

Allocator allocator(std::string name) {
  Allocator result;
  result.name = std::move(name);
  return result;
}

WorkloadInfo pair_workload() {
  WorkloadInfo info;
  info.name = "heap/pair";
  info.summary = "a pair";
  info.operation = "one pair";
  info.variants = {{.name = "malloc", .description = "d"},
                   {.name = "no-alloc", .description = "d", .uses_heap = false},
                   {.name = "mimalloc-heap", .description = "d", .only_allocator = "mimalloc"},
                   {.name = "lonely", .description = "d", .single_threaded_process = true}};
  info.baseline_variant = "malloc";
  info.parameter = ParameterInfo{"size", "B", 8, 4096};
  info.smoke = {{.variants = {}, .values = {8}, .threads = TierThreads::kOne}};
  info.quick = {{.variants = {"malloc"}, .values = {64}, .threads = TierThreads::kOneAndAll}};
  info.full = {{.variants = {}, .values = {8, 64}, .threads = TierThreads::kSweep}};
  info.expected_seconds = 0.1;
  return info;
}

WorkloadInfo handoff_workload() {
  WorkloadInfo info;
  info.name = "threads/handoff";
  info.variants = {{.name = "malloc", .description = "d"}};
  info.baseline_variant = "malloc";
  info.threads.minimum = 2;
  info.blocks_migrate = true;
  info.standard = {{.variants = {}, .values = {}, .threads = TierThreads::kOneAndAll}};
  info.live_bytes.per_thread = 1e9;
  return info;
}

const std::vector<WorkloadInfo>& workloads() {
  static const std::vector<WorkloadInfo> infos = {pair_workload(), handoff_workload()};
  return infos;
}

PlanOptions options_of(Profile profile) {
  PlanOptions options;
  options.profile = profile;
  options.allocators = {allocator("glibc"), allocator("mimalloc")};
  options.baseline_allocator = "glibc";
  return options;
}

Topology four_cpus() {
  return synthetic_topology("package:1 core:4 pu:1");
}

std::vector<std::string> labels(const Plan& plan) {
  std::vector<std::string> result;
  for (const Block& block : plan.blocks) {
    for (const PlannedCell& planned : block.cells) result.push_back(planned.cell.label("size"));
  }
  return result;
}

std::string message_of(const PlanOptions& options) {
  try {
    make_plan(workloads(), options, four_cpus());
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(PlanTest, AProfileRunsItsTiersAndNothingElse) {
  EXPECT_EQ(labels(make_plan(workloads(), options_of(Profile::kQuick), four_cpus())),
            (std::vector<std::string>{"heap/pair/malloc/glibc/size:64/threads:1",
                                      "heap/pair/malloc/glibc/size:64/threads:4",
                                      "heap/pair/malloc/mimalloc/size:64/threads:1",
                                      "heap/pair/malloc/mimalloc/size:64/threads:4"}));
}

TEST(PlanTest, VariantsAreMultipliedOnlyByTheAllocatorsTheyCanRunOn) {
  const auto cells = labels(make_plan(workloads(), options_of(Profile::kSmoke), four_cpus()));
  EXPECT_EQ(cells, (std::vector<std::string>{"heap/pair/malloc/glibc/size:8/threads:1",
                                             "heap/pair/malloc/mimalloc/size:8/threads:1",
                                             "heap/pair/no-alloc/none/size:8/threads:1",
                                             "heap/pair/mimalloc-heap/mimalloc/size:8/threads:1",
                                             "heap/pair/lonely/glibc/size:8/threads:1",
                                             "heap/pair/lonely/mimalloc/size:8/threads:1"}));
}

TEST(PlanTest, ASweepEndsInOneOversubscribedPointThatIsNotPinned) {
  PlanOptions options = options_of(Profile::kFull);
  options.variant_globs = {"no-alloc"};
  options.parameters["size"] = {64};
  const Plan plan = make_plan(workloads(), options, four_cpus());
  ASSERT_EQ(plan.blocks.size(), 1U);
  std::vector<unsigned> threads;
  for (const PlannedCell& cell : plan.blocks[0].cells) {
    threads.push_back(cell.cell.threads);
    EXPECT_EQ(cell.oversubscribed, cell.cell.threads == 8);
    EXPECT_EQ(cell.pinned, cell.cell.threads <= 4);
  }
  EXPECT_EQ(threads, (std::vector<unsigned>{1, 2, 4, 8}));
}

TEST(PlanTest, ANamedWorkloadThatTheProfileLeavesOutIsRunAsInTheNextLargerProfile) {
  PlanOptions options = options_of(Profile::kQuick);
  options.workload_globs = {"threads/*"};
  const Plan plan = make_plan(workloads(), options, four_cpus());
  EXPECT_EQ(plan.cells(), 4U);
  EXPECT_EQ(plan.blocks[0].cells[0].cell.threads, 2U);
}

TEST(PlanTest, ThreadsBelowTheWorkloadsMinimumAreToldAsUnsupported) {
  PlanOptions options = options_of(Profile::kQuick);
  options.workload_globs = {"threads/handoff"};
  options.threads = {1, 2};
  const Plan plan = make_plan(workloads(), options, four_cpus());
  EXPECT_EQ(plan.cells(), 4U);
  EXPECT_EQ(plan.runnable_cells(), 2U);
  EXPECT_EQ(plan.blocks[0].cells[0].skip_status, "unsupported");
  EXPECT_EQ(plan.blocks[0].cells[0].skip_detail, "the workload runs with 2 to 4096 threads");
}

TEST(PlanTest, AnAllocatorThatKeepsFreedBlocksIsUnsupportedWhereBlocksMigrate) {
  PlanOptions options = options_of(Profile::kQuick);
  options.workload_globs = {"threads/handoff", "heap/pair"};
  options.allocators[1].frees_to_freeing_thread = true;
  const Plan plan = make_plan(workloads(), options, four_cpus());
  for (const Block& block : plan.blocks) {
    for (const PlannedCell& planned : block.cells) {
      const bool skipped =
          block.workload == "threads/handoff" && planned.cell.allocator == "mimalloc";
      EXPECT_EQ(planned.skip_status, skipped ? "unsupported" : "") << planned.cell.label("");
    }
  }
}

TEST(PlanTest, WhatCannotFitIntoMemoryIsUnsupportedWithItsSize) {
  PlanOptions options = options_of(Profile::kStandard);
  options.available_memory_bytes = 4ULL << 30;
  const Plan plan = make_plan(workloads(), options, four_cpus());
  std::string detail;
  for (const PlannedCell& planned : plan.blocks[0].cells) {
    if (planned.cell.threads == 4) detail = planned.skip_detail;
    EXPECT_EQ(planned.skip_status, planned.cell.threads == 4 ? "unsupported" : "");
  }
  EXPECT_EQ(detail, "needs 3.7 GiB live, more than 60 % of the 4 GiB that are available");
}

TEST(PlanTest, AnUnavailableAllocatorKeepsItsCellsWithTheReason) {
  PlanOptions options = options_of(Profile::kQuick);
  options.allocators[1].unavailable = "install libmimalloc2.0";
  const Plan plan = make_plan(workloads(), options, four_cpus());
  EXPECT_EQ(plan.cells(), 4U);
  EXPECT_EQ(plan.runnable_cells(), 2U);
}

// Cells of one and of three rounds, in one plan of 12.
Plan plan_with_few_rounds(bool exact_rounds) {
  std::vector<WorkloadInfo> infos = workloads();
  infos[1].most_rounds = 3;
  infos[1].expected_seconds = 5;
  infos[1].timeline = true;
  PlanOptions options = options_of(Profile::kStandard);
  options.workload_globs = {"heap/pair", "threads/handoff"};
  options.exact_rounds = exact_rounds;
  return make_plan(infos, options, four_cpus());
}

TEST(PlanTest, ABlockHasNoMoreRoundsThanItsWorkloadWants) {
  const Plan plan = plan_with_few_rounds(false);
  ASSERT_EQ(plan.blocks.size(), 3U);
  const Block& few = plan.blocks[2];
  ASSERT_EQ(few.workload, "threads/handoff");
  EXPECT_EQ(few.rounds_of(12), 3U);
  EXPECT_EQ(few.rounds_of(2), 2U);
  EXPECT_TRUE(few.timeline);
  EXPECT_EQ(plan.blocks[0].rounds_of(12), 12U);
  EXPECT_FALSE(plan.blocks[0].timeline);
  const std::size_t pairs = plan.blocks[0].cells.size() + plan.blocks[1].cells.size();
  EXPECT_EQ(few.cells.size(), 4U);
  // Each of the two blocks that are compared by time has a lead and a twin.
  EXPECT_EQ(plan.samples(12), 12 * (pairs + 4) + 3 * 4);
  EXPECT_EQ(plan.samples(1), plan.runnable_cells() + 4);
  // 12 ms for each process.
  EXPECT_NEAR(plan.seconds(12),
              12 * static_cast<double>(pairs + 4) * (0.1 + 0.012) + 3 * 4 * (5 + 0.012), 1e-9);
}

TEST(PlanTest, RoundsThatTheUserAskedForAreExact) {
  const Plan plan = plan_with_few_rounds(true);
  EXPECT_EQ(plan.blocks[2].rounds_of(12), 12U);
  EXPECT_EQ(plan.samples(12), 12 * (plan.runnable_cells() + 3 * 2));
}

TEST(PlanTest, EachBlockComparedByTimeHasALeadAndATwinThatTheSeedChooses) {
  std::set<std::size_t> twins;
  PlanOptions options = options_of(Profile::kQuick);
  for (options.seed = 1; options.seed < 40; ++options.seed) {
    const Plan plan = make_plan(workloads(), options, four_cpus());
    ASSERT_EQ(plan.blocks.size(), 1U);
    EXPECT_TRUE(plan.blocks[0].lead);
    ASSERT_TRUE(plan.blocks[0].twin.has_value());
    ASSERT_LT(*plan.blocks[0].twin, plan.blocks[0].cells.size());
    EXPECT_EQ(plan.blocks[0].twin, make_plan(workloads(), options, four_cpus()).blocks[0].twin);
    twins.insert(*plan.blocks[0].twin);
  }
  EXPECT_EQ(twins.size(), 4U);  // every cell is drawn at some time
}

TEST(PlanTest, ACellThatCannotRunIsNoTwin) {
  PlanOptions options = options_of(Profile::kQuick);
  options.allocators[1].unavailable = "it is missing";
  for (options.seed = 1; options.seed < 40; ++options.seed) {
    const Plan plan = make_plan(workloads(), options, four_cpus());
    EXPECT_EQ(plan.blocks[0].cells[*plan.blocks[0].twin].cell.allocator, "glibc");
  }
}

TEST(PlanTest, ThereIsNoTwinWhereNoneCouldDifferAndNoLeadWhereNoTimeIsCompared) {
  PlanOptions options = options_of(Profile::kQuick);
  options.rounds = 5;
  const Plan few = make_plan(workloads(), options, four_cpus());
  EXPECT_TRUE(few.blocks[0].lead);
  EXPECT_FALSE(few.blocks[0].twin.has_value());
  const Block seconds = plan_with_few_rounds(false).blocks[2];
  EXPECT_FALSE(seconds.lead || seconds.twin.has_value());
  const Plan smoke = make_plan(workloads(), options_of(Profile::kSmoke), four_cpus());
  EXPECT_FALSE(smoke.blocks[0].lead || smoke.blocks[0].twin.has_value());
}

TEST(PlanTest, AnchorsAreInEveryRoundAndInNoBlock) {
  std::vector<WorkloadInfo> infos = workloads();
  WorkloadInfo anchor;
  anchor.name = "anchor/registers";
  anchor.variants = {{.name = "chain", .description = "d", .uses_heap = false}};
  anchor.baseline_variant = "chain";
  anchor.anchor = true;
  infos.push_back(anchor);
  const Plan plan = make_plan(infos, options_of(Profile::kQuick), four_cpus());
  ASSERT_EQ(plan.anchors.size(), 1U);
  EXPECT_EQ(plan.anchors[0].cells[0].cell.label(""), "anchor/registers/chain/none/threads:1");
  EXPECT_EQ(plan.blocks.size(), 1U);
  EXPECT_EQ(plan.samples(12), 12 * (4 + 2 + 1));
  EXPECT_TRUE(make_plan(infos, options_of(Profile::kSmoke), four_cpus()).anchors.empty());
}

TEST(PlanTest, AnchorsBesideShortRoundsAreRationed) {
  std::vector<WorkloadInfo> infos = {pair_workload()};
  WorkloadInfo anchor;
  anchor.name = "anchor/registers";
  anchor.variants = {{.name = "chain", .description = "d", .uses_heap = false}};
  anchor.baseline_variant = "chain";
  anchor.anchor = true;
  anchor.expected_seconds = infos[0].expected_seconds;
  infos.push_back(anchor);
  Plan plan = make_plan(infos, options_of(Profile::kQuick), four_cpus());
  ASSERT_EQ(plan.blocks.size(), 1U);
  const std::size_t cells = plan.blocks[0].cells.size() + 1;  // with the twin
  // One anchor beside so many processes, all equally long: a tenth of them is every second round.
  ASSERT_EQ(cells, 5U);
  ration_anchors(plan, 0.1);
  EXPECT_EQ(plan.anchors[0].every, 2U);
  EXPECT_EQ(plan.anchors[0].rounds_of(12), 6U);
  // The block follows itself in the other rounds, which need no lead.
  EXPECT_EQ(plan.samples(12), 12 * cells + 6 + 6);
  ration_anchors(plan, 1e-6);
  EXPECT_EQ(plan.anchors[0].every, 8U);
  EXPECT_EQ(plan.anchors[0].rounds_of(12), 2U);
}

TEST(PlanTest, TheExpectedTimeGrowsWithTheParameter) {
  std::vector<WorkloadInfo> infos = {pair_workload()};
  infos[0].seconds_per_parameter = 0.01;
  PlanOptions options = options_of(Profile::kQuick);
  options.parameters["size"] = {8, 100};
  const Plan plan = make_plan(infos, options, four_cpus());
  ASSERT_EQ(plan.blocks.size(), 2U);
  EXPECT_NEAR(plan.blocks[0].cells[0].expected_seconds, 0.1 + 0.08, 1e-12);
  EXPECT_NEAR(plan.blocks[1].cells[0].expected_seconds, 0.1 + 1.0, 1e-12);
}

TEST(PlanTest, MistakesAreNamedWithTheNearestNames) {
  PlanOptions options = options_of(Profile::kQuick);
  options.workload_globs = {"heap/pare"};
  EXPECT_EQ(message_of(options),
            "unknown workload 'heap/pare'; did you mean 'heap/pair'? `stackheap list workloads` "
            "lists them all.");
  options = options_of(Profile::kQuick);
  options.parameters["size"] = {4097};
  EXPECT_EQ(message_of(options),
            "heap/pair: parameter size must be between 8 and 4096 B, not 4097");
  options = options_of(Profile::kQuick);
  options.parameters["sice"] = {64};
  EXPECT_NE(message_of(options).find("'size'"), std::string::npos);
  options = options_of(Profile::kQuick);
  options.allocators.resize(1);
  options.variant_globs = {"mimalloc-heap"};
  EXPECT_NE(message_of(options).find("nothing to run"), std::string::npos);
}

TEST(PlanTest, TheHashChangesWithTheCells) {
  const Plan quick = make_plan(workloads(), options_of(Profile::kQuick), four_cpus());
  const Plan smoke = make_plan(workloads(), options_of(Profile::kSmoke), four_cpus());
  EXPECT_EQ(quick.hash().size(), 16U);
  EXPECT_EQ(quick.hash(), make_plan(workloads(), options_of(Profile::kQuick), four_cpus()).hash());
  EXPECT_NE(quick.hash(), smoke.hash());
}

TEST(RoundOrderTest, IsAPermutationThatDependsOnSeedAndRoundOnly) {
  const Plan plan = make_plan(workloads(), options_of(Profile::kSmoke), four_cpus());
  const RoundOrder first = round_order(plan, 7, 0);
  const std::set<std::size_t> unique(first.cells[0].begin(), first.cells[0].end());
  EXPECT_EQ(unique.size(), plan.blocks[0].cells.size());
  EXPECT_EQ(round_order(plan, 7, 0).cells, first.cells);
  std::set<std::vector<std::size_t>> orders;
  for (unsigned round = 0; round < 20; ++round) {
    orders.insert(round_order(plan, 7, round).cells[0]);
  }
  EXPECT_GT(orders.size(), 10U);
  EXPECT_NE(round_order(plan, 8, 0).cells, first.cells);
}

TEST(RoundOrderTest, ATwinIsShuffledAmongTheCells) {
  const Plan plan = make_plan(workloads(), options_of(Profile::kQuick), four_cpus());
  std::set<std::size_t> places;
  for (unsigned round = 0; round < 60; ++round) {
    const auto order = round_order(plan, 3, round).cells[0];
    ASSERT_EQ(order.size(), 5U);
    places.insert(
        static_cast<std::size_t>(std::find(order.begin(), order.end(), 4U) - order.begin()));
  }
  EXPECT_EQ(places, (std::set<std::size_t>{0, 1, 2, 3, 4}));
}

TEST(RoundOrderTest, EveryCellComesFirstAboutEquallyOften) {
  const Plan plan = make_plan(workloads(), options_of(Profile::kSmoke), four_cpus());
  std::vector<int> first(plan.blocks[0].cells.size(), 0);
  for (unsigned round = 0; round < 6000; ++round) {
    ++first[round_order(plan, 3, round).cells[0][0]];
  }
  // Expected 1,000 each; five standard deviations are 145.
  for (const int count : first) EXPECT_NEAR(count, 1000, 145);
}

TEST(BlockSeedTest, FitsADoubleExactlyAndDiffersByBlockAndRound) {
  std::set<std::uint64_t> seeds;
  for (const char* block : {"heap/pair/size:64", "heap/pair/size:128", "heap/slots"}) {
    for (unsigned round = 0; round < 50; ++round) {
      const std::uint64_t seed = block_seed(1, block, round);
      EXPECT_LT(seed, std::uint64_t{1} << 53U);
      seeds.insert(seed);
    }
  }
  EXPECT_EQ(seeds.size(), 150U);
}

TEST(LaneCpusTest, FollowTheAskedPinning) {
  const Topology topology = synthetic_topology("package:1 core:2 pu:2");
  PlannedCell cell;
  cell.cell.threads = 2;
  const auto compact = lane_cpus(cell, topology, Pinning::kCompact);
  const auto spread = lane_cpus(cell, topology, Pinning::kSpread);
  EXPECT_EQ(compact.size(), 2U);
  EXPECT_EQ(spread.size(), 2U);
  EXPECT_NE(compact, spread);
  EXPECT_TRUE(lane_cpus(cell, topology, Pinning::kNone).empty());
  cell.cell.threads = 5;
  EXPECT_TRUE(lane_cpus(cell, topology, std::nullopt).empty());
  EXPECT_EQ(lane_cpus(cell, topology, Pinning::kSpread).size(), 4U);
}

}  // namespace
}  // namespace stackheap
