#include "harness/driver/repeat_command.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

namespace stackheap {
namespace {

CellRequest request() {
  CellRequest result;
  result.workload = "heap/pair";
  result.variant = "it's";
  return result;
}

TEST(RepeatCommandTest, NamesEnvironmentPreloadAndCellQuotedForAShell) {
  Allocator allocator;
  allocator.environment = {{"MALLOC_CONF", "a:b"}};
  allocator.libraries = {"/lib/libmy.so"};
  PreloadPlan preload;
  preload.value = "/lib/libmy.so";
  const std::string command = repeat_command("/opt/worker", &allocator, preload, request());
  EXPECT_EQ(command.substr(0, command.find('{')),
            "MALLOC_CONF='a:b' LD_PRELOAD=/lib/libmy.so /opt/worker --cell '");
  EXPECT_NE(command.find(R"("variant":"it'\''s")"), std::string::npos);
  EXPECT_TRUE(command.ends_with("' --result-fd 1"));
}

TEST(RepeatCommandTest, OpensALibraryThatLdPreloadWouldTakeApartUnderItsNumber) {
  Allocator allocator;
  allocator.libraries = {"/lib/plain.so", "/opt/my lib/it.so"};
  PreloadPlan preload;
  preload.value = "/lib/plain.so:/proc/self/fd/207";
  preload.descriptors.emplace_back(207);
  const std::string command = repeat_command("/opt/worker", &allocator, preload, request());
  EXPECT_TRUE(command.ends_with(" --result-fd 1 207<'/opt/my lib/it.so'"));
  static_cast<void>(preload.descriptors[0].release());  // never was open
}

TEST(RepeatCommandTest, LeavesTheTildeOfAHomeFolderOutsideOfQuotes) {
  const char* home = std::getenv("HOME");
  const std::string before = home == nullptr ? "" : home;
  ASSERT_EQ(::setenv("HOME", "/home/someone", 1), 0);
  PreloadPlan preload;
  preload.value = "/home/someone/it.so:/lib/x.so:/home/someone/a b.so";
  const std::string command =
      repeat_command("/home/someone/a b/worker", nullptr, preload, request());
  ASSERT_EQ(::setenv("HOME", before.c_str(), 1), 0);
  EXPECT_TRUE(command.starts_with("LD_PRELOAD=~/it.so:/lib/x.so:~/'a b.so' ~/'a b/worker' --cell "))
      << command;
}

}  // namespace
}  // namespace stackheap
