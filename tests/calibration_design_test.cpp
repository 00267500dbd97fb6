#include "harness/driver/calibration_design.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "harness/base/error.hpp"
#include "harness/stats/bank.hpp"

namespace stackheap {
namespace {

std::vector<WorkloadInfo> workloads_of(const CalibrationDesign& design) {
  std::vector<WorkloadInfo> workloads;
  for (const CalibrationCell& cell : design.cells) {
    WorkloadInfo info;
    info.name = cell.workload;
    info.variants.push_back({.name = cell.variant});
    workloads.push_back(info);
  }
  return workloads;
}

TEST(CalibrationDesign, EachSideDoesExactlyAsManyMoreOperationsAsItsNameSays) {
  for (const std::uint64_t found : {1U, 16U, 199U, 200U, 201U, 3'456U, 1'234'567U}) {
    const std::uint64_t share = divisible_share(found);
    EXPECT_LE(share, std::max<std::uint64_t>(found, 200));
    EXPECT_GT(share + 200, found);
    for (std::size_t side = 0; side < kSides; ++side) {
      const std::uint64_t more = share_of_side(side, share) - share;
      EXPECT_EQ(more * 1'000'000, share * slowdown_ppm(side)) << side_name(side) << ' ' << found;
      EXPECT_EQ(more > 0,
                side_name(side).starts_with("slower-") && !side_name(side).ends_with("-base"));
    }
  }
}

TEST(CalibrationDesign, SixCellsAreThreeOnOneThreadAndThreeOnAllCpus) {
  for (const bool turns : {false, true}) {
    const CalibrationDesign& design = calibration_design(turns);
    std::set<std::string> labels;
    std::size_t shared = 0;
    for (const CalibrationCell& cell : design.cells) {
      labels.insert(cell.label("glibc") + (cell.all_cpus ? " on all" : " on one"));
      shared += cell.all_cpus ? 1 : 0;
    }
    EXPECT_EQ(labels.size(), design.cells.size());
    EXPECT_EQ(shared, 3U);
    EXPECT_TRUE(labels.contains("heap/pair/malloc/glibc/64 on one"));
  }
}

TEST(CalibrationDesign, ThreadsAreTheCpusOrAsManyAsTheWorkloadNeeds) {
  const CalibrationDesign& design = calibration_design(true);
  std::vector<WorkloadInfo> workloads = workloads_of(design);
  for (const CalibrationCell& cell : design.cells) {
    EXPECT_EQ(threads_of(cell, workloads, 16), cell.all_cpus ? 16U : 1U);
    EXPECT_EQ(threads_of(cell, workloads, 1), 1U);
  }
  for (WorkloadInfo& info : workloads) info.threads.minimum = 2;
  EXPECT_EQ(threads_of(design.cells[1], workloads, 1), 2U);
}

TEST(CalibrationDesign, AWorkloadThatTheWorkerLacksIsNamed) {
  const CalibrationCell& cell = calibration_design(false).cells[0];
  EXPECT_THROW(threads_of(cell, {}, 2), UserError);
  std::vector<WorkloadInfo> workloads = workloads_of(calibration_design(false));
  for (WorkloadInfo& info : workloads) info.variants[0].name = "another";
  EXPECT_THROW(threads_of(cell, workloads, 2), UserError);
}

}  // namespace
}  // namespace stackheap
