// Every variant of heap/pareto, heap/realloc, heap/boxes and heap/bignum at several parameter
// values, correct and damaged on purpose; and what is live in them and in heap/large.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "harness/worker/workload.hpp"
#include "tests/lane_fixture.hpp"

namespace stackheap {
namespace {

using testing_lanes::LaneOutcome;
using testing_lanes::PlantedFault;
using testing_lanes::run_cell;

struct Load {
  std::uint64_t share;
  std::vector<std::int64_t> values;
};
// The smallest value, one that is no power of two and no multiple of sixteen, a larger one.
const std::map<std::string, Load> kLoads = {
    {"heap/pareto", {50'001, {0}}},
    {"heap/realloc", {7, {64, 1001, 300'000}}},
    {"heap/boxes", {5, {1, 2, 1000}}},
    {"heap/bignum", {1501, {8, 11, 16}}},
};

class HeapObjects : public testing::TestWithParam<std::string> {
 protected:
  const Load& load() const { return kLoads.at(GetParam()); }
  const WorkloadInfo& info() const { return find_workload(GetParam())->info; }
  CellSpec cell(const VariantInfo& variant, std::int64_t value, unsigned threads) const {
    return {.workload = GetParam(),
            .variant = variant.name,
            .parameter = value,
            .threads = threads,
            .seed = 3};
  }
  void expect_that_every_lane_fails_with(const char* planted) const {
    const PlantedFault fault(planted);
    for (const VariantInfo& variant : info().variants) {
      for (const std::int64_t value : load().values) {
        SCOPED_TRACE(variant.name + " " + std::to_string(value));
        const LaneOutcome outcome = run_cell(cell(variant, value, 2), load().share);
        EXPECT_EQ(outcome.failures.size(), 2U);
        for (const std::string& failure : outcome.failures) {
          EXPECT_EQ(failure.find(GetParam() + ": lane "), 0U) << failure;
        }
      }
    }
  }
};

TEST_P(HeapObjects, EveryVariantVerifiesAndFreesEverything) {
  for (const VariantInfo& variant : info().variants) {
    for (const std::int64_t value : load().values) {
      for (const unsigned threads : {1U, 3U}) {
        SCOPED_TRACE(variant.name + " " + std::to_string(value) + " threads " +
                     std::to_string(threads));
        const LaneOutcome outcome = run_cell(cell(variant, value, threads), load().share);
        EXPECT_EQ(outcome.failures, std::vector<std::string>());
        EXPECT_EQ(outcome.live_after, 0);
        EXPECT_EQ(outcome.operations, 2 * load().share * threads);
      }
    }
  }
}

TEST_P(HeapObjects, FlippedByteFailsTheCheckOfEveryLane) {
  expect_that_every_lane_fails_with("flip-byte");
}

TEST_P(HeapObjects, LostOperationFailsTheCheckOfEveryLane) {
  expect_that_every_lane_fails_with("drop");
}

TEST_P(HeapObjects, ForgottenFreeFailsTheCheckOfEveryLane) {
  expect_that_every_lane_fails_with("skip-free");
}

TEST_P(HeapObjects, UnknownVariantIsRefused) {
  EXPECT_THROW(
      find_workload(GetParam())
          ->factory(
              {.workload = GetParam(), .variant = "none", .parameter = load().values.front()}),
      UserError);
}

INSTANTIATE_TEST_SUITE_P(All, HeapObjects,
                         testing::Values("heap/pareto", "heap/realloc", "heap/boxes",
                                         "heap/bignum"),
                         [](const auto& test) {
                           std::string name = test.param;
                           name[name.find('/')] = '_';
                           return name;
                         });

double live(const CellSpec& spec, std::uint64_t share) {
  return static_cast<double>(run_cell(spec, share).live_between);
}

double declared(const CellSpec& spec) {
  return find_workload(spec.workload)->info.live_bytes.at(spec.threads, spec.parameter);
}

TEST(HeapParetoWorkload, HalfOfTheSlotsAreLiveForAnyNumberOfThreads) {
  for (const unsigned threads : {1U, 4U}) {
    for (const char* variant : {"malloc", "no-alloc"}) {
      const CellSpec spec{
          .workload = "heap/pareto", .variant = variant, .threads = threads, .seed = 9};
      EXPECT_NEAR(live(spec, 1000), declared(spec), 0.03 * declared(spec)) << variant;
    }
  }
}

TEST(HeapReallocWorkload, OneBufferOfTheFinalSizeIsLivePerThread) {
  for (const char* variant : {"doubling", "constant-step", "no-alloc"}) {
    const CellSpec spec{
        .workload = "heap/realloc", .variant = variant, .parameter = 100'001, .threads = 2};
    EXPECT_EQ(live(spec, 3), 2 * 100'001) << variant;
    EXPECT_EQ(declared(spec), 2 * 100'001);
  }
}

TEST(HeapBoxesWorkload, OneStructureIsLivePerThread) {
  const CellSpec tree{.workload = "heap/boxes", .variant = "tree", .parameter = 777, .threads = 2};
  EXPECT_EQ(live(tree, 2), 2 * 777 * 24);
  EXPECT_EQ(declared(tree), 2 * 777 * 24);
  CellSpec list = tree;
  list.variant = "list";
  EXPECT_EQ(live(list, 2), 2 * 777 * 16);
}

// unique_ptr's own recursion would overflow the stack here.
TEST(HeapBoxesWorkload, LongListIsDestroyedWithoutRecursion) {
  const LaneOutcome outcome = run_cell(
      {.workload = "heap/boxes", .variant = "list", .parameter = 1'000'000, .threads = 1}, 1);
  EXPECT_EQ(outcome.failures, std::vector<std::string>());
}

TEST(HeapLargeWorkload, TwentyBlocksOfFifteenMebibytesOnAverageAreLivePerThread) {
  const CellSpec spec{.workload = "heap/large", .variant = "malloc", .threads = 1, .seed = 4};
  // Six deviations of a sum of twenty.
  EXPECT_NEAR(live(spec, 1), declared(spec), 6 * (20 << 20) * 1.3);
}

}  // namespace
}  // namespace stackheap
