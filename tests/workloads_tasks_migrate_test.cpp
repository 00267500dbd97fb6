// threads/tasks, threads/reserve, fibers/migrate, fibers/first-touch and fibers/heap: what is
// particular to each; that every variant runs and verifies is in workloads_everywhere_test.cpp.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <ostream>
#include <string>
#include <vector>

#include "harness/worker/workload.hpp"
#include "suites/fibers/travellers.hpp"
#include "suites/threads/growing_vectors.hpp"
#include "suites/threads/task_items.hpp"
#include "tests/lane_fixture.hpp"

namespace stackheap {
namespace {

using testing_lanes::LaneOutcome;
using testing_lanes::PlantedFault;
using testing_lanes::run_cell;

constexpr int kDraws = 1'000'000;

// Uniform on smallest ... largest: the mean within 5 standard errors, and both ends reached.
template <class Draw>
void expect_uniform(double smallest, double largest, Draw draw) {
  double sum = 0;
  double squares = 0;
  double least = largest;
  double most = smallest;
  for (int i = 0; i < kDraws; ++i) {
    const double value = draw(i);
    sum += value;
    squares += value * value;
    least = std::min(least, value);
    most = std::max(most, value);
  }
  const double values = largest - smallest + 1;
  const double variance = (values * values - 1) / 12;
  const double mean = sum / kDraws;
  EXPECT_EQ(least, smallest);
  EXPECT_EQ(most, largest);
  EXPECT_NEAR(mean, (smallest + largest) / 2, 5 * std::sqrt(variance / kDraws));
  EXPECT_NEAR(squares / kDraws - mean * mean, variance, 0.01 * variance);
}

TEST(TasksWorkload, ItemsAreOf24To256BytesUniformly) {
  expect_uniform(24, 256, [](int i) {
    return static_cast<double>(tasks::size_of(tasks::stamp_of(5, static_cast<unsigned>(i))));
  });
}

TEST(MigrateWorkload, BlocksAreOf32To1024BytesUniformly) {
  Lane lane;
  lane.count = 1;
  migrate::Papers papers;
  papers.here = &lane;
  papers.random = Random(9);
  migrate::Parcel parcel;
  expect_uniform(32, 1024, [&](int) {
    migrate::stay<migrate::FromPlace>(parcel, papers);
    return static_cast<double>(parcel.bytes);
  });
  EXPECT_EQ(papers.turns, static_cast<std::uint64_t>(kDraws));
  EXPECT_EQ(papers.changed + papers.astray, 0U);
}

TEST(TasksWorkload, EveryItemIsDoneOnceAtAnyGrainAndAnyNumberOfItems) {
  const RegisteredWorkload* found = find_workload("threads/tasks");
  ASSERT_NE(found, nullptr);
  for (const VariantInfo& variant : found->info.variants) {
    if (!variant.only_allocator.empty()) continue;
    for (const std::int64_t grain : {1, 31, 1000}) {
      for (const std::uint64_t share : {1U, 100U, 5'000U}) {
        SCOPED_TRACE(variant.name + " grain " + std::to_string(grain) + " share " +
                     std::to_string(share));
        const LaneOutcome outcome = run_cell({.workload = "threads/tasks",
                                              .variant = variant.name,
                                              .parameter = grain,
                                              .threads = 3,
                                              .seed = 1},
                                             share);
        EXPECT_EQ(outcome.failures, std::vector<std::string>());
        EXPECT_EQ(outcome.operations, 2 * 3 * share);
        EXPECT_EQ(outcome.live_after, 0);
        EXPECT_GT(outcome.live_between, 0);
        // No task holds more than a batch.
        EXPECT_LE(outcome.live_between,
                  static_cast<std::int64_t>(3 * tasks::kBatch * tasks::kLargest));
      }
    }
  }
}

TEST(ReserveWorkload, EveryVariantHoldsItsElementsBetweenWindows) {
  const RegisteredWorkload* found = find_workload("threads/reserve");
  ASSERT_NE(found, nullptr);
  for (const VariantInfo& variant : found->info.variants) {
    SCOPED_TRACE(variant.name);
    const LaneOutcome outcome = run_cell(
        {.workload = "threads/reserve", .variant = variant.name, .threads = 3, .seed = 1}, 1, 3);
    EXPECT_EQ(outcome.failures, std::vector<std::string>());
    // A share is a whole growth, whatever was asked for.
    EXPECT_EQ(outcome.operations, 3 * 3 * reserve::kGrowth);
    EXPECT_EQ(outcome.live_between,
              static_cast<std::int64_t>(3 * reserve::kGrowth * sizeof(reserve::Element)));
    EXPECT_EQ(outcome.live_after, 0);
  }
}

TEST(ReserveWorkload, CheckTellsLostAndDoubledAndForeignElementsApart) {
  using reserve::Element;
  reserve::OwnVector vector;
  for (std::uint32_t lane = 2; lane < 4; ++lane) {
    for (std::uint32_t i = 0; i < 3; ++i) vector.append({lane, i, reserve::stamp_of(lane, i)});
  }
  EXPECT_EQ(complaint_of(vector, 3, 2, 2), "");
  EXPECT_NE(complaint_of(vector, 4, 2, 2).find("6 elements are there of 8"), std::string::npos);
  EXPECT_NE(complaint_of(vector, 3, 1, 2).find("what nobody wrote"), std::string::npos);
  vector[5] = vector[4];
  EXPECT_NE(complaint_of(vector, 3, 2, 2).find("element 5 is there twice"), std::string::npos);
}

TEST(MigrateWorkload, ABlockOfAnotherLaneThanTheOneBeforeIsNoticed) {
  Lane lane;
  lane.index = 2;
  lane.count = 4;
  migrate::Papers papers;
  papers.here = &lane;
  migrate::Parcel parcel;
  migrate::stay<migrate::FromHeap>(parcel, papers);  // lane 2 packs
  lane.index = 3;
  migrate::stay<migrate::FromHeap>(parcel, papers);
  EXPECT_EQ(papers.astray, 0U);
  migrate::stay<migrate::FromHeap>(parcel, papers);  // again on lane 3
  EXPECT_EQ(papers.astray, 1U);
  lane.index = 0;
  migrate::unpack<migrate::FromHeap>(parcel, papers);
  EXPECT_EQ(papers.astray, 1U);
  EXPECT_EQ(papers.changed, 0U);
  EXPECT_EQ(lane.live_bytes, 0);
}

struct FaultCase {
  const char* workload;
  const char* fault;
  const char* expected;
};

void PrintTo(const FaultCase& one, std::ostream* out) {
  *out << one.workload << " " << one.fault;
}

class TasksMigrateFaults : public testing::TestWithParam<FaultCase> {};

TEST_P(TasksMigrateFaults, EachVariantSaysWhatIsWrong) {
  const RegisteredWorkload* found = find_workload(GetParam().workload);
  ASSERT_NE(found, nullptr);
  const PlantedFault fault(GetParam().fault);
  int ran = 0;
  for (const VariantInfo& variant : found->info.variants) {
    if (!variant.only_allocator.empty()) continue;
    SCOPED_TRACE(variant.name);
    const LaneOutcome outcome = run_cell({.workload = GetParam().workload,
                                          .variant = variant.name,
                                          .parameter = found->info.parameter ? 4096 : 0,
                                          .threads = 2,
                                          .seed = 1},
                                         50);
    if (!outcome.cannot_run.empty()) continue;
    ++ran;
    ASSERT_FALSE(outcome.failures.empty());
    for (const std::string& failure : outcome.failures) {
      EXPECT_EQ(failure.find(GetParam().workload), 0U) << failure;
      EXPECT_NE(failure.find(GetParam().expected), std::string::npos) << failure;
    }
  }
  if (ran == 0) GTEST_SKIP() << "none of its variants can run in this build";
}

constexpr FaultCase kFaults[] = {
    {"threads/tasks", "flip-byte", "1 items changed"},
    {"threads/tasks", "drop", "items were due"},
    {"threads/tasks", "skip-free", "still live"},
    {"threads/reserve", "flip-byte", "what nobody wrote"},
    {"threads/reserve", "drop", "is there twice"},
    {"threads/reserve", "skip-free", "still live"},
    {"fibers/migrate", "flip-byte", "1 blocks changed"},
    {"fibers/migrate", "drop", "stays of"},
    {"fibers/migrate", "skip-free", "not given back"},
    {"fibers/first-touch", "flip-byte", "read back"},
    {"fibers/first-touch", "drop", "calls were made of"},
    {"fibers/first-touch", "skip-free", "not given back"},
    {"fibers/heap", "flip-byte", "does not hold what was written"},
    {"fibers/heap", "drop", "a slot is empty"},
    {"fibers/heap", "skip-free", "not everything was freed"},
};
INSTANTIATE_TEST_SUITE_P(All, TasksMigrateFaults, testing::ValuesIn(kFaults),
                         [](const testing::TestParamInfo<FaultCase>& test) {
                           std::string name =
                               std::string(test.param.workload) + "_" + test.param.fault;
                           std::replace_if(
                               name.begin(), name.end(),
                               [](char c) { return c == '/' || c == '-'; }, '_');
                           return name;
                         });

}  // namespace
}  // namespace stackheap
