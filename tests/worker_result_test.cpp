#include <gtest/gtest.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "harness/model/sample.hpp"

namespace stackheap {
namespace {

WorkerResult example() {
  WorkerResult result;
  result.share = 1000;
  result.operations = UINT64_MAX;
  result.windows = {{.nanoseconds = 5'000'000, .operations = 2000},
                    {.nanoseconds = 6'000'000, .operations = 2000}};
  result.metrics = {{.name = "ns_per_op", .text = "17.5"}, {.name = "warm_up", .text = "flat"}};
  result.latency = {{.operation = "malloc",
                     .buckets = {{.lower_ns = 20.03, .upper_ns = 20.415, .count = UINT64_MAX},
                                 {.lower_ns = 1e12, .upper_ns = 1.0078125e12, .count = 1}}},
                    {.operation = "free", .buckets = {}}};
  return result;
}

std::string refusal(std::string_view document) {
  try {
    worker_result_from_json(document);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "accepted";
}

// The smallest good document with one part replaced by another.
std::string changed(std::string_view part, std::string_view by) {
  std::string document =
      R"({"version":1,"status":"ok","detail":"","share":1,"operations":2,)"
      R"("windows":[{"nanoseconds":3,"operations":2}],"metrics":[{"name":"a","text":"1"}],)"
      R"("phases":[],)"
      R"("latency":[{"operation":"free","buckets":[[1,2.5,3],[2.5,4,1]]}]})";
  const std::size_t at = document.find(part);
  EXPECT_NE(at, std::string::npos) << part;
  return document.replace(at, part.size(), by);
}

TEST(WorkerResultTest, SurvivesTheWayThroughJson) {
  const WorkerResult sent = example();
  const WorkerResult received = worker_result_from_json(worker_result_to_json(sent));
  EXPECT_EQ(received.status, Status::kOk);
  EXPECT_EQ(received.detail, "");
  EXPECT_EQ(received.share, 1000U);
  EXPECT_EQ(received.operations, UINT64_MAX);
  ASSERT_EQ(received.windows.size(), 2U);
  EXPECT_EQ(received.windows[1].nanoseconds, 6'000'000U);
  EXPECT_EQ(received.windows[1].operations, 2000U);
  ASSERT_EQ(received.metrics.size(), 2U);
  EXPECT_EQ(received.metrics[0].name, "ns_per_op");
  EXPECT_EQ(received.metrics[0].text, "17.5");
  EXPECT_EQ(received.metrics[1].text, "flat");
  ASSERT_EQ(received.latency.size(), 2U);
  EXPECT_EQ(received.latency[0].operation, "malloc");
  ASSERT_EQ(received.latency[0].buckets.size(), 2U);
  EXPECT_EQ(received.latency[0].buckets[0].lower_ns, 20.03);
  EXPECT_EQ(received.latency[0].buckets[0].upper_ns, 20.415);
  EXPECT_EQ(received.latency[0].buckets[0].count, UINT64_MAX);
  EXPECT_EQ(received.latency[0].buckets[1].upper_ns, 1.0078125e12);
  EXPECT_EQ(received.latency[1].operation, "free");
  EXPECT_TRUE(received.latency[1].buckets.empty());
}

TEST(WorkerResultTest, EveryStatusSurvivesWithItsDetail) {
  for (const Status status :
       {Status::kOk, Status::kFailedCheck, Status::kCrashed, Status::kTimeout, Status::kOutOfMemory,
        Status::kNotInjected, Status::kUnavailable, Status::kUnsupported}) {
    WorkerResult sent;
    sent.status = status;
    sent.detail = "why: \"quoted\" \xc3\xa9";
    const WorkerResult received = worker_result_from_json(worker_result_to_json(sent));
    EXPECT_EQ(received.status, status);
    EXPECT_EQ(received.detail, sent.detail);
    EXPECT_EQ(parse_status(to_string(status)), status);
  }
  EXPECT_FALSE(parse_status("fine"));
}

TEST(WorkerResultTest, ADetailIsCutAndCleanedBeforeItIsSent) {
  WorkerResult sent;
  sent.status = Status::kFailedCheck;
  sent.detail = "a\nb\x1b[31m \xff";
  EXPECT_EQ(worker_result_from_json(worker_result_to_json(sent)).detail, "a b [31m \xef\xbf\xbd");
  sent.detail.assign(4095, 'x');
  sent.detail += "\xc3\xa9 more";
  EXPECT_EQ(worker_result_from_json(worker_result_to_json(sent)).detail, std::string(4095, 'x'));
}

TEST(WorkerResultTest, ControlCharactersOfADetailAreReplacedWhereItIsReceived) {
  EXPECT_EQ(worker_result_from_json(changed(R"("detail":"")", R"("detail":"a\u001b\nb")")).detail,
            "a  b");
}

TEST(WorkerResultTest, RefusesWhatIsNoJsonWithLineAndColumn) {
  EXPECT_EQ(refusal("").substr(0, 20), "worker result:1:1: s");
  EXPECT_EQ(refusal("{\"version\":1,\n \"status\" 2}").substr(0, 20), "worker result:2:11: ");
  EXPECT_EQ(refusal(changed("}]}", "}]} trailing")).substr(0, 16), "worker result:1:");
  EXPECT_EQ(refusal(changed("\"detail\":\"\"", "\"detail\":\"\xff\"")).substr(0, 16),
            "worker result:1:");
}

struct Refused {
  std::string_view part;
  std::string_view by;
  std::string_view message;
};

TEST(WorkerResultTest, RefusesEachWrongMemberByItsPath) {
  ASSERT_EQ(refusal(changed("\"share\":1", "\"share\":7")), "accepted");
  const Refused cases[] = {
      {"\"version\":1", "\"version\":2", "version: expected an integer in 1 ... 1, found 2"},
      {"\"version\":1,", "", "the document: expected a key \"version\", found none"},
      {"\"share\":1,", "", "the document: expected a key \"share\", found none"},
      {"\"share\":1", "\"share\":1,\"extra\":2",
       "the document: expected no key \"extra\", which this version does not know"},
      {"\"status\":\"ok\"", "\"status\":\"fine\"", "status: expected a status, found \"fine\""},
      {"\"status\":\"ok\"", "\"status\":0", "status: expected text, found 0"},
      {"\"status\":\"ok\"", "\"status\":\"crashed\"",
       "metrics: expected no metric where the status is crashed, found an array of 1"},
      {"\"share\":1", "\"share\":-1",
       "share: expected an integer in 0 ... 18446744073709551615, found -1"},
      {"\"share\":1", "\"share\":1.0",
       "share: expected an integer in 0 ... 18446744073709551615, found 1.0"},
      {"\"share\":1", "\"share\":18446744073709551616",
       "share: expected an integer in 0 ... 18446744073709551615, found 1.8446744073709552e+19"},
      {"\"share\":1", "\"share\":null",
       "share: expected an integer in 0 ... 18446744073709551615, found null"},
      {"[{\"nanoseconds\":3,\"operations\":2}]", "{}",
       "windows: expected an array, found an object"},
      {"{\"nanoseconds\":3,\"operations\":2}", "[3,2]",
       "windows[0]: expected an object, found an array of 2"},
      {"\"nanoseconds\":3", "\"nanoseconds\":\"3\"",
       "windows[0].nanoseconds: expected an integer in 0 ... 18446744073709551615, found \"3\""},
      {"\"nanoseconds\":3,", "", "windows[0]: expected a key \"nanoseconds\", found none"},
      {"\"name\":\"a\"", "\"name\":\"a b\"",
       "metrics[0].name: expected a name of 1 to 64 of A-Z a-z 0-9 . _ + -, found \"a b\""},
      {"\"text\":\"1\"", "\"text\":\"\"",
       "metrics[0].text: expected a value; a metric that has none is left out, found \"\""},
      {"\"text\":\"1\"", "\"text\":1", "metrics[0].text: expected text, found 1"},
      {"\"text\":\"1\"", "\"text\":\"a\\nb\"",
       "metrics[0].text: expected at most 256 printable ASCII characters, found \"a\\nb\""},
      {"\"text\":\"1\"}", "\"text\":\"1\"},{\"name\":\"a\",\"text\":\"2\"}",
       "metrics[1].name: expected each metric once, found it again"},
  };
  for (const Refused& refused : cases) {
    EXPECT_EQ(refusal(changed(refused.part, refused.by)),
              "worker result: " + std::string(refused.message));
  }
  EXPECT_EQ(refusal(changed("\"share\":1", "\"share\":1e400")).substr(0, 16), "worker result:1:");
  EXPECT_EQ(refusal(R"({"share":1, "share":1})"),
            "worker result:1:19: expected every key once, found \"share\" again");
  EXPECT_EQ(refusal("[]"), "worker result: the document: expected an object, found an array of 0");
}

TEST(WorkerResultTest, PhasesSurviveTheWayThroughJson) {
  WorkerResult sent = example();
  sent.phases = {{.name = "grow", .monotonic_ns = 17},
                 {.name = "freed", .monotonic_ns = 17},
                 {.name = "end", .monotonic_ns = UINT64_MAX}};
  const WorkerResult received = worker_result_from_json(worker_result_to_json(sent));
  ASSERT_EQ(received.phases.size(), 3U);
  EXPECT_EQ(received.phases[0].name, "grow");
  EXPECT_EQ(received.phases[1].name, "freed");
  EXPECT_EQ(received.phases[1].monotonic_ns, 17U);
  EXPECT_EQ(received.phases[2].monotonic_ns, UINT64_MAX);
}

TEST(WorkerResultTest, RefusesEachWrongPhaseByItsPath) {
  constexpr std::string_view kNone = "\"phases\":[]";
  const auto with = [&](const std::string& phases) {
    return refusal(changed(kNone, "\"phases\":" + phases));
  };
  const auto several = [](std::size_t count) {
    std::string phases = "[";
    for (std::size_t i = 0; i < count; ++i) {
      phases += std::string(i == 0 ? "" : ",") + R"({"name":"a","monotonic_ns":1})";
    }
    return phases + "]";
  };
  EXPECT_EQ(with(several(64)), "accepted");
  EXPECT_EQ(with(several(65)),
            "worker result: phases: expected at most 64 phases, found an array of 65");
  EXPECT_EQ(with("{}"), "worker result: phases: expected an array, found an object");
  EXPECT_EQ(with(R"([{"name":"a"}])"),
            "worker result: phases[0]: expected a key \"monotonic_ns\", found none");
  EXPECT_EQ(with(R"([{"name":"a,b","monotonic_ns":1}])"),
            "worker result: phases[0].name: expected a name of 1 to 64 of A-Z a-z 0-9 . _ + -, "
            "found \"a,b\"");
  EXPECT_EQ(with(R"([{"name":"a","monotonic_ns":-1}])"),
            "worker result: phases[0].monotonic_ns: expected an integer in 0 ... "
            "18446744073709551615, found -1");
  EXPECT_EQ(with(R"([{"name":"a","monotonic_ns":2},{"name":"b","monotonic_ns":1}])"),
            "worker result: phases[1].monotonic_ns: expected a time that is not before the phase's "
            "before it, found 1");
  EXPECT_EQ(refusal(changed(kNone, "\"phases\":[],\"phase\":[]")),
            "worker result: the document: expected no key \"phase\", which this version does not "
            "know");
}

TEST(WorkerResultTest, RefusesEachWrongBucketByItsPath) {
  const Refused cases[] = {
      {"[1,2.5,3]", "[1,2.5]",
       "latency[0].buckets[0]: expected an array of lower_ns, upper_ns and count, found an array "
       "of 2"},
      {"[1,2.5,3]", "[1,1,3]", "latency[0].buckets[0][1]: expected above 1, found 1"},
      {"[1,2.5,3]", "[-1,1,3]", "latency[0].buckets[0][0]: expected at least 0, found -1"},
      {"[1,2.5,3]", "[1,\"2\",3]", "latency[0].buckets[0][1]: expected a number, found \"2\""},
      {"[1,2.5,3]", "[1,2.5,0]",
       "latency[0].buckets[0][2]: expected a count; a bucket that has none is left out, found 0"},
      {"[1,2.5,3]", "[1,2.5,1.5]",
       "latency[0].buckets[0][2]: expected an integer in 0 ... 18446744073709551615, found 1.5"},
      {"[2.5,4,1]", "[2,4,1]", "latency[0].buckets[1][0]: expected at least 2.5, found 2"},
      {"\"operation\":\"free\"", "\"operation\":\"a b\"",
       "latency[0].operation: expected a name of 1 to 64 of A-Z a-z 0-9 . _ + -, found \"a b\""},
      {"[{\"operation\"", "[{\"operation\":\"free\",\"buckets\":[]},{\"operation\"",
       "latency[1].operation: expected each operation once, found it again"},
      {",\"latency\":[{\"operation\":\"free\",\"buckets\":[[1,2.5,3],[2.5,4,1]]}]", "",
       "the document: expected a key \"latency\", found none"},
  };
  for (const Refused& refused : cases) {
    EXPECT_EQ(refusal(changed(refused.part, refused.by)),
              "worker result: " + std::string(refused.message));
  }
  std::string failed = changed("\"status\":\"ok\"", "\"status\":\"failed_check\"");
  const std::string_view metrics = R"([{"name":"a","text":"1"}])";
  failed.replace(failed.find(metrics), metrics.size(), "[]");
  EXPECT_EQ(refusal(failed),
            "worker result: latency: expected no latency where the status is failed_check, found "
            "an array of 1");
}

TEST(WorkerResultTest, RefusesMoreThanItsCaps) {
  std::string operations;
  for (int i = 0; i < 17; ++i) operations += (i == 0 ? "0" : ",0");
  EXPECT_EQ(
      refusal(changed("{\"operation\":\"free\",\"buckets\":[[1,2.5,3],[2.5,4,1]]}", operations)),
      "worker result: latency: expected at most 16 operations, found an array of 17");
  std::string buckets = "0";
  for (int i = 0; i < 8192; ++i) buckets += ",0";
  EXPECT_EQ(refusal(changed("[1,2.5,3],[2.5,4,1]", buckets)),
            "worker result: latency[0].buckets: expected at most 8192 buckets, found an array of "
            "8193");
  const std::string long_detail(4097, 'x');
  EXPECT_EQ(refusal(changed("\"detail\":\"\"", "\"detail\":\"" + long_detail + "\"")),
            "worker result: detail: expected at most 4096 bytes, found 4097");
  EXPECT_EQ(refusal(changed("\"detail\":\"\"", "\"detail\":\"" + std::string(4096, 'x') + "\"")),
            "accepted");
  const std::string long_text = "\"text\":\"" + std::string(257, 'x') + "\"";
  EXPECT_EQ(refusal(changed("\"text\":\"1\"", long_text)).substr(0, 77),
            "worker result: metrics[0].text: expected at most 256 printable ASCII characte");
  std::string windows = "[0";
  for (int i = 0; i < 1'000'000; ++i) windows += ",0";
  EXPECT_EQ(refusal(changed("[{\"nanoseconds\":3,\"operations\":2}]", windows + "]")),
            "worker result: windows: expected at most 1000000 windows, found an array of 1000001");
  const std::string nested = std::string(100'000, '[') + std::string(100'000, ']');
  EXPECT_EQ(refusal(changed("\"share\":1", "\"share\":" + nested)),
            "worker result:1:64: expected at most 16 levels of nesting, found more");
}

TEST(SampleKindTest, EveryKindHasAName) {
  for (const SampleKind kind : {SampleKind::kTimed, SampleKind::kInstrumented, SampleKind::kTwin,
                                SampleKind::kAnchor, SampleKind::kLead}) {
    EXPECT_EQ(parse_sample_kind(to_string(kind)), kind);
  }
  EXPECT_FALSE(parse_sample_kind(""));
}

TEST(StatusTest, WhatCannotRunIsNoFailure) {
  EXPECT_FALSE(is_failure(Status::kOk));
  EXPECT_FALSE(is_failure(Status::kUnavailable));
  EXPECT_FALSE(is_failure(Status::kUnsupported));
  EXPECT_TRUE(is_failure(Status::kFailedCheck));
  EXPECT_TRUE(is_failure(Status::kNotInjected));
}

TEST(CellTest, ItsLabelNamesEveryCoordinate) {
  const Cell cell{.workload = "heap/pair",
                  .variant = "malloc",
                  .allocator = "glibc",
                  .parameter = 64,
                  .threads = 2};
  EXPECT_EQ(cell.label("size"), "heap/pair/malloc/glibc/size:64/threads:2");
  EXPECT_EQ(cell.label(""), "heap/pair/malloc/glibc/64/threads:2");
  Cell bare = cell;
  bare.parameter = std::nullopt;
  EXPECT_EQ(bare.label("size"), "heap/pair/malloc/glibc/threads:2");
}

}  // namespace
}  // namespace stackheap
