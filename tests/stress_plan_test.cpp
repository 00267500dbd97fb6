// What a stress run does in each pass, and what speaks against an allocator.
#include <gtest/gtest.h>

#include <cmath>

#include "harness/base/csv.hpp"
#include "harness/driver/known_deviations.hpp"
#include "harness/driver/stress.hpp"
#include "harness/driver/stress_csv.hpp"

namespace stackheap {
namespace {

CheckInfo check(std::string name, std::vector<CheckThreads> threads) {
  return {.name = std::move(name),
          .summary = "s",
          .source = "s",
          .randomised = true,
          .quick_seconds = 0.1,
          .seconds = 1,
          .threads = std::move(threads)};
}

Allocator allocator(std::string name) {
  Allocator result;
  result.name = std::move(name);
  return result;
}

StressOptions options() {
  StressOptions options;
  options.allocators = {allocator("a"), allocator("b")};
  options.checks = {check("blocks/one", {CheckThreads::kOne}),
                    check("threads/some", {CheckThreads::kCpus, CheckThreads::kMany})};
  options.cpus = 2;
  options.seed = 70;
  return options;
}

std::vector<std::string> words(const std::vector<PlannedCheck>& planned) {
  std::vector<std::string> all;
  for (const PlannedCheck& one : planned) {
    all.push_back(one.check->name + " " +
                  (one.allocator == nullptr ? "none" : one.allocator->name) + " " +
                  std::to_string(one.threads));
  }
  return all;
}

TEST(StressPlan, TheFirstPassIsShortAndLeavesOutTheCrowd) {
  const StressOptions all = options();
  const auto planned = plan_pass(all, 0);
  EXPECT_EQ(words(planned), (std::vector<std::string>{"blocks/one a 1", "threads/some a 2",
                                                      "blocks/one b 1", "threads/some b 2"}));
  EXPECT_EQ(planned[0].budget_seconds, 0.1);
}

TEST(StressPlan, TheSecondPassIsWholeAndHasTheSameSeed) {
  const StressOptions all = options();
  const auto planned = plan_pass(all, 1);
  EXPECT_EQ(words(planned),
            (std::vector<std::string>{"blocks/one a 1", "threads/some a 2", "threads/some a 16",
                                      "blocks/one b 1", "threads/some b 2", "threads/some b 16"}));
  EXPECT_EQ(planned[0].seed, 70U);
  EXPECT_EQ(plan_pass(all, 0)[0].seed, 70U);
}

TEST(StressPlan, FurtherPassesHaveOtherSeedsAndOnlyWhatDrawsAtRandom) {
  StressOptions all = options();
  all.checks[0].randomised = false;
  const auto planned = plan_pass(all, 3);
  ASSERT_EQ(planned.size(), 4U);
  EXPECT_EQ(planned[0].check->name, "threads/some");
  EXPECT_EQ(planned[0].seed, 72U);
}

TEST(StressPlan, FurtherPassesTakeLongerEach) {
  const StressOptions all = options();
  EXPECT_EQ(plan_pass(all, 2, 2.5)[0].budget_seconds, 2.5);
  // The first two are as they are, whatever follows.
  EXPECT_EQ(plan_pass(all, 1, 2.5)[0].budget_seconds, 1);
  EXPECT_EQ(plan_pass(all, 0, 2.5)[0].budget_seconds, 0.1);
}

TEST(StressPlan, TheLastPassFillsWhatIsLeft) {
  EXPECT_EQ(pass_scale(2, 10, 1000), 2);
  EXPECT_EQ(pass_scale(3, 10, 980), 4);
  EXPECT_EQ(pass_scale(2, 10, 60), 2);    // 20 s, and 40 s for the next
  EXPECT_EQ(pass_scale(2, 10, 59), 5.9);  // too little for two
  EXPECT_EQ(pass_scale(2, 10, 3), 1);     // cut off, and not shorter than the full one
  EXPECT_EQ(pass_scale(2, 0, 3), 2);
  EXPECT_EQ(pass_scale(200, 10, 1e30), std::ldexp(1.0, 60));
  // However long: the passes together end when the time does, but for the last one's own spread.
  for (const double seconds : {25.0, 300.0, 4000.0, 1e6}) {
    double left = seconds;
    unsigned pass = 2;
    for (; left > 1e-9 && pass < 64; ++pass) left -= 10 * pass_scale(pass, 10, left);
    EXPECT_NEAR(left, 0, 1e-6) << seconds;
    EXPECT_LT(pass, 20U);
  }
}

TEST(StressPlan, GivenThreadCountsReplaceThoseOfChecksThatTakeSeveral) {
  StressOptions all = options();
  all.allocators.resize(1);
  all.threads = {3, 5};
  EXPECT_EQ(words(plan_pass(all, 1)),
            (std::vector<std::string>{"blocks/one a 1", "threads/some a 3", "threads/some a 5"}));
}

TEST(StressPlan, WhatUsesNoHeapRunsOnce) {
  StressOptions all = options();
  all.checks[0].uses_heap = false;
  EXPECT_EQ(
      words(plan_pass(all, 0)),
      (std::vector<std::string>{"threads/some a 2", "threads/some b 2", "blocks/one none 1"}));
}

StressRow row(CheckVerdict verdict, std::string novelty = "") {
  StressRow row;
  row.check = "blocks/one";
  row.allocator = "a";
  row.result.verdict = verdict;
  row.novelty = std::move(novelty);
  return row;
}

TEST(StressVerdicts, OnlyUnsafeAndUnknownFail) {
  EXPECT_TRUE(fails_run(row(CheckVerdict::kUnsafe)));
  EXPECT_TRUE(fails_run(row(CheckVerdict::kFailed)));
  for (const CheckVerdict verdict : {CheckVerdict::kOk, CheckVerdict::kNonconforming,
                                     CheckVerdict::kRecorded, CheckVerdict::kUnsupported}) {
    EXPECT_FALSE(fails_run(row(verdict, "new")));
  }
}

TEST(StressVerdicts, AnAccusationIsUnsafeOrADeviationThatIsNew) {
  EXPECT_TRUE(is_accusation(row(CheckVerdict::kUnsafe)));
  EXPECT_TRUE(is_accusation(row(CheckVerdict::kNonconforming, "new")));
  EXPECT_FALSE(is_accusation(row(CheckVerdict::kNonconforming, "known")));
  EXPECT_FALSE(is_accusation(row(CheckVerdict::kNonconforming, "as glibc")));
  EXPECT_FALSE(is_accusation(row(CheckVerdict::kOk)));
}

std::vector<LibraryIdentity> library(std::string path, std::string version) {
  LibraryIdentity identity;
  identity.path = std::move(path);
  identity.version = std::move(version);
  return {identity};
}

TEST(KnownDeviations, AreOfOneLibraryInOneVersion) {
  const Allocator glibc = allocator("glibc");
  const std::string_view check = "blocks/aligned_alloc-arguments";
  EXPECT_EQ(novelty_of(glibc, library("/usr/lib/libc.so.6", "2.36"), check, "odd-aligned_alloc"),
            "known");
  EXPECT_EQ(novelty_of(glibc, library("/usr/lib/libc.so.6", "2.99"), check, "odd-aligned_alloc"),
            "new");
  EXPECT_EQ(novelty_of(glibc, library("/usr/lib/libc.so.6", "2.36"), check, "something-else"),
            "new");
  EXPECT_EQ(
      novelty_of(glibc, library("/usr/lib/libc.so.6", "2.36"), "blocks/other", "odd-aligned_alloc"),
      "new");
}

TEST(KnownDeviations, OfAUsersLibraryMayBeThoseOfTheOneItIsBuiltOn) {
  Allocator own = allocator("mine");
  own.origin = AllocatorOrigin::kUser;
  const std::string_view check = "blocks/aligned_alloc-arguments";
  EXPECT_EQ(
      novelty_of(own, library("/opt/libmine.so", ""), check, "odd-aligned_alloc").substr(0, 3),
      "as ");
  EXPECT_EQ(novelty_of(own, library("/opt/libmine.so", ""), "threads/fork", "hang-nowhere-known"),
            "new");
}

TEST(KnownDeviations, EachRowSaysWhatWhereAndWhy) {
  for (const KnownDeviation& known : known_deviations()) {
    for (const std::string_view text : {known.allocator, known.library, known.version, known.check,
                                        known.deviation, known.what, known.source}) {
      EXPECT_FALSE(text.empty()) << known.what;
    }
  }
}

TEST(StressCsv, ARowHasTheHeadersFieldsAndHostileTextIsDefused) {
  StressRow bad = row(CheckVerdict::kUnsafe);
  bad.result.detail = "=cmd,\"x\"\nnext";
  bad.command = "worker --check 'a,b'";
  const CsvTable table = parse_csv(stress_header() + stress_csv_row(bad), "stress.csv");
  ASSERT_EQ(table.rows.size(), 1U);
  EXPECT_EQ(table.header.size(), stress_columns().size());
  const std::vector<std::string> first(table.header.begin(), table.header.begin() + 7);
  EXPECT_EQ(first, (std::vector<std::string>{"check", "allocator", "threads", "seed", "operations",
                                             "verdict", "detail"}));
  EXPECT_EQ(table.rows[0][table.require("detail")], "'=cmd,\"x\" next");
  EXPECT_EQ(table.rows[0][table.require("verdict")], "unsafe");
}

}  // namespace
}  // namespace stackheap
