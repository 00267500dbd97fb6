// Checks and their results as driver and worker speak of them.
#include "harness/model/check.hpp"

#include <gtest/gtest.h>

#include <array>
#include <stdexcept>
#include <string>

#include "harness/worker/check.hpp"

namespace stackheap {
namespace {

CheckInfo example() {
  return {.name = "blocks/example",
          .summary = "an example",
          .source = "C11",
          .gravest = CheckVerdict::kNonconforming,
          .blocks_migrate = true,
          .rank = 3,
          .randomised = true,
          .quick_seconds = 0.25,
          .seconds = 2,
          .deadline_seconds = 9,
          .threads = {CheckThreads::kOne, CheckThreads::kMany}};
}

std::string written(const CheckResultView& result, std::size_t room = 4096) {
  std::string buffer(room, '\0');
  buffer.resize(write_check_result(result, buffer));
  return buffer;
}

TEST(CheckModel, AListIsReadAsItWasWritten) {
  const std::array checks{example()};
  const auto read = checks_from_json(checks_to_json(checks));
  ASSERT_EQ(read.size(), 1U);
  EXPECT_EQ(read[0].name, "blocks/example");
  EXPECT_EQ(read[0].gravest, CheckVerdict::kNonconforming);
  EXPECT_TRUE(read[0].blocks_migrate);
  EXPECT_EQ(read[0].rank, 3U);
  EXPECT_EQ(read[0].quick_seconds, 0.25);
  EXPECT_EQ(read[0].seconds, 2);
  EXPECT_EQ(read[0].deadline_seconds, 9);
  EXPECT_EQ(read[0].threads, (std::vector{CheckThreads::kOne, CheckThreads::kMany}));
}

TEST(CheckModel, AListWithACheckTwiceIsRefused) {
  const std::array checks{example(), example()};
  EXPECT_THROW(checks_from_json(checks_to_json(checks)), std::runtime_error);
}

TEST(CheckModel, AResultIsReadAsItWasWritten) {
  const std::array<CheckResultView::Note, 1> deviations{{{"errno-of-x", "it is \"0\""}}};
  const std::array<CheckResultView::Note, 2> records{{{"a", "1"}, {"b", "2\\3"}}};
  CheckResultView view;
  view.verdict = CheckVerdict::kNonconforming;
  view.operations = 123;
  view.own_bytes = 4096;
  view.peak_bytes = 9 << 20;
  view.deviations = deviations;
  view.records = records;
  const CheckResult read = check_result_from_json(written(view));
  EXPECT_EQ(read.verdict, CheckVerdict::kNonconforming);
  EXPECT_EQ(read.operations, 123U);
  EXPECT_EQ(read.own_bytes, 4096U);
  EXPECT_EQ(read.peak_bytes, 9U << 20U);
  ASSERT_EQ(read.deviations.size(), 1U);
  EXPECT_EQ(read.deviations[0].text, "it is \"0\"");
  ASSERT_EQ(read.records.size(), 2U);
  EXPECT_EQ(read.records[1].text, "2\\3");
}

TEST(CheckModel, BytesThatAreNoTextAndTextsThatAreTooLongStillGiveADocument) {
  std::string detail = "bad \x01\n\xff ";
  detail += std::string(20'000, 'x');
  CheckResultView view;
  view.verdict = CheckVerdict::kUnsafe;
  view.detail = detail;
  const CheckResult read = check_result_from_json(written(view, 1000));
  EXPECT_EQ(read.verdict, CheckVerdict::kUnsafe);
  EXPECT_EQ(read.detail.substr(0, 8), "bad   ? ");
  EXPECT_GT(read.detail.size(), 500U);
}

TEST(CheckModel, AnAlmostFullBufferLeavesOutNotesInsteadOfOverflowing) {
  std::vector<CheckResultView::Note> records(200, {"name", "a text of some length, as notes have"});
  CheckResultView view;
  view.verdict = CheckVerdict::kRecorded;
  view.records = records;
  for (const std::size_t room : {400U, 1000U, 4096U}) {
    const CheckResult read = check_result_from_json(written(view, room));
    EXPECT_LT(read.records.size(), 200U);
  }
}

TEST(CheckModel, AVerdictThatContradictsItsNotesIsRefused) {
  CheckResultView view;
  view.verdict = CheckVerdict::kNonconforming;
  EXPECT_THROW(check_result_from_json(written(view)), std::runtime_error);
}

TEST(CheckModel, ThreadCountsFollowTheCpus) {
  EXPECT_EQ(threads_of(CheckThreads::kOne, 4), 1U);
  EXPECT_EQ(threads_of(CheckThreads::kPair, 4), 2U);
  EXPECT_EQ(threads_of(CheckThreads::kCpus, 4), 4U);
  EXPECT_EQ(threads_of(CheckThreads::kCpus, 1), 2U);
  EXPECT_EQ(threads_of(CheckThreads::kMany, 2), 16U);
}

TEST(CheckModel, ARequestBecomesTheWorkersOptions) {
  CheckRequest request;
  request.name = "blocks/example";
  request.threads = 4;
  request.seed = 9;
  request.seconds = 0.5;
  request.expected_files = {"/a b.so"};
  EXPECT_EQ(check_arguments(request),
            (std::vector<std::string>{"--check", "blocks/example", "--threads", "4", "--seed", "9",
                                      "--seconds", "0.5", "--expect", "/a b.so"}));
  request.prove_allocator = false;
  EXPECT_EQ(check_arguments(request).back(), "--any-malloc");
}

TEST(CheckRegistrationTest, EveryFaultOfARegistrationIsNamed) {
  EXPECT_EQ(check_registration_problem(example()), "");
  const auto problem = [](auto change) {
    CheckInfo info = example();
    change(info);
    return check_registration_problem(info);
  };
  EXPECT_NE(problem([](CheckInfo& info) { info.name = "no-group"; }), "");
  EXPECT_NE(problem([](CheckInfo& info) { info.name = "a/b c"; }), "");
  EXPECT_NE(problem([](CheckInfo& info) { info.summary.clear(); }), "");
  EXPECT_NE(problem([](CheckInfo& info) { info.source.clear(); }), "");
  EXPECT_NE(problem([](CheckInfo& info) { info.threads.clear(); }), "");
  EXPECT_NE(problem([](CheckInfo& info) { info.seconds = 0; }), "");
  EXPECT_NE(problem([](CheckInfo& info) { info.quick_seconds = -1; }), "");
}

TEST(CheckRegistrationTest, EveryRegisteredCheckRunsInTheFullPassAndHasARank) {
  EXPECT_GT(registered_checks().size(), 25U);
  for (const RegisteredCheck& check : registered_checks()) {
    EXPECT_GT(check.info.rank, 0U) << check.info.name;
    EXPECT_GT(check.info.seconds, 0) << check.info.name;
    EXPECT_EQ(find_check(check.info.name), &check);
  }
  EXPECT_EQ(find_check("blocks/none"), nullptr);
}

}  // namespace
}  // namespace stackheap
