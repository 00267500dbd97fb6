// fibers/skynet: the tree it grows, and its checks.
#include <gtest/gtest.h>

#include <string>

#include "suites/fibers/skynet_nodes.hpp"
#include "tests/lane_fixture.hpp"

namespace stackheap {
namespace {

using testing_lanes::LaneOutcome;
using testing_lanes::PlantedFault;
using testing_lanes::run_cell;

LaneOutcome skynet_cell(std::string_view variant, std::int64_t leaves, unsigned threads,
                        std::uint64_t share) {
  return run_cell({.workload = "fibers/skynet",
                   .variant = variant,
                   .parameter = leaves,
                   .threads = threads,
                   .seed = 5},
                  share);
}

TEST(FibersSkynet, TenPartsOfANodeAreItsLeavesInTheirOrder) {
  for (const std::uint64_t count : {2U, 7U, 10U, 11U, 99U, 1'000U, 12'345U}) {
    const skynet::Leaves node{.first = 40, .count = count};
    std::uint64_t next = node.first;
    std::uint64_t sum = 0;
    for (unsigned i = 0; i < skynet::kFanOut; ++i) {
      const skynet::Leaves part = node.part(i);
      EXPECT_EQ(part.first, next);
      EXPECT_LE(part.count, count / 10 + 1);
      next += part.count;
      sum += part.sum();
    }
    EXPECT_EQ(next, node.first + count);
    EXPECT_EQ(sum, node.sum());
  }
  EXPECT_EQ((skynet::Leaves{.first = 0, .count = 1'000'000}.sum()), 499'999'500'000U);
}

TEST(FibersSkynet, EveryKindGrowsWholeTreesOfAnySizeOnAnyNumberOfThreads) {
  for (const VariantInfo& variant : find_workload("fibers/skynet")->info.variants) {
    for (const std::int64_t leaves : {10, 100, 77}) {
      for (const unsigned threads : {1U, 3U}) {
        SCOPED_TRACE(variant.name + " leaves " + std::to_string(leaves) + " threads " +
                     std::to_string(threads));
        const LaneOutcome outcome = skynet_cell(variant.name, leaves, threads, 101);
        if (!outcome.cannot_run.empty()) continue;
        EXPECT_EQ(outcome.failures, std::vector<std::string>());
        const auto lot = static_cast<std::uint64_t>(leaves);
        EXPECT_EQ(outcome.operations, 2 * threads * ((101 + lot - 1) / lot * lot));
        EXPECT_EQ(outcome.live_after, 0);
      }
    }
  }
}

TEST(FibersSkynet, MoreThreadsThanTheLimitAreUnsupportedBeforeAnyStarts) {
  const LaneOutcome outcome = skynet_cell("thread", 10'000, 1, 1);
  EXPECT_NE(outcome.cannot_run.find("11112 live of thread need 11112 kernel threads"),
            std::string::npos)
      << outcome.cannot_run;
}

TEST(FibersSkynet, EachPlantedFaultIsNamed) {
  const std::pair<const char*, std::string> faults[] = {
      {"flip-byte", "fibers/skynet: the leaves do not add up"},
      {"drop", "fibers/skynet: 199 leaves ran of 200"},
      {"skip-free", "fibers/skynet: 1 contexts were not joined"}};
  for (const auto& [name, message] : faults) {
    for (const char* variant : {"coroutine", "tbb-task", "call"}) {
      const PlantedFault fault(name);
      EXPECT_EQ(skynet_cell(variant, 100, 1, 100).failures, std::vector<std::string>{message});
    }
  }
}

}  // namespace
}  // namespace stackheap
