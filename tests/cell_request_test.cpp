#include "harness/model/cell_request.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace stackheap {
namespace {

std::string error_of(const std::string& json) {
  try {
    cell_request_from_json(json);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

TEST(CellRequestTest, EveryMemberSurvivesTheRoundTrip) {
  CellRequest request;
  request.workload = "heap/pair";
  request.variant = "malloc";
  request.parameter = -7;
  request.threads = 3;
  request.seed = 18'446'744'073'709'551'615U;
  request.share = 11;
  request.windows = 12;
  request.warm_up_minimum = 13;
  request.warm_up_maximum = 14;
  request.pilot_target_ns = 15;
  request.oversubscribed = true;
  request.instrumented = true;
  request.wall_clock_only = true;
  request.cpus = {0, 5};
  request.expected_files = {"/lib/a b.so"};
  request.prove_allocator = false;
  const CellRequest read = cell_request_from_json(to_json(request));
  EXPECT_EQ(to_json(read), to_json(request));
  EXPECT_EQ(read.seed, request.seed);
  EXPECT_EQ(read.parameter, -7);
  EXPECT_TRUE(read.oversubscribed && read.instrumented && read.wall_clock_only);
  EXPECT_FALSE(read.prove_allocator);
  EXPECT_EQ(read.cpus, request.cpus);
  EXPECT_EQ(read.expected_files, request.expected_files);
}

TEST(CellRequestTest, AMissingAnUnknownAndAMistypedMemberAreNamed) {
  const std::string good = to_json(CellRequest{});
  EXPECT_EQ(error_of(good), "");
  EXPECT_EQ(error_of(replaced(good, "\"instrumented\":false,", "")),
            "cell request: missing member \"instrumented\"");
  EXPECT_EQ(error_of(replaced(good, "\"instrumented\":false", "\"instrumented\":1")),
            "cell request: \"instrumented\" has the wrong type");
  EXPECT_EQ(error_of(replaced(good, "{", "{\"probed\":true,")),
            "cell request: unknown member \"probed\"");
}

}  // namespace
}  // namespace stackheap
