// memory/fragmentation, memory/blow-up and memory/thread-exit, driven by their scripts as the
// harness does.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "harness/worker/workload.hpp"
#include "tests/fakes/recording_script.hpp"

namespace stackheap {
namespace {

constexpr std::int64_t kMebibyte = 1 << 20;

class PlantedResidentFault {
 public:
  explicit PlantedResidentFault(const char* fault) {
    if (::setenv("STACKHEAP_TEST_FAULT", fault, 1) != 0) std::abort();
  }
  ~PlantedResidentFault() { ::unsetenv("STACKHEAP_TEST_FAULT"); }
};

CellSpec cell(std::string_view workload, std::string_view variant, std::int64_t parameter,
              unsigned threads) {
  return {.workload = workload,
          .variant = variant,
          .parameter = parameter,
          .threads = threads,
          .seed = 1};
}

void run_workload(const CellSpec& spec, RecordingScript& script) {
  const RegisteredWorkload* workload = find_workload(spec.workload);
  ASSERT_NE(workload, nullptr);
  const auto object = workload->factory(spec);
  object->run(script);
  object->finish();
}

std::int64_t live_after(RecordingScript& script) {
  std::int64_t live = 0;
  for (const Lane& lane : script.lanes()) live += lane.live_bytes;
  return live;
}

std::string failure_of(const CellSpec& spec) {
  RecordingScript script(spec);
  try {
    run_workload(spec, script);
  } catch (const CheckFailed& error) {
    return error.what();
  }
  return "";
}

// Each fault's message begins with the workload's name and says what was found.
void expect_each_fault_is_found(const CellSpec& spec, const std::string& begin) {
  const std::pair<const char*, const char*> faults[] = {
      {"flip-byte", "1 objects do not hold what was written"},
      {"drop", "objects were freed of"},
      {"skip-free", "bytes are still live"}};
  for (const auto& [name, message] : faults) {
    const PlantedResidentFault fault(name);
    const std::string failure = failure_of(spec);
    EXPECT_EQ(failure.find(begin), 0U) << name << ": " << failure;
    EXPECT_NE(failure.find(message), std::string::npos) << name << ": " << failure;
  }
}

TEST(FragmentationWorkload, HoldsTheSameBytesInEveryPhaseAndWatchesTheEnd) {
  for (const unsigned threads : {1U, 2U, 3U}) {
    SCOPED_TRACE(threads);
    const CellSpec spec = cell("memory/fragmentation", "malloc", 4, threads);
    RecordingScript script(spec);
    run_workload(spec, script);
    EXPECT_EQ(script.baselines, 1);
    EXPECT_EQ(script.phases, (std::vector<std::string>{"grow", "small", "large", "mixed", "free",
                                                       "freed", "watched"}));
    EXPECT_EQ(live_after(script), 0);
    ASSERT_EQ(script.reports.size(), 1U);
    EXPECT_GT(std::stoull(script.reports.at("rss_after_free_100ms_bytes")), 1U << 20U);
    // What is missing is less than the two objects of each lane that had no room at the fullest
    // moment: that after `grow`, with the smallest objects.
    EXPECT_LE(script.live, 4 * kMebibyte);
    EXPECT_GT(script.live, 4 * kMebibyte - 2 * 256 * static_cast<int>(threads));
  }
}

TEST(FragmentationWorkload, ManyThreadsHaveEnoughForTheirLargestObjects) {
  const CellSpec spec = cell("memory/fragmentation", "malloc", 4, 16);
  RecordingScript script(spec);
  run_workload(spec, script);
  EXPECT_LE(script.live, 8 * kMebibyte);  // half a MiB each
  EXPECT_GT(script.live, 8 * kMebibyte - 16 * 2 * 256);
  EXPECT_EQ(live_after(script), 0);
}

TEST(FragmentationWorkload, EachPlantedFaultFailsItsCheck) {
  for (const unsigned threads : {1U, 2U}) {
    expect_each_fault_is_found(cell("memory/fragmentation", "malloc", 4, threads),
                               "memory/fragmentation: lane 0: ");
  }
}

TEST(BlowUpWorkload, OneBatchIsLiveHoweverManyThreadsAndTurns) {
  for (const char* variant : {"rotating", "fixed-roles"}) {
    for (const unsigned threads : {1U, 2U, 3U, 5U}) {
      for (const std::int64_t turns : {1, 7}) {
        SCOPED_TRACE(std::string(variant) + " threads " + std::to_string(threads));
        const CellSpec spec = cell("memory/blow-up", variant, turns, threads);
        RecordingScript script(spec);
        run_workload(spec, script);
        EXPECT_LE(script.live, 8 * kMebibyte);
        EXPECT_GT(script.live, 8 * kMebibyte - 512);
        EXPECT_EQ(live_after(script), 0);
      }
    }
  }
}

TEST(BlowUpWorkload, EveryThreadHasTheRoleThatItsVariantSays) {
  // A lane's live bytes are what it allocated less what it freed, over the whole run.
  const CellSpec fixed = cell("memory/blow-up", "fixed-roles", 8, 3);
  RecordingScript script(fixed);
  run_workload(fixed, script);
  EXPECT_GT(script.lanes()[0].live_bytes, 7 * 8 * kMebibyte);
  EXPECT_EQ(script.lanes()[1].live_bytes, 0);
  EXPECT_EQ(script.lanes()[2].live_bytes, -script.lanes()[0].live_bytes);

  // Rotating, each produces as often as it frees: the batches differ by less than an object.
  const CellSpec rotating = cell("memory/blow-up", "rotating", 9, 3);
  RecordingScript rotated(rotating);
  run_workload(rotating, rotated);
  bool any = false;
  for (const Lane& lane : rotated.lanes()) {
    EXPECT_LT(std::abs(lane.live_bytes), 3 * 512);
    any = any || lane.live_bytes != 0;
  }
  EXPECT_TRUE(any);
}

TEST(BlowUpWorkload, EachPlantedFaultFailsItsCheck) {
  for (const unsigned threads : {1U, 2U}) {
    for (const char* variant : {"rotating", "fixed-roles"}) {
      expect_each_fault_is_found(cell("memory/blow-up", variant, 2, threads), "memory/blow-up: ");
    }
  }
}

TEST(ThreadExitWorkload, AllThreadsOfAGenerationHoldTheirPartsAtOnce) {
  for (const unsigned threads : {1U, 2U, 3U}) {
    for (const std::int64_t exits : {1, 7}) {
      SCOPED_TRACE(std::to_string(threads) + " threads, exits " + std::to_string(exits));
      const CellSpec spec = cell("memory/thread-exit", "malloc", exits, threads);
      RecordingScript script(spec);
      run_workload(spec, script);
      EXPECT_EQ(script.phases,
                (std::vector<std::string>{"come-and-go", "free", "freed", "watched"}));
      EXPECT_LE(script.live, 8 * kMebibyte);
      EXPECT_GT(script.live, 8 * kMebibyte - 33 * static_cast<int>(threads));
      EXPECT_EQ(live_after(script), 0);
      ASSERT_EQ(script.reports.size(), 1U);
      EXPECT_GT(std::stoull(script.reports.at("rss_after_free_100ms_bytes")), 1U << 20U);
    }
  }
}

TEST(ThreadExitWorkload, EachPlantedFaultFailsItsCheck) {
  for (const unsigned threads : {1U, 2U}) {
    expect_each_fault_is_found(cell("memory/thread-exit", "malloc", 4, threads),
                               "memory/thread-exit: lane 0: ");
  }
}

TEST(ResidentWorkloads, BlocksOfAnotherThreadAreDeclared) {
  EXPECT_TRUE(find_workload("memory/blow-up")->info.blocks_migrate);
  for (const char* name : {"memory/fragmentation", "memory/thread-exit"}) {
    EXPECT_FALSE(find_workload(name)->info.blocks_migrate) << name;
    EXPECT_TRUE(find_workload(name)->info.timeline) << name;
  }
}

}  // namespace
}  // namespace stackheap
