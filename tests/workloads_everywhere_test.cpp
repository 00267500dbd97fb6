// What holds for every registered workload and variant, whoever wrote it: it runs correctly for any
// number of threads, gives everything back, and its own check can fail.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "harness/base/build_info.hpp"
#include "harness/base/text.hpp"
#include "harness/measure/metric_table.hpp"
#include "tests/lane_fixture.hpp"

namespace stackheap {
namespace {

using testing_lanes::LaneOutcome;
using testing_lanes::PlantedFault;
using testing_lanes::run_cell;

constexpr std::uint64_t kShare = 33;  // no multiple of a batch
constexpr const char* kFaults[] = {"flip-byte", "drop", "skip-free"};

// "suite/name/variant". Interfaces of one allocator need that allocator under the process: the
// end-to-end tests run them.
std::vector<std::string> every_variant() {
  std::vector<std::string> all;
  for (const RegisteredWorkload& workload : registered_workloads()) {
    for (const VariantInfo& variant : workload.info.variants) {
      if (variant.only_allocator.empty()) all.push_back(workload.info.name + "/" + variant.name);
    }
  }
  return all;
}

std::string test_name(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '/' || c == '-' || c == '.'; }, '_');
  return name;
}

class EveryVariant : public testing::TestWithParam<std::string> {
 protected:
  EveryVariant()
      : variant_(GetParam().substr(GetParam().rfind('/') + 1)),
        workload_(*find_workload(GetParam().substr(0, GetParam().rfind('/')))) {}

  // At the smallest value that the smoke profile has.
  CellSpec cell(unsigned threads) const {
    std::int64_t smallest = 0;
    if (info().parameter) {
      smallest = info().parameter->maximum;
      for (const Tier& tier : info().smoke) {
        for (const std::int64_t value : tier.values) smallest = std::min(smallest, value);
      }
    }
    return {.workload = info().name,
            .variant = variant_,
            .parameter = smallest,
            .threads = threads,
            .seed = 11};
  }

  const WorkloadInfo& info() const { return workload_.info; }
  bool may_run_with(unsigned threads) const {
    if (info().find_variant(variant_)->single_threaded_process && threads != 1) return false;
    return threads >= info().threads.minimum && threads <= info().threads.maximum;
  }
  // A plan runs no cell whose blocks cannot fit; small machines run this test too.
  bool fits(unsigned threads) const {
    return info().live_bytes.at(threads, cell(threads).parameter) < 3e9;
  }
  unsigned fewest_of_two_and_more() const { return may_run_with(2) ? 2 : info().threads.minimum; }

  static void expect_clean(const LaneOutcome& outcome) {
    EXPECT_EQ(outcome.failures, std::vector<std::string>());
    EXPECT_EQ(outcome.live_after, 0);
    for (const auto& [metric, value] : outcome.reports) {
      const MetricRow* row = find_metric(metric);
      ASSERT_NE(row, nullptr) << metric;
      EXPECT_EQ(row->info.scope, MetricScope::kSample) << metric;
      EXPECT_FALSE(value.empty()) << metric;
    }
  }

 private:
  std::string variant_;
  const RegisteredWorkload& workload_;
};

TEST_P(EveryVariant, RunsWithAnyNumberOfThreadsAndGivesEverythingBack) {
  int ran = 0;
  std::string reason;
  const unsigned cpus = std::max(1U, std::thread::hardware_concurrency());
  for (const unsigned threads : {1U, 2U, 3U, 4 * cpus}) {
    if (!may_run_with(threads) || !fits(threads)) continue;
    SCOPED_TRACE("threads " + std::to_string(threads));
    const LaneOutcome outcome = run_cell(cell(threads), kShare);
    if (!outcome.cannot_run.empty()) {
      reason = outcome.cannot_run;
      continue;
    }
    ++ran;
    expect_clean(outcome);
  }
  if (ran == 0 && !reason.empty()) GTEST_SKIP() << reason;
  EXPECT_GE(ran, 1) << "it supports none of these numbers of threads";
}

