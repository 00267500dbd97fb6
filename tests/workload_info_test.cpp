#include "harness/model/workload_info.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace stackheap {
namespace {

WorkloadInfo example() {
  WorkloadInfo workload;
  workload.name = "heap/pair";
  workload.summary = "allocate and free at once";
  workload.operation = "one pair";
  workload.shape = Shape::kHistogram;
  workload.variants = {{.name = "malloc", .description = "malloc and free"},
                       {.name = "no-alloc", .description = "the loop", .uses_heap = false},
                       {.name = "mimalloc-heap",
                        .description = "a heap of its own",
                        .only_allocator = "mimalloc",
                        .single_threaded_process = true}};
  workload.baseline_variant = "malloc";
  workload.parameter = {.name = "size", .unit = "B", .minimum = 8, .maximum = INT64_MAX};
  workload.threads = {.minimum = 1, .maximum = 64};
  workload.smoke = {{.variants = {}, .values = {8}, .threads = TierThreads::kOne}};
  workload.quick = {{.variants = {"malloc"},
                     .values = {64, 4096},
                     .threads = TierThreads::kSweep,
                     .allocators = TierAllocators::kBaseline}};
  workload.expected_seconds = 0.5;
  workload.seconds_per_parameter = 0.25;
  workload.most_rounds = 3;
  workload.live_bytes = {.fixed = 1, .per_thread = 2, .per_parameter = 3};
  workload.blocks_migrate = true;
  workload.piloted = false;
  workload.uncounted_work = false;
  workload.timeline = true;
  workload.timed_operations = {"malloc", "free"};
  workload.ranked_by = "p99";
  workload.roles = {"scaling", "ratio"};
  return workload;
}

std::string refusal(std::string_view document) {
  try {
    workloads_from_json(document);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "accepted";
}

// The example's document with one part replaced by another.
std::string changed(std::string_view part, std::string_view by) {
  std::string document;
  for (const char c : workloads_to_json({example()}, "1.7.1")) {
    if (c != '\n' && c != ' ') document += c;
  }
  const std::size_t at = document.find(part);
  EXPECT_NE(at, std::string::npos) << part << " is not in " << document;
  return document.replace(at, part.size(), by);
}

TEST(WorkloadListTest, SurvivesTheWayThroughJson) {
  WorkloadInfo second;
  second.name = "stack/limit";
  second.variants = {{.name = "main", .description = "", .uses_heap = false}};
  second.baseline_variant = "main";
  const std::string document = workloads_to_json({example(), second}, "1.7.1");
  std::string library;
  const std::vector<WorkloadInfo> read = workloads_from_json(document, &library);
  EXPECT_EQ(library, "1.7.1");
  ASSERT_EQ(read.size(), 2U);
  EXPECT_EQ(workloads_to_json(read, "1.7.1"), document);

  const WorkloadInfo& info = read[0];
  EXPECT_EQ(info.name, "heap/pair");
  EXPECT_EQ(info.suite(), "heap");
  EXPECT_EQ(info.shape, Shape::kHistogram);
  ASSERT_EQ(info.variants.size(), 3U);
  EXPECT_FALSE(info.variants[1].uses_heap);
  EXPECT_EQ(info.variants[2].only_allocator, "mimalloc");
  EXPECT_TRUE(info.variants[2].single_threaded_process);
  ASSERT_TRUE(info.parameter);
  EXPECT_EQ(info.parameter->minimum, 8);
  EXPECT_EQ(info.parameter->maximum, INT64_MAX);
  EXPECT_EQ(info.threads.maximum, 64U);
  ASSERT_EQ(info.quick.size(), 1U);
  EXPECT_EQ(info.quick[0].variants, (std::vector<std::string>{"malloc"}));
  EXPECT_EQ(info.quick[0].values, (std::vector<std::int64_t>{64, 4096}));
  EXPECT_EQ(info.quick[0].threads, TierThreads::kSweep);
  EXPECT_EQ(info.quick[0].allocators, TierAllocators::kBaseline);
  EXPECT_TRUE(info.full.empty());
  EXPECT_EQ(info.expected_seconds, 0.5);
  EXPECT_EQ(info.seconds_at(8), 2.5);
  EXPECT_EQ(info.most_rounds, 3U);
  EXPECT_TRUE(info.timeline);
  EXPECT_EQ(info.live_bytes.at(4, 10), 1 + 8 + 30);
  EXPECT_TRUE(info.blocks_migrate);
  EXPECT_FALSE(info.piloted);
  EXPECT_FALSE(info.uncounted_work);
  EXPECT_EQ(info.ranked_by, "p99");
  EXPECT_EQ(info.timed_operations, (std::vector<std::string>{"malloc", "free"}));
  EXPECT_EQ(info.roles, (std::vector<std::string>{"scaling", "ratio"}));
  EXPECT_FALSE(read[1].parameter);
  EXPECT_EQ(read[1].most_rounds, 0U);
  EXPECT_FALSE(read[1].timeline);
}

TEST(WorkloadListTest, RefusesWhatIsNoJsonWithLineAndColumn) {
  EXPECT_EQ(refusal("{\n  x").substr(0, 17), "worker list:2:3: ");
}

struct Refused {
  std::string_view part;
  std::string_view by;
  std::string_view message;
};

TEST(WorkloadListTest, RefusesEachWrongMemberByItsPath) {
  ASSERT_EQ(refusal(changed("\"piloted\":false", "\"piloted\":true")), "accepted");
  const Refused cases[] = {
      {"\"version\":1", "\"version\":0", "version: expected an integer in 1 ... 1, found 0"},
      {"\"piloted\":false,", "", "workloads[0]: expected a key \"piloted\", found none"},
      {"\"piloted\":false", "\"piloted\":false,\"new\":1",
       "workloads[0]: expected no key \"new\", which this version does not know"},
      {"\"piloted\":false", "\"piloted\":0",
       "workloads[0].piloted: expected true or false, found 0"},
      {"\"name\":\"heap/pair\"", "\"name\":\"pair\"",
       "workloads[0].name: expected suite/name, each 1 to 64 of A-Z a-z 0-9 . _ + -, found "
       "\"pair\""},
      {"\"timed_operations\":[\"malloc\"", "\"timed_operations\":[\"a/b\"",
       "workloads[0].timed_operations[0]: expected a name of 1 to 64 of A-Z a-z 0-9 . _ + -, found "
       "\"a/b\""},
      {"\"shape\":\"histogram\"", "\"shape\":\"round\"",
       "workloads[0].shape: expected one of \"windowed\", \"scripted\", \"histogram\", found "
       "\"round\""},
      {"\"name\":\"no-alloc\"", "\"name\":\"malloc\"",
       "workloads[0].variants[1].name: expected each variant once, found \"malloc\""},
      {"\"baseline_variant\":\"malloc\"", "\"baseline_variant\":\"calloc\"",
       "workloads[0].baseline_variant: expected a variant of heap/pair, found \"calloc\""},
      {"\"only_allocator\":\"mimalloc\"", "\"only_allocator\":\"a/b\"",
       "workloads[0].variants[2].only_allocator: expected a name of 1 to 64 of A-Z a-z 0-9 . _ + "
       "-, found \"a/b\""},
      {"\"maximum\":9223372036854775807", "\"maximum\":7",
       "workloads[0].parameter.maximum: expected an integer in 8 ... 9223372036854775807, found "
       "7"},
      {"\"maximum\":9223372036854775807", "\"maximum\":9223372036854775808",
       "workloads[0].parameter.maximum: expected an integer in 8 ... 9223372036854775807, found "
       "9223372036854775808"},
      {"\"maximum\":64", "\"maximum\":4097",
       "workloads[0].threads.maximum: expected an integer in 1 ... 4096, found 4097"},
      {"\"values\":[64,4096]", "\"values\":[64,7]",
       "workloads[0].quick[0].values[1]: expected an integer in 8 ... 9223372036854775807, found "
       "7"},
      {"\"values\":[64,4096]", "\"values\":[]",
       "workloads[0].quick[0].values: expected at least one value of parameter size, found an "
       "array of 0"},
      {"\"variants\":[\"malloc\"]", "\"variants\":[\"calloc\"]",
       "workloads[0].quick[0].variants[0]: expected a variant of heap/pair, found \"calloc\""},
      {"\"threads\":\"sweep\"", "\"threads\":\"many\"",
       "workloads[0].quick[0].threads: expected one of \"one\", \"all\", \"one-and-all\", "
       "\"sweep\", found \"many\""},
      {"\"expected_seconds\":0.5", "\"expected_seconds\":0",
       "workloads[0].expected_seconds: expected seconds above 0, at most 86400, found 0"},
      {"\"seconds_per_parameter\":0.25", "\"seconds_per_parameter\":-1",
       "workloads[0].seconds_per_parameter: expected seconds from 0 to 86400, found -1"},
      {"\"most_rounds\":3", "\"most_rounds\":100001",
       "workloads[0].most_rounds: expected an integer in 0 ... 100000, found 100001"},
      {"\"most_rounds\":3,", "", "workloads[0]: expected a key \"most_rounds\", found none"},
      {"\"timeline\":true", "\"timeline\":\"yes\"",
       "workloads[0].timeline: expected true or false, found \"yes\""},
      {"\"per_thread\":2.0", "\"per_thread\":\"2\"",
       "workloads[0].live_bytes.per_thread: expected a number, found \"2\""},
      {"\"ratio\"", "\"a ratio\"",
       "workloads[0].roles[1]: expected a name of 1 to 64 of A-Z a-z 0-9 . _ + -, found \"a "
       "ratio\""},
  };
  for (const Refused& refused : cases) {
    EXPECT_EQ(refusal(changed(refused.part, refused.by)),
              "worker list: " + std::string(refused.message));
  }
}

TEST(WorkloadListTest, RefusesValuesWithoutAParameterAndRepeatedWorkloads) {
  WorkloadInfo workload = example();
  workload.parameter.reset();
  EXPECT_EQ(refusal(workloads_to_json({workload})),
            "worker list: workloads[0].smoke[0].values: expected no values where there is no "
            "parameter, found an array of 1");
  EXPECT_EQ(refusal(workloads_to_json({example(), example()})),
            "worker list: workloads[1].name: expected each workload once, found \"heap/pair\"");
}

TEST(WorkloadInfoTest, TiersAndVariantsAreFoundByName) {
  const WorkloadInfo workload = example();
  EXPECT_EQ(&workload.tiers_of(Profile::kSmoke), &workload.smoke);
  EXPECT_EQ(&workload.tiers_of(Profile::kFull), &workload.full);
  EXPECT_EQ(workload.find_variant("no-alloc"), &workload.variants[1]);
  EXPECT_EQ(workload.find_variant("alloc"), nullptr);
  for (const Profile profile : kProfiles) EXPECT_EQ(parse_profile(to_string(profile)), profile);
  EXPECT_FALSE(parse_profile("fast"));
}

}  // namespace
}  // namespace stackheap
