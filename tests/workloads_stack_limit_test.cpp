// stack/limit and stack/own: what a stack's end does, and that stacks are one's own.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "suites/common/stack_kinds.hpp"
#include "suites/stack/overflow.hpp"
#include "tests/lane_fixture.hpp"

namespace stackheap {
namespace {

using testing_lanes::LaneOutcome;
using testing_lanes::PlantedFault;
using testing_lanes::run_cell;

constexpr bool kOverflowIsTried = !kBuiltWithAddressSanitizer && !kBuiltWithThreadSanitizer;

LaneOutcome limit(std::string_view variant) {
  return run_cell({.workload = "stack/limit", .variant = variant, .threads = 1, .seed = 1}, 1);
}

double number(const LaneOutcome& outcome, std::string_view metric) {
  const auto found = outcome.reports.find(metric);
  return found == outcome.reports.end() ? -1 : std::strtod(found->second.c_str(), nullptr);
}

// This test's malloc is the C library's, whose blocks of 64 KiB lie side by side without a guard.
struct Expected {
  const char* variant;
  const char* overflow;
  std::size_t most_bytes;
};
const Expected kExpected[] = {
    {"fiber-fixedsize", "silent_corruption", kFiberStackBytes},
    {"fiber-pooled", "silent_corruption", kFiberStackBytes},
    {"fiber-protected", "guard_hit", kFiberStackBytes},
    {"fiber-guarded", "guard_hit", kFiberStackBytes},
    {"fiber-mmap", "silent_corruption", kFiberStackBytes},
};

TEST(StackLimitWorkload, EveryKindEndsAsItsGuardSaysAndNearlyAllOfItIsUsable) {
  if (!kOverflowIsTried) GTEST_SKIP() << "a sanitizer handles the faults";
  for (const Expected& expected : kExpected) {
    SCOPED_TRACE(expected.variant);
    const LaneOutcome outcome = limit(expected.variant);
    EXPECT_EQ(outcome.failures, std::vector<std::string>());
    if (!outcome.cannot_run.empty()) {
      EXPECT_EQ(std::string_view(expected.variant), "fiber-guarded") << outcome.cannot_run;
      continue;
    }
    EXPECT_EQ(outcome.reports.at("overflow"), expected.overflow);
    EXPECT_GT(number(outcome, "usable_stack_bytes"),
              0.9 * static_cast<double>(expected.most_bytes));
    EXPECT_LE(number(outcome, "usable_stack_bytes"), static_cast<double>(expected.most_bytes));
  }
}

TEST(StackLimitWorkload, SmallThreadHasAtLeastWhatItAskedFor) {
  if (!kOverflowIsTried) GTEST_SKIP() << "a sanitizer handles the faults";
  const LaneOutcome outcome = limit("pthread-256k");
  EXPECT_EQ(outcome.failures, std::vector<std::string>());
  EXPECT_EQ(outcome.reports.at("overflow"), "guard_hit");
  EXPECT_GT(number(outcome, "usable_stack_bytes"), 0.9 * (256U << 10U));
  // glibc may hand it a dead thread's stack, up to four times as large; other tests leave some.
  EXPECT_LE(number(outcome, "usable_stack_bytes"), 4.0 * (256U << 10U));
}

TEST(StackLimitWorkload, MainThreadAndDefaultThreadsHaveWhatUlimitSays) {
  if (!kOverflowIsTried) GTEST_SKIP() << "a sanitizer handles the faults";
  rlimit stack{};
  ASSERT_EQ(::getrlimit(RLIMIT_STACK, &stack), 0);
  if (stack.rlim_cur > (1U << 30U)) GTEST_SKIP() << "ulimit -s is too large here";
  for (const char* variant : {"main", "pthread-default"}) {
    SCOPED_TRACE(variant);
    const LaneOutcome outcome = limit(variant);
    EXPECT_EQ(outcome.failures, std::vector<std::string>());
    EXPECT_EQ(outcome.cannot_run, "");
    EXPECT_EQ(outcome.reports.at("overflow"), "guard_hit");
    EXPECT_GT(number(outcome, "usable_stack_bytes"), 0.9 * static_cast<double>(stack.rlim_cur));
    EXPECT_LE(number(outcome, "usable_stack_bytes"), static_cast<double>(stack.rlim_cur));
  }
}

TEST(StackLimitWorkload, MainStackWithoutALimitIsUnsupportedAndNotFilled) {
  if (!kOverflowIsTried) GTEST_SKIP() << "a sanitizer handles the faults";
  rlimit stack{};
  ASSERT_EQ(::getrlimit(RLIMIT_STACK, &stack), 0);
  if (stack.rlim_max != RLIM_INFINITY) GTEST_SKIP() << "the limit cannot be raised here";
  const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
  ASSERT_EQ(::setrlimit(RLIMIT_STACK, &unlimited), 0);
  const LaneOutcome outcome = limit("main");
  ASSERT_EQ(::setrlimit(RLIMIT_STACK, &stack), 0);
  EXPECT_NE(outcome.cannot_run.find("ulimit -s 8192"), std::string::npos) << outcome.cannot_run;
}

TEST(StackLimitWorkload, SanitizerBuildsSayThatTheyCannot) {
  if (kOverflowIsTried) GTEST_SKIP() << "this is no sanitizer build";
  EXPECT_NE(limit("pthread-256k").cannot_run.find("sanitizer"), std::string::npos);
}

TEST(StackLimitWorkload, DamagedOrLostFrameFailsTheCheckOfEveryKind) {
  if (!kOverflowIsTried) GTEST_SKIP() << "a sanitizer handles the faults";
  for (const char* name : {"flip-byte", "drop"}) {
    const PlantedFault fault(name);
    for (const Expected& expected : kExpected) {
      const LaneOutcome outcome = limit(expected.variant);
      if (!outcome.cannot_run.empty()) continue;
      ASSERT_EQ(outcome.failures.size(), 1U) << name << " " << expected.variant;
      EXPECT_EQ(outcome.failures[0].find("stack/limit: of "), 0U) << outcome.failures[0];
    }
  }
}

TEST(StackOverflow, OutcomeIsTheGuardsOnlyWithinItsRange) {
  overflow::Report report;
  report.place = {.stack = {.low = 0x20000, .high = 0x30000}, .guard_low = 0x1f000};
  report.ending = overflow::Ending::kSignal;
  for (const std::uintptr_t address : {0x1f000U, 0x1ffffU}) {
    report.fault_address = address;
    EXPECT_EQ(overflow::outcome_of(report, 0), "guard_hit");
  }
  for (const std::uintptr_t address : {0x0U, 0x1efffU, 0x20000U}) {
    report.fault_address = address;
    EXPECT_EQ(overflow::outcome_of(report, 0), "crashed_elsewhere");
  }
  EXPECT_EQ(overflow::outcome_of(report, SIGSEGV), "crashed_elsewhere");
  report.ending = overflow::Ending::kWentOn;
  EXPECT_EQ(overflow::outcome_of(report, 0), "silent_corruption");
}

TEST(StackOverflow, ReasonOfAChildThatCannotRunReachesTheParent) {
  overflow::SharedReport shared;
  EXPECT_THROW(overflow::run_in_child(shared.report(), [] { throw CannotRun("no stack today"); }),
               CannotRun);
  EXPECT_STREQ(shared.report().cannot_run, "no stack today");
}

LaneOutcome own(std::string_view variant, unsigned threads) {
  return run_cell({.workload = "stack/own", .variant = variant, .threads = threads, .seed = 1}, 1);
}

std::vector<std::string> own_variants() {
  std::vector<std::string> names;
  for (const VariantInfo& variant : find_workload("stack/own")->info.variants) {
    names.push_back(variant.name);
  }
  return names;
}

TEST(StackOwnWorkload, StacksOfAllLanesAreDisjointAndTheirPriceIsTold) {
  EXPECT_EQ(own_variants().size(), 8U);
  for (const std::string& variant : own_variants()) {
    for (const unsigned threads : {1U, 3U}) {
      SCOPED_TRACE(variant + " threads " + std::to_string(threads));
      const LaneOutcome outcome = own(variant, threads);
      EXPECT_EQ(outcome.failures, std::vector<std::string>());
      if (!outcome.cannot_run.empty()) {
        EXPECT_TRUE(variant.starts_with("fiber-")) << outcome.cannot_run;
        continue;
      }
      EXPECT_GT(number(outcome, "create_ns"), 0);
      EXPECT_GT(number(outcome, "destroy_ns"), 0);
      // No bound: earlier tests leave resident memory that is used again.
      EXPECT_EQ(outcome.reports.count("rss_per_stack_bytes"), 1U);
      EXPECT_GE(outcome.live_between, 255 * 4096);
      EXPECT_EQ(outcome.live_after, 0);
    }
  }
}

TEST(StackOwnWorkload, EveryFaultFailsTheCheck) {
  const std::map<std::string, std::string> faults = {{"flip-byte", "does not hold"},
                                                     {"drop", "not on its own stack"},
                                                     {"skip-free", "given back"}};
  for (const auto& [name, expected] : faults) {
    const PlantedFault fault(name.c_str());
    for (const std::string& variant : own_variants()) {
      const LaneOutcome outcome = own(variant, 2);
      if (!outcome.cannot_run.empty()) continue;
      ASSERT_EQ(outcome.failures.size(), 1U) << name << " " << variant;
      EXPECT_EQ(outcome.failures[0].find("stack/own: "), 0U) << outcome.failures[0];
      EXPECT_NE(outcome.failures[0].find(expected), std::string::npos) << outcome.failures[0];
    }
  }
}

}  // namespace
}  // namespace stackheap