TEST_P(EveryVariant, RunsWithManyMoreThreadsThanCpus) {
  // The thread sanitizer takes a spin lock of its own for every atomic load; 256 threads that wait
  // keep it from those that work.
  const unsigned most = sanitizer() == "thread" ? 16 : 256;
  unsigned threads = std::min(most, info().threads.maximum);
  while (threads > 16 && !fits(threads)) threads /= 2;
  if (!may_run_with(threads)) return;
  const CellSpec spec = cell(threads);
  if (!fits(threads)) {
    GTEST_SKIP() << human_bytes(info().live_bytes.at(threads, spec.parameter)) << " live at "
                 << threads << " threads";
  }
  const LaneOutcome outcome = run_cell(spec, 3, 1, /*uncounted=*/false);
  if (!outcome.cannot_run.empty()) GTEST_SKIP() << outcome.cannot_run;
  expect_clean(outcome);
}

TEST_P(EveryVariant, PlantedFaultFailsItsCheckWhichNamesTheWorkload) {
  const CellSpec spec = cell(fewest_of_two_and_more());
  const LaneOutcome sound = run_cell(spec, kShare);
  if (!sound.cannot_run.empty()) GTEST_SKIP() << sound.cannot_run;
  EXPECT_EQ(sound.failures, std::vector<std::string>());
  std::vector<std::string> seen;
  for (const char* name : kFaults) {
    const PlantedFault fault(name);
    const LaneOutcome outcome = run_cell(spec, kShare);
    if (outcome.failures.empty()) continue;
    seen.emplace_back(name);
    for (const std::string& failure : outcome.failures) {
      EXPECT_EQ(failure.find(info().name), 0U) << name << ": " << failure;
    }
  }
  RecordProperty("faults_seen", join(seen, " "));
  EXPECT_FALSE(seen.empty()) << "no planted fault makes its check fail";
}

INSTANTIATE_TEST_SUITE_P(All, EveryVariant, testing::ValuesIn(every_variant()), test_name);

TEST(EveryWorkload, HasAVariantThatThisTestRuns) {
  EXPECT_GT(registered_workloads().size(), 9U);
  const std::vector<std::string> all = every_variant();
  for (const RegisteredWorkload& workload : registered_workloads()) {
    const std::string start = workload.info.name + "/";
    EXPECT_TRUE(std::any_of(all.begin(), all.end(), [&](const std::string& one) {
      return one.starts_with(start);
    })) << workload.info.name;
  }
}

TEST(EveryWorkload, WindowedOnesOfHeapAndThreadsHaveTheLoopWithoutItsAllocations) {
  int checked = 0;
  for (const RegisteredWorkload& workload : registered_workloads()) {
    const WorkloadInfo& info = workload.info;
    if (info.shape != Shape::kWindowed || (info.suite() != "heap" && info.suite() != "threads")) {
      continue;
    }
    // Written lines are what threads/false-sharing measures: without blocks nothing is left of it.
    if (info.name == "threads/false-sharing") continue;
    ++checked;
    const VariantInfo* bare = info.find_variant("no-alloc");
    ASSERT_NE(bare, nullptr) << info.name;
    EXPECT_FALSE(bare->uses_heap) << info.name;
  }
  EXPECT_GT(checked, 4);
}

TEST(EveryWorkload, IsInSmokeWithEveryVariantAndInStandardAndFull) {
  for (const RegisteredWorkload& workload : registered_workloads()) {
    const WorkloadInfo& info = workload.info;
    if (info.anchor) continue;
    SCOPED_TRACE(info.name);
    EXPECT_FALSE(info.standard.empty());
    EXPECT_FALSE(info.full.empty());
    for (const VariantInfo& variant : info.variants) {
      const bool in_smoke =
          std::any_of(info.smoke.begin(), info.smoke.end(), [&](const Tier& tier) {
            const auto& named = tier.variants;
            return named.empty() ||
                   std::find(named.begin(), named.end(), variant.name) != named.end();
          });
      EXPECT_TRUE(in_smoke) << variant.name;
    }
  }
}

}  // namespace
}  // namespace stackheap
