// Every variant of heap/strings, heap/vectors, heap/maps and heap/json, driven as the harness does:
// setup, steps and verify of each lane on a thread of its own.
#include <gtest/gtest.h>

#include <barrier>
#include <cstdlib>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "harness/base/mapped.hpp"
#include "harness/worker/workload.hpp"

namespace stackheap {
namespace {

constexpr std::uint64_t kStep = 301;

const std::map<std::string, std::vector<std::int64_t>> kValues = {
    {"heap/strings", {1, 16, 100}},
    {"heap/vectors", {1, 37, 1000}},
    {"heap/maps", {1, 37, 3000}},
    {"heap/json", {1, 37}},
};

class PlantedContainerFault {
 public:
  explicit PlantedContainerFault(const char* fault) {
    if (::setenv("STACKHEAP_TEST_FAULT", fault, 1) != 0) std::abort();
  }
  ~PlantedContainerFault() { ::unsetenv("STACKHEAP_TEST_FAULT"); }
};

struct Outcome {
  std::vector<std::string> failures;  // what each failed lane's CheckFailed said
  std::vector<std::uint64_t> operations;
  std::int64_t live_before = 0;  // after the last step
  std::int64_t live_after = 0;   // after verify
};

Outcome run(const CellSpec& spec) {
  MappedArray<Lane> lanes(spec.threads);
  const auto object = find_workload(spec.workload)->factory(spec);
  std::barrier phase(static_cast<std::ptrdiff_t>(spec.threads));
  std::vector<std::string> failure(spec.threads);
  std::vector<std::int64_t> live(spec.threads);
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < spec.threads; ++i) {
    lanes[i].index = i;
    lanes[i].count = spec.threads;
    lanes[i].random = Random(derive_seed(spec.seed, i));
    threads.emplace_back([&, i] {
      object->setup(lanes[i]);
      phase.arrive_and_wait();
      object->step(lanes[i], kStep);
      object->step(lanes[i], 1);
      live[i] = lanes[i].live_bytes;
      phase.arrive_and_wait();
      try {
        object->verify(lanes[i]);
      } catch (const CheckFailed& error) {
        failure[i] = error.what();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  Outcome outcome;
  for (unsigned i = 0; i < spec.threads; ++i) {
    if (!failure[i].empty()) outcome.failures.push_back(failure[i]);
    outcome.operations.push_back(lanes[i].counter);
    outcome.live_before += live[i];
    outcome.live_after += lanes[i].live_bytes;
  }
  object->finish();
  return outcome;
}

class ContainerWorkload : public testing::TestWithParam<std::string> {
 protected:
  // Variants times parameter values times threads.
  template <class Body>
  static void for_each_cell(const std::vector<unsigned>& threads, Body body) {
    const RegisteredWorkload* workload = find_workload(GetParam());
    ASSERT_NE(workload, nullptr);
    for (const VariantInfo& variant : workload->info.variants) {
      for (const std::int64_t parameter : kValues.at(GetParam())) {
        for (const unsigned count : threads) {
          SCOPED_TRACE(variant.name + " " + std::to_string(parameter) + " threads " +
                       std::to_string(count));
          body(CellSpec{.workload = GetParam(),
                        .variant = variant.name,
                        .parameter = parameter,
                        .threads = count,
                        .seed = 1});
        }
      }
    }
  }

  static void expect_that_every_lane_fails(const char* name) {
    const PlantedContainerFault fault(name);
    int cells = 0;
    for_each_cell({1, 2}, [&](const CellSpec& spec) {
      ++cells;
      const Outcome outcome = run(spec);
      EXPECT_EQ(outcome.failures.size(), spec.threads);
      for (const std::string& failure : outcome.failures) {
        EXPECT_EQ(failure.find(GetParam() + ": lane "), 0U) << failure;
      }
    });
    EXPECT_GE(cells, 2 * 2 * 2);
  }
};

TEST_P(ContainerWorkload, EveryVariantVerifiesAndFreesEverything) {
  int cells = 0;
  for_each_cell({1, 2, 4}, [&](const CellSpec& spec) {
    ++cells;
    const Outcome outcome = run(spec);
    EXPECT_EQ(outcome.failures, std::vector<std::string>());
    EXPECT_EQ(outcome.live_after, 0);
    for (const std::uint64_t operations : outcome.operations) EXPECT_GT(operations, kStep);
  });
  EXPECT_GE(cells, 2 * 2 * 3);
}

TEST_P(ContainerWorkload, FlippedByteFailsTheCheckOfEveryLane) {
  expect_that_every_lane_fails("flip-byte");
}

TEST_P(ContainerWorkload, LostOperationFailsTheCheckOfEveryLane) {
  expect_that_every_lane_fails("drop");
}

TEST_P(ContainerWorkload, ForgottenFreeFailsTheCheckOfEveryLane) {
  expect_that_every_lane_fails("skip-free");
}

TEST_P(ContainerWorkload, SameSeedLeavesTheSameLiveBytesWithinWhatIsDeclared) {
  const LiveBytes declared = find_workload(GetParam())->info.live_bytes;
  for_each_cell({2}, [&](const CellSpec& spec) {
    const std::int64_t live = run(spec).live_before;
    EXPECT_EQ(live, run(spec).live_before);
    EXPECT_LE(static_cast<double>(live), declared.at(2, spec.parameter) + 1024);
    // heap/strings destroys what it builds within an operation.
    EXPECT_EQ(live > 0, GetParam() != "heap/strings");
  });
}

TEST_P(ContainerWorkload, UnknownVariantIsRefused) {
  const RegisteredWorkload* workload = find_workload(GetParam());
  ASSERT_NE(workload, nullptr);
  EXPECT_THROW(workload->factory({.workload = GetParam(), .variant = "none", .parameter = 1}),
               UserError);
}

INSTANTIATE_TEST_SUITE_P(All, ContainerWorkload,
                         testing::Values("heap/strings", "heap/vectors", "heap/maps", "heap/json"),
                         [](const auto& test) {
                           std::string name = test.param;
                           name[name.find('/')] = '_';
                           return name;
                         });

TEST(HeapMapsWorkload, LiveBytesAreWhatTheNodesAskFor) {
  const auto live = [](std::string_view variant) {
    return run({.workload = "heap/maps", .variant = variant, .parameter = 3000, .seed = 1})
        .live_before;
  };
  EXPECT_EQ(live("map"), 3000 * 48);
  EXPECT_EQ(live("pmr-pool"), 3000 * 48);
  EXPECT_EQ(live("no-alloc"), 3000 * 48);
  EXPECT_GT(live("unordered-map"), 3000 * (24 + 8));
  EXPECT_EQ(live("no-alloc-unordered-map"), live("unordered-map"));
}

}  // namespace
}  // namespace stackheap
