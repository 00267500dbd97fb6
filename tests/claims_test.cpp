#include "harness/stats/claims.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "harness/driver/plan.hpp"
#include "harness/worker/registration.hpp"
#include "harness/worker/workload.hpp"

namespace stackheap {
namespace {

const std::vector<MetricInfo> kMetrics = {
    {.name = "ns_per_op", .unit = "ns", .direction = Direction::kLess, .meaning = ""},
    {.name = "usable_bytes", .unit = "B", .meaning = ""},
    {.name = "overflow", .unit = "", .type = MetricType::kText, .meaning = ""},
};
constexpr std::string_view kSized = "test/sized";

// A workload with a size, whose variant malloc is set against its variant frame, as claim 2 is.
WorkloadInfo sized(std::vector<Evidence> claims) {
  WorkloadInfo info;
  info.name = kSized;
  info.summary = "sized";
  info.operation = "one";
  info.variants = {{.name = "frame", .description = "a frame", .uses_heap = false},
                   {.name = "malloc", .description = "malloc"}};
  info.baseline_variant = "frame";
  info.parameter = ParameterInfo{.name = "size", .unit = "B"};
  info.claims = std::move(claims);
  return info;
}

Evidence slower_on_the_heap() {
  return {.claim = 2,
          .kind = EvidenceKind::kRatio,
          .variants = {"malloc"},
          .metric = "ns_per_op",
          .expectation = Expectation::kMore,
          .baseline_variant = "frame",
          .phrase = "malloc cost {} times a frame"};
}

Evidence verified(unsigned claim) {
  return {.claim = claim, .variants = {"malloc"}, .phrase = "it was intact in {}"};
}

class ClaimsTest : public testing::Test {
 protected:
  ClaimsTest() : table_({"ns_per_op", "usable_bytes", "overflow"}) {
    options_.baselines.allocator = "glibc";
  }

  std::size_t add(std::string variant, std::string allocator, std::int64_t size,
                  unsigned threads = 1) {
    return table_.add_cell({.cell = {.workload = std::string(kSized),
                                     .variant = std::move(variant),
                                     .allocator = std::move(allocator),
                                     .parameter = size,
                                     .threads = threads},
                            .block = "test/sized/size:" + std::to_string(size),
                            .twin_of = {}});
  }

  // Values that differ by `scatter` around `ns` from round to round, symmetrically.
  void fill(std::size_t cell, double ns, double scatter, unsigned rounds = 12) {
    table_.cell(cell).ok = rounds;
    for (unsigned round = 0; round < rounds; ++round) {
      const double at = rounds == 1 ? 0 : 2.0 * round / (rounds - 1) - 1;
      table_.add(cell, round, std::array{ns * std::exp(scatter * at), 8.0 * (1 << 20), kNoValue});
    }
  }

  void pair(std::int64_t size, double ratio, double scatter = 0.01, unsigned rounds = 12) {
    fill(add("frame", "none", size), 10, 0, rounds);
    fill(add("malloc", "glibc", size), 10 * ratio, scatter, rounds);
  }

  const ClaimRow& test(unsigned claim, std::vector<Evidence> evidence) {
    workloads_ = {sized(std::move(evidence))};
    summary_ = test_claims(table_, workloads_, kMetrics, options_);
    EXPECT_EQ(summary_.claims.size(), claims().size());
    return summary_.claims[claim - 1];
  }

