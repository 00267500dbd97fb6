// memory/overhead and memory/decay, driven by their scripts as the harness does.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "harness/worker/workload.hpp"
#include "tests/fakes/recording_script.hpp"

namespace stackheap {
namespace {

class PlantedMemoryFault {
 public:
  explicit PlantedMemoryFault(const char* fault) {
    if (::setenv("STACKHEAP_TEST_FAULT", fault, 1) != 0) std::abort();
  }
  ~PlantedMemoryFault() { ::unsetenv("STACKHEAP_TEST_FAULT"); }
};

std::string failure_of(const CellSpec& spec) {
  RecordingScript script(spec);
  const auto object = find_workload(spec.workload)->factory(spec);
  try {
    object->run(script);
  } catch (const CheckFailed& error) {
    return error.what();
  }
  return "";
}

void run_workload(const CellSpec& spec, RecordingScript& script) {
  const auto object = find_workload(spec.workload)->factory(spec);
  object->run(script);
  object->finish();
  for (const Lane& lane : script.lanes()) EXPECT_EQ(lane.live_bytes, 0);
}

CellSpec overhead(std::int64_t size, unsigned threads) {
  return {.workload = "memory/overhead",
          .variant = "malloc",
          .parameter = size,
          .threads = threads,
          .seed = 1};
}

CellSpec decay(std::string_view variant, unsigned threads, std::uint64_t seed = 1) {
  return {.workload = "memory/decay",
          .variant = variant,
          .parameter = 100,
          .threads = threads,
          .seed = seed};
}

TEST(MemoryOverheadWorkload, HoldsAMillionObjectsOrAQuarterOfAGibibyte) {
  for (const unsigned threads : {1U, 3U}) {
    RecordingScript small(overhead(8, threads));
    run_workload(overhead(8, threads), small);
    EXPECT_EQ(small.live, 8'000'000);
    EXPECT_EQ(small.baselines, 1);
    EXPECT_TRUE(small.reports.empty());
  }
  RecordingScript large(overhead(4096, 2));
  run_workload(overhead(4096, 2), large);
  EXPECT_EQ(large.live, 256 << 20);
}

TEST(MemoryOverheadWorkload, EachPlantedFaultFailsItsCheck) {
  const std::pair<const char*, const char*> faults[] = {
      {"flip-byte", "memory/overhead: lane 0: 1 objects do not hold what was written"},
      {"drop", "memory/overhead: lane 0: 1 objects are lost"},
      {"skip-free", "memory/overhead: lane 0: 16 bytes are still live"}};
  for (const auto& [name, message] : faults) {
    const PlantedMemoryFault fault(name);
    EXPECT_EQ(failure_of(overhead(16, 2)), message) << name;
  }
}

TEST(MemoryDecayWorkload, GrowsToTheSameBytesMarksItsPhasesAndReportsItsWatch) {
  for (const char* variant : {"idle", "active"}) {
    for (const unsigned threads : {1U, 2U, 3U}) {
      SCOPED_TRACE(std::string(variant) + " threads " + std::to_string(threads));
      RecordingScript script(decay(variant, threads));
      run_workload(decay(variant, threads), script);
      // A rest below the smallest object may be left of each thread's part.
      EXPECT_LE(script.live, 16 << 20);
      EXPECT_GT(script.live, (16 << 20) - 32 * static_cast<int>(threads) - 3);
      EXPECT_EQ(script.phases,
                (std::vector<std::string>{"grow", "hold", "free", "freed", "watched"}));
      ASSERT_EQ(script.reports.size(), 1U);
      EXPECT_GT(std::stoull(script.reports.at("rss_after_free_100ms_bytes")), 1U << 20U);
    }
  }
}

TEST(MemoryDecayWorkload, EachPlantedFaultFailsItsCheck) {
  const std::pair<const char*, const char*> faults[] = {
      {"flip-byte", "1 objects do not hold what was written"},
      {"drop", "objects were freed of"},
      {"skip-free", "bytes are still live"}};
  for (const auto& [name, message] : faults) {
    const PlantedMemoryFault fault(name);
    for (const unsigned threads : {1U, 2U}) {
      const std::string failure = failure_of(decay("idle", threads));
      EXPECT_NE(failure.find(message), std::string::npos) << name << ": " << failure;
      EXPECT_EQ(failure.find("memory/decay: lane "), 0U) << failure;
    }
  }
}

TEST(MemoryDecayWorkload, OtherSeedsMakeOtherObjects) {
  const PlantedMemoryFault fault("drop");
  // The message says how many objects there were.
  EXPECT_EQ(failure_of(decay("idle", 1, 1)), failure_of(decay("idle", 1, 1)));
  EXPECT_NE(failure_of(decay("idle", 1, 1)), failure_of(decay("idle", 1, 2)));
}

}  // namespace
}  // namespace stackheap
