// fibers/live and what fibers/create reports beside its windows: every limit it provokes is
// survived, named and left clean.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <string>

#include "harness/base/build_info.hpp"
#include "harness/base/file.hpp"
#include "suites/common/stack_kinds.hpp"
#include "tests/lane_fixture.hpp"

namespace stackheap {
namespace {

using testing_lanes::LaneOutcome;
using testing_lanes::PlantedFault;
using testing_lanes::run_cell;

LaneOutcome live(std::string_view variant, std::int64_t count, unsigned threads = 1) {
  return run_cell({.workload = "fibers/live",
                   .variant = variant,
                   .parameter = count,
                   .threads = threads,
                   .seed = 3},
                  1);
}

double number(const LaneOutcome& outcome, std::string_view metric) {
  const auto found = outcome.reports.find(metric);
  return found == outcome.reports.end() ? -1 : std::stod(found->second);
}

std::string reason(const LaneOutcome& outcome) {
  const auto found = outcome.reports.find("limit_reason");
  return found == outcome.reports.end() ? "" : found->second;
}

void expect_clean(const LaneOutcome& outcome) {
  EXPECT_EQ(outcome.failures, std::vector<std::string>());
  EXPECT_EQ(outcome.cannot_run, "");
  EXPECT_EQ(outcome.live_after, 0);
}

TEST(FibersLive, EveryKindHoldsAllThatAreAskedForSharedOutToTheLanes) {
  for (const VariantInfo& variant : find_workload("fibers/live")->info.variants) {
    for (const unsigned threads : {1U, 3U}) {
      SCOPED_TRACE(variant.name + " threads " + std::to_string(threads));
      const LaneOutcome outcome = live(variant.name, 100, threads);
      if (!outcome.cannot_run.empty()) continue;
      expect_clean(outcome);
      EXPECT_EQ(number(outcome, "max_live"), 100);
      EXPECT_EQ(reason(outcome), "none");
      EXPECT_GT(number(outcome, "create_ns"), 0);
      EXPECT_GT(number(outcome, "destroy_ns"), 0);
      EXPECT_GE(outcome.live_between, 100 * 4096);
    }
  }
}

TEST(FibersLive, ALaneWithoutAShareIsNoTrouble) {
  const LaneOutcome outcome = live("coroutine", 2, 5);
  expect_clean(outcome);
  EXPECT_EQ(number(outcome, "max_live"), 2);
}

TEST(FibersLive, MemoryAndMappingsAreThoseOfTheKind) {
  if (!sanitizer().empty()) GTEST_SKIP() << "a sanitizer adds memory of its own";
  const LaneOutcome mapped = live("fiber-mmap", 1'000);
  EXPECT_GE(number(mapped, "rss_per_stack_bytes"), 2 * 4096);
  EXPECT_LE(number(mapped, "rss_per_stack_bytes"), 3 * 4096);
  EXPECT_NEAR(number(mapped, "regions_per_stack"), 0, 0.01);
  EXPECT_NEAR(number(mapped, "stacks_per_gib") * number(mapped, "rss_per_stack_bytes"), 1U << 30U,
              1024);
  EXPECT_NEAR(number(live("fiber-protected", 1'000), "regions_per_stack"), 2, 0.01);
}

TEST(FibersLive, ProtectedStacksStopBeforeTheLimitOfMappings) {
  const auto most = kernel_number("/proc/sys/vm/max_map_count");
  if (!most || *most > 150'000) GTEST_SKIP() << "the limit of mappings is too high to be met";
  if (!sanitizer().empty()) GTEST_SKIP() << "a sanitizer maps for itself";
  const LaneOutcome outcome = live("fiber-protected", 100'000);
  expect_clean(outcome);
  EXPECT_EQ(reason(outcome), "max_map_count");
  const double mappings = 2 * number(outcome, "max_live");
  EXPECT_LT(mappings, static_cast<double>(*most));
  EXPECT_GT(mappings, static_cast<double>(*most) - 2 * static_cast<double>(kMappingReserve));
}

TEST(FibersLive, ThreadsStopAtTheCap) {
  if (sanitizer() == "thread") GTEST_SKIP() << "too many threads for ThreadSanitizer";
  const LaneOutcome outcome = live("thread-small-stack", 5'000);
  expect_clean(outcome);
  EXPECT_EQ(reason(outcome), "cap");
  EXPECT_EQ(number(outcome, "max_live"), static_cast<double>(kernel_thread_limit().most - 1));
}

// In a child: leaves `headroom` more address space than it has, and says what is wrong, or exits 0.
[[noreturn]] void run_out_of_memory(const std::string& variant) {
  constexpr rlim_t kHeadroom = rlim_t{256} << 20U;
  const auto pages = read_file("/proc/self/statm");
  const rlim_t mapped = std::stoull(pages) * MappedStack::page_bytes();
  const rlimit limit{mapped + kHeadroom, mapped + kHeadroom};
  if (::setrlimit(RLIMIT_AS, &limit) != 0) ::_exit(2);
  const LaneOutcome outcome = live(variant, 100'000);
  const bool is_thread = stack_kind(variant).kernel_threads > 0;
  std::string wrong;
  if (!outcome.cannot_run.empty()) wrong = "cannot run: " + outcome.cannot_run;
  if (!outcome.failures.empty()) wrong = outcome.failures[0];
  if (number(outcome, "max_live") < (is_thread ? 10 : 500))
    wrong = "too few: " + std::to_string(number(outcome, "max_live"));
  if (number(outcome, "max_live") >= 100'000) wrong = "too many";
  if (reason(outcome) != "no_memory") wrong = "its reason is '" + reason(outcome) + "'";
  if (outcome.live_after != 0) wrong = "not clean";
  std::fprintf(stderr, "%s\n", wrong.empty() ? "survived" : wrong.c_str());
  ::_exit(wrong.empty() ? 0 : 1);
}

TEST(FibersLiveDeathTest, EveryKindSurvivesTheEndOfItsAddressSpace) {
  if (!sanitizer().empty()) GTEST_SKIP() << "a sanitizer needs the whole address space";
  for (const VariantInfo& variant : find_workload("fibers/live")->info.variants) {
    if (variant.name == "fiber-guarded" && !GuardedStack::is_supported()) continue;
    EXPECT_EXIT(run_out_of_memory(variant.name), testing::ExitedWithCode(0), "survived")
        << variant.name;
  }
}

TEST(FibersLive, EachPlantedFaultIsNamed) {
  const std::pair<const char*, std::string> faults[] = {
      {"flip-byte", "fibers/live: 1 contexts did not find what they had written"},
      {"drop", "fibers/live: 99 contexts ran of 100"},
      {"skip-free", "fibers/live: 65536 bytes of stacks were not given back"}};
  for (const auto& [name, message] : faults) {
    const PlantedFault fault(name);
    const LaneOutcome outcome = live("fiber-mmap", 100);
    if (!outcome.cannot_run.empty()) GTEST_SKIP() << outcome.cannot_run;
    EXPECT_EQ(outcome.failures, std::vector<std::string>{message});
  }
}

TEST(FibersCreate, OneThreadAlsoWeighsContextsThatWait) {
  for (const char* variant : {"coroutine", "thread-small-stack", "call"}) {
    for (const unsigned threads : {1U, 2U}) {
      SCOPED_TRACE(variant);
      const LaneOutcome outcome = run_cell({.workload = "fibers/create",
                                            .variant = variant,
                                            .parameter = 65'536,
                                            .threads = threads,
                                            .seed = 3},
                                           10);
      expect_clean(outcome);
      const bool weighed = threads == 1 && std::string_view(variant) != "call";
      EXPECT_EQ(outcome.reports.contains("create_ns"), weighed);
      EXPECT_EQ(outcome.reports.contains("destroy_ns"), weighed);
      EXPECT_EQ(outcome.reports.contains("regions_per_stack"), weighed);
    }
  }
}

}  // namespace
}  // namespace stackheap