  SampleTable table_;
  SummaryOptions options_;
  std::vector<WorkloadInfo> workloads_;
  ClaimSummary summary_;
};

TEST_F(ClaimsTest, HoldsWhereEveryRatioIsOnItsSide) {
  pair(16384, 1.5);
  pair(64, 5);
  const ClaimRow& row = test(2, {slower_on_the_heap()});
  EXPECT_EQ(row.verdict, ClaimVerdict::kHolds);
  EXPECT_EQ(row.held, 2U);
  ASSERT_TRUE(row.headline);
  const ClaimTestRow& headline = summary_.tests[*row.headline];
  EXPECT_EQ(table_.cell(*headline.candidate).cell.parameter, 64);
  EXPECT_EQ(headline.comparisons, 2U);
  EXPECT_NEAR(headline.effect.point, 5, 1e-9);
  // As ratio_estimate() has it, at alpha / P.
  std::vector<double> malloc_ns;
  for (unsigned round = 0; round < 12; ++round) {
    malloc_ns.push_back(50 * std::exp(0.01 * (2.0 * round / 11 - 1)));
  }
  const RatioEstimate same = ratio_estimate(malloc_ns, std::vector<double>(12, 10.0), 0.025);
  EXPECT_NEAR(headline.effect.lower, same.lower, 1e-9);
  EXPECT_NEAR(headline.effect.upper, same.upper, 1e-9);
  EXPECT_EQ(
      row.sentence,
      "At 64 B malloc cost 5.00 [4.97, 5.03] times a frame, at 16 KiB 1.50 [1.49, 1.51]; 2 of 2 "
      "tests hold.");
}

TEST_F(ClaimsTest, IsMixedWhereItStopsBeingTrue) {
  pair(64, 5);
  pair(16384, 1.001, 0.001);
  pair(65536, 0.8);
  const ClaimRow& row = test(2, {slower_on_the_heap()});
  EXPECT_EQ(row.verdict, ClaimVerdict::kMixed);
  EXPECT_EQ(row.held, 1U);
  EXPECT_EQ(row.failed, 2U);
  EXPECT_NE(
      row.sentence.find("at 64 KiB 0.800 [0.794, 0.806] (the reverse); 1 of 3 tests hold, 2 do "
                        "not."),
      std::string::npos)
      << row.sentence;
}

TEST_F(ClaimsTest, DoesNotHoldWhereNoTestAgrees) {
  pair(64, 1.001, 0.001);
  const ClaimRow& row = test(2, {slower_on_the_heap()});
  EXPECT_EQ(row.verdict, ClaimVerdict::kFails);
  EXPECT_EQ(row.sentence,
            "At 64 B malloc cost 1.00 [1.00, 1.00] times a frame (no difference); 0 of 1 test "
            "holds, 1 does "
            "not.");
}

TEST_F(ClaimsTest, OneRoundMeasuresNothingAndSaysWhatItWouldTake) {
  pair(64, 5, 0.01, 1);
  pair(1024, 5, 0.01, 1);
  const ClaimRow& row = test(2, {slower_on_the_heap()});
  EXPECT_EQ(row.verdict, ClaimVerdict::kNotMeasured);
  EXPECT_EQ(row.unresolved, 2U);
  EXPECT_FALSE(row.headline);
  EXPECT_EQ(row.sentence,
            "None of 2 tests is resolved: an interval needs 7 rounds, and there is 1.");
}

TEST_F(ClaimsTest, ScatterLeavesItUnresolved) {
  pair(64, 1.01, 0.3);
  const ClaimRow& row = test(2, {slower_on_the_heap()});
  EXPECT_EQ(row.verdict, ClaimVerdict::kNotMeasured);
  EXPECT_EQ(row.unresolved, 1U);
  EXPECT_NE(row.sentence.find("(unresolved); its one test is not resolved by 12 rounds."),
            std::string::npos)
      << row.sentence;
}

TEST_F(ClaimsTest, CellsWithoutASampleTestNothing) {
  add("frame", "none", 64);
  add("malloc", "glibc", 64);
  const ClaimRow& row = test(2, {slower_on_the_heap(), verified(2)});
  EXPECT_EQ(row.verdict, ClaimVerdict::kNotMeasured);
  EXPECT_TRUE(row.tests.empty());
  EXPECT_EQ(row.sentence, "No sample of this run tests it.");
}

TEST_F(ClaimsTest, EveryClaimHasARowAlsoInAnEmptyRun) {
  test(1, {});
  std::set<std::string_view> statements;
  for (std::size_t i = 0; i < summary_.claims.size(); ++i) {
    EXPECT_EQ(summary_.claims[i].claim->number, i + 1);
    EXPECT_EQ(summary_.claims[i].verdict, ClaimVerdict::kNotMeasured);
    statements.insert(summary_.claims[i].claim->statement);
  }
  EXPECT_EQ(statements.size(), 10U);
}

TEST_F(ClaimsTest, BaselineAloneIsNoTest) {
  fill(add("frame", "none", 64), 10, 0.01);
  EXPECT_TRUE(test(2, {slower_on_the_heap()}).tests.empty());
}

TEST_F(ClaimsTest, OnlyTheBaselineAllocatorWithinTheCpusIsTheHeap) {
  pair(64, 5);
  fill(add("malloc", "jemalloc", 64), 10, 0.01);
  const std::size_t crowd = add("malloc", "glibc", 64, 8);
  fill(crowd, 10, 0.01);
  fill(add("frame", "none", 64, 8), 10, 0);
  table_.cell(crowd).oversubscribed = true;
  const ClaimRow& row = test(2, {slower_on_the_heap()});
  EXPECT_EQ(row.tests.size(), 1U);
  EXPECT_EQ(row.verdict, ClaimVerdict::kHolds);
}

TEST_F(ClaimsTest, TwinsAreNoEvidence) {
  pair(64, 5);
  TableCell twin = table_.cell(1);
  twin.twin_of = 1;
  twin.ok = 12;
  table_.add_cell(std::move(twin));
  const ClaimRow& row = test(5, {verified(5)});
  ASSERT_EQ(row.tests.size(), 1U);
  EXPECT_EQ(summary_.tests[0].effect.n, 12U);
}

TEST_F(ClaimsTest, WhatIsVerifiedHoldsAfterOneSampleAndFailsWithOneWrong) {
  pair(64, 5, 0.01, 1);
  EXPECT_EQ(test(5, {verified(5)}).verdict, ClaimVerdict::kHolds);
  EXPECT_EQ(summary_.claims[4].sentence, "It was intact in 1 of 1 samples; 1 of 1 test holds.");
  table_.cell(1).failed_checks = 1;
  EXPECT_EQ(test(5, {verified(5)}).verdict, ClaimVerdict::kFails);
  EXPECT_NEAR(summary_.tests[0].effect.point, 0.5, 1e-12);
  EXPECT_EQ(summary_.claims[4].sentence,
            "It was intact in 1 of 2 samples; 0 of 1 test holds, 1 does not.");
}

TEST_F(ClaimsTest, OutcomeMustBeWhatIsExpectedInEverySample) {
  pair(64, 5);
  for (int round = 0; round < 12; ++round) {
    table_.add_text(0, "overflow", "silent_corruption");
    table_.add_text(1, "overflow", "guard_hit");
  }
  const Evidence stopped{.claim = 3,
                         .kind = EvidenceKind::kOutcome,
                         .metric = "overflow",
                         .outcome = "guard_hit",
                         .phrase = "an overflow ended in {}"};
  const ClaimRow& row = test(3, {stopped});
  EXPECT_EQ(row.verdict, ClaimVerdict::kMixed);
  EXPECT_EQ(row.sentence,
            "An overflow ended in silent corruption (frame), guard hit (malloc); 1 of 2 tests "
            "hold, 1 does not.");
}

TEST_F(ClaimsTest, FiguresAreToldWithTheirIntervalAndNotJudged) {
  pair(64, 5);
  const ClaimRow& row = test(3, {{.claim = 3,
                                  .kind = EvidenceKind::kFigure,
                                  .variants = {"malloc"},
                                  .metric = "usable_bytes",
                                  .phrase = "{} of it could be used"}});
  EXPECT_EQ(row.verdict, ClaimVerdict::kNotMeasured);
  EXPECT_EQ(row.sentence,
            "At 64 B 8 MiB [8 MiB, 8 MiB] of it could be used; nothing here decides "
            "it.");
}

TEST_F(ClaimsTest, TheHeadlineOpensTheSentenceAndToldRatiosAreOutsideTheFamily) {
  pair(64, 5);
  fill(add("malloc", "reference", 64), 20, 0.01);
  Evidence floor = slower_on_the_heap();
  floor.baseline_variant.clear();
  floor.baseline_allocator = "reference";
  floor.expectation = Expectation::kTold;
  floor.phrase = "another allocator took {} times the reference";
  Evidence first = slower_on_the_heap();
  first.headline = true;
  const ClaimRow& row = test(2, {floor, first});
  ASSERT_EQ(row.tests.size(), 2U);
  EXPECT_EQ(
      row.sentence,
      "At 64 B malloc cost 5.00 [4.97, 5.03] times a frame; at 64 B another allocator took 2.50 "
      "[2.50, 2.50] times the reference; 1 of 1 test holds.");
  EXPECT_EQ(summary_.tests[row.tests[1]].comparisons, 1U);
  EXPECT_EQ(summary_.tests[row.tests[1]].outcome, TestOutcome::kTold);
}

TEST_F(ClaimsTest, ValuesOfTheParameterCanBeSetAgainstEachOther) {
  pair(64, 5);
  pair(128, 10);
  Evidence growth = slower_on_the_heap();
  growth.baseline_variant.clear();
  growth.baseline_value = 64;
  growth.phrase = "twice the size took {} times as long";
  const ClaimRow& row = test(2, {growth});
  ASSERT_EQ(row.tests.size(), 1U);
  EXPECT_NEAR(summary_.tests[0].effect.point, 2, 1e-9);
  EXPECT_NE(row.sentence.find("Twice the size took 2.00 ["), std::string::npos) << row.sentence;
}

TEST(EvidenceTest, EachMistakeOfARegistrationIsNamed) {
  const auto problem = [](auto change) {
    Evidence evidence = slower_on_the_heap();
    change(evidence);
    return registration_problem(sized({evidence}));
  };
  const std::string start = "its evidence of claim 2 is wrong: ";
  EXPECT_EQ(problem([](Evidence&) {}), "");
  EXPECT_EQ(problem([](Evidence& e) { e.claim = 11; }),
            "its evidence of claim 11 is wrong: there is no claim 11");
  EXPECT_EQ(problem([](Evidence& e) { e.variants = {"calloc"}; }),
            start + "'calloc' is no variant");
  EXPECT_EQ(problem([](Evidence& e) { e.metric = "ns_per_opp"; }),
            start + "'ns_per_opp' is no metric of a sample of that kind");
  EXPECT_EQ(problem([](Evidence& e) { e.metric = "warm_up"; }),
            start + "'warm_up' is no metric of a sample of that kind");
  EXPECT_EQ(problem([](Evidence& e) { e.metric.clear(); }),
            start + "what is verified has no metric, everything else has one");
  EXPECT_EQ(problem([](Evidence& e) { e.outcome = "fine"; }),
            start + "only an outcome has a text that it must be");
  EXPECT_EQ(problem([](Evidence& e) { e.baseline_variant = "calloc"; }),
            start + "its baseline 'calloc' is no variant");
  EXPECT_EQ(problem([](Evidence& e) { e.baseline_value = 8; }),
            start + "a ratio needs one baseline: a variant, a value or an allocator");
  EXPECT_EQ(problem([](Evidence& e) { e.kind = EvidenceKind::kFigure; }),
            start + "only a ratio has a baseline");
  EXPECT_EQ(problem([](Evidence& e) { e.phrase = "malloc was slow"; }),
            start + "its phrase needs one {} for the figure");
}

TEST(EvidenceTest, SurvivesTheWayThroughJson) {
  Evidence odd = slower_on_the_heap();
  odd.values = {64, 128};
  odd.minimum_threads = 2;
  odd.baseline_variant.clear();
  odd.baseline_value = 64;
  odd.headline = true;
  const std::string document = workloads_to_json({sized({odd, verified(5)})});
  const std::vector<WorkloadInfo> read = workloads_from_json(document);
  EXPECT_EQ(workloads_to_json(read), document);
  ASSERT_EQ(read[0].claims.size(), 2U);
  EXPECT_EQ(read[0].claims[0].values, (std::vector<std::int64_t>{64, 128}));
  EXPECT_EQ(read[0].claims[0].minimum_threads, 2U);
  EXPECT_EQ(read[0].claims[0].baseline_value, 64);
  EXPECT_EQ(read[0].claims[0].expectation, Expectation::kMore);
  EXPECT_TRUE(read[0].claims[0].headline);
  EXPECT_EQ(read[0].claims[1].kind, EvidenceKind::kVerified);
}

TEST(EvidenceTest, WrongEvidenceIsRefusedByItsPath) {
  WorkloadInfo info = sized({slower_on_the_heap()});
  info.claims[0].claim = 0;
  try {
    workloads_from_json(workloads_to_json({info}));
    FAIL() << "accepted";
  } catch (const std::runtime_error& error) {
    EXPECT_EQ(std::string(error.what())
                  .find("worker list: workloads[0].claims[0]: expected evidence of a claim (there "
                        "is no claim 0), found "),
              0U)
        << error.what();
  }
}

TEST(EvidenceTest, EveryClaimIsTestedByARegisteredWorkloadAndHasOneHeadlineAtMost) {
  std::map<unsigned, int> judged;
  std::map<unsigned, int> headlines;
  for (const RegisteredWorkload& workload : registered_workloads()) {
    for (const Evidence& evidence : workload.info.claims) {
      const bool told =
          evidence.kind == EvidenceKind::kFigure ||
          (evidence.kind == EvidenceKind::kRatio && evidence.expectation == Expectation::kTold);
      judged[evidence.claim] += told ? 0 : 1;
      headlines[evidence.claim] += evidence.headline ? 1 : 0;
    }
  }
  for (const Claim& claim : claims()) {
    EXPECT_GE(judged[claim.number], 1) << claim.statement;
    EXPECT_LE(headlines[claim.number], 1) << claim.statement;
  }
}

// A judged ratio needs 2^(1-n) <= alpha / P: a claim with too many tests could never be resolved in
// the rounds that a profile has.
TEST(EvidenceTest, TwelveRoundsOfStandardOrFullCanResolveEveryClaim) {
  std::vector<WorkloadInfo> workloads;
  for (const RegisteredWorkload& workload : registered_workloads()) {
    workloads.push_back(workload.info);
  }
  Topology topology;
  for (unsigned cpu = 0; cpu < 2; ++cpu) topology.cpus.push_back({.os_index = cpu, .core = cpu});
  topology.cpu_quota = 1e9;
  for (const Profile profile : {Profile::kStandard, Profile::kFull}) {
    SCOPED_TRACE(to_string(profile));
    PlanOptions options;
    options.profile = profile;
    options.allocators.resize(2);
    options.allocators[0].name = "glibc";
    options.allocators[1].name = "reference";
    options.baseline_allocator = "glibc";
    SampleTable table({"ns_per_op"});
    for (const Block& block : make_plan(workloads, options, topology).blocks) {
      for (const PlannedCell& planned : block.cells) {
        if (!planned.skip_status.empty()) continue;
        const std::size_t cell = table.add_cell({.cell = planned.cell,
                                                 .block = block.name,
                                                 .oversubscribed = planned.oversubscribed,
                                                 .twin_of = {}});
        for (unsigned round = 0; round < block.rounds_of(12); ++round) {
          table.add(cell, round, std::array{1.0});
        }
      }
    }
    SummaryOptions summary_options;
    summary_options.baselines.allocator = "glibc";
    const ClaimSummary summary = test_claims(table, workloads, kMetrics, summary_options);
    std::set<unsigned> judged;
    for (const ClaimTestRow& test : summary.tests) {
      if (test.evidence->expectation == Expectation::kTold) continue;
      judged.insert(test.evidence->claim);
      EXPECT_TRUE(test.effect.has_interval())
          << "claim " << test.evidence->claim << " by " << test.workload->name << ": "
          << test.comparisons << " tests, " << test.effect.n << " rounds";
    }
    EXPECT_EQ(judged, (std::set<unsigned>{2, 4, 8, 10}));
  }
}

}  // namespace
}  // namespace stackheap
