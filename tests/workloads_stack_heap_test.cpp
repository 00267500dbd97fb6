// Every variant of stack/frame, stack/escape, stack/runtime-size, heap/pair, heap/batch, heap/slots
// and latency/slots, driven as the harness does: setup, steps and verify of each lane on a thread
// of its own.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "harness/worker/workload.hpp"
#include "tests/lane_fixture.hpp"

namespace stackheap {
namespace {

using testing_lanes::LaneOutcome;
using testing_lanes::PlantedFault;
using testing_lanes::run_cell;

constexpr std::uint64_t kShare = 1501;  // no multiple of a batch

// The smallest value, one that is no power of two, and a large one, as far as the workload goes.
const std::map<std::string, std::vector<std::int64_t>> kParameters = {
    {"stack/frame", {16, 300, 65536}},
    {"stack/escape", {16, 300, 65536}},
    {"stack/runtime-size", {16, 300, 65536}},
    {"heap/pair", {8, 1000, 20000}},
    {"heap/batch", {1, 25, 1600}},
    {"heap/slots", {1, 1000, 4096}},
    {"latency/slots", {1, 1000, 4096}},
};

class StackHeapWorkload : public testing::TestWithParam<std::string> {
 protected:
  const RegisteredWorkload& workload() const {
    const RegisteredWorkload* found = find_workload(GetParam());
    if (found == nullptr) throw std::logic_error("not registered: " + GetParam());
    return *found;
  }

  // Variants that run under any allocator, times parameter values, times threads.
  template <class Body>
  void for_each_cell(const std::vector<unsigned>& threads, Body body) const {
    for (const VariantInfo& variant : workload().info.variants) {
      if (!variant.only_allocator.empty()) continue;
      for (const std::int64_t parameter : kParameters.at(GetParam())) {
        for (const unsigned count : threads) {
          SCOPED_TRACE(variant.name + " " + std::to_string(parameter) + " threads " +
                       std::to_string(count));
          body(variant, CellSpec{.workload = GetParam(),
                                 .variant = variant.name,
                                 .parameter = parameter,
                                 .threads = count,
                                 .seed = 1});
        }
      }
    }
  }
};

TEST_P(StackHeapWorkload, EveryVariantVerifiesAndFreesEverything) {
  int cells = 0;
  for_each_cell({1, 2, 4}, [&](const VariantInfo&, const CellSpec& spec) {
    ++cells;
    const LaneOutcome outcome = run_cell(spec, kShare);
    EXPECT_EQ(outcome.failures, std::vector<std::string>());
    EXPECT_EQ(outcome.live_after, 0);
    EXPECT_EQ(outcome.operations, 2 * kShare * spec.threads);
  });
  EXPECT_GE(cells, 2 * 3 * 3);
}

TEST_P(StackHeapWorkload, FlippedByteFailsTheCheckOfEveryLane) {
  const PlantedFault fault("flip-byte");
  for_each_cell({1, 2}, [&](const VariantInfo&, const CellSpec& spec) {
    EXPECT_EQ(run_cell(spec, kShare).failures.size(), spec.threads);
  });
}

TEST_P(StackHeapWorkload, LostOperationFailsTheCheckOfEveryLane) {
  const PlantedFault fault("drop");
  for_each_cell({1, 2}, [&](const VariantInfo&, const CellSpec& spec) {
    EXPECT_EQ(run_cell(spec, kShare).failures.size(), spec.threads);
  });
}

TEST_P(StackHeapWorkload, ForgottenFreeFailsTheCheckWhereTheWorkloadHoldsMemory) {
  const PlantedFault fault("skip-free");
  int holding = 0;
  for_each_cell({1, 2}, [&](const VariantInfo& variant, const CellSpec& spec) {
    // A frame frees itself, and what malloc and the smart pointers return here lives within one
    // function: there is nothing to forget.
    if (workload().info.suite() == "stack" && variant.name.find("arena") == std::string::npos) {
      return;
    }
    ++holding;
    EXPECT_EQ(run_cell(spec, kShare).failures.size(), spec.threads);
  });
  EXPECT_GE(holding, 3 * 2);
}

TEST_P(StackHeapWorkload, SameSeedLeavesTheSameLiveBytes) {
  for_each_cell({2}, [&](const VariantInfo&, const CellSpec& spec) {
    // How much uncounted work a lane gets to depends on when the others finish.
    const auto live = [&] { return run_cell(spec, kShare, 2, /*uncounted=*/false).live_between; };
    EXPECT_EQ(live(), live());
  });
}

INSTANTIATE_TEST_SUITE_P(All, StackHeapWorkload,
                         testing::Values("stack/frame", "stack/escape", "stack/runtime-size",
                                         "heap/pair", "heap/batch", "heap/slots", "latency/slots"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::replace_if(
                               name.begin(), name.end(),
                               [](char c) { return c == '/' || c == '-'; }, '_');
                           return name;
                         });

TEST(HeapSlotsWorkload, LiveBytesAreThoseThatItDeclares) {
  const RegisteredWorkload* slots = find_workload("heap/slots");
  ASSERT_NE(slots, nullptr);
  const LaneOutcome outcome = run_cell({.workload = "heap/slots",
                                        .variant = "malloc",
                                        .parameter = 1 << 16,
                                        .threads = 1,
                                        .seed = 3},
                                       kShare);
  const double declared = slots->info.live_bytes.at(1, 1 << 16);
  EXPECT_NEAR(static_cast<double>(outcome.live_between), declared, 0.25 * declared);
}

TEST(HeapPairWorkload, ForeignInterfaceIsUnavailableWithoutItsAllocator) {
  const RegisteredWorkload* pair = find_workload("heap/pair");
  ASSERT_NE(pair, nullptr);
  for (const char* variant : {"mimalloc-heap", "jemalloc-arena"}) {
    const auto object =
        pair->factory({.workload = "heap/pair", .variant = variant, .parameter = 64});
    Lane lane;
    try {
      object->setup(lane);
      ADD_FAILURE() << variant << " ran without its allocator";
    } catch (const CannotRun& reason) {
      EXPECT_EQ(reason.kind(), CannotRun::Kind::kUnavailable);
      EXPECT_NE(std::string(reason.what()).find("run the variant under allocator"),
                std::string::npos);
    }
  }
}

TEST(StackHeapWorkloads, UnknownVariantIsRefused) {
  for (const auto& [name, parameters] : kParameters) {
    const RegisteredWorkload* workload = find_workload(name);
    ASSERT_NE(workload, nullptr) << name;
    EXPECT_THROW(
        workload->factory({.workload = name, .variant = "none", .parameter = parameters[0]}),
        UserError);
  }
}

}  // namespace
}  // namespace stackheap
