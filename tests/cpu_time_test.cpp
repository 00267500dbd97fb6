#include "harness/measure/cpu_time.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "harness/base/clock.hpp"

namespace stackheap {
namespace {

TEST(CpuTime, OfTheCallingThreadLiesBetweenTwoReadingsOfItsOwnClock) {
  const std::uint64_t before = thread_cpu_ns();
  const auto own = cpu_ns_of_thread(::gettid());
  ASSERT_TRUE(own);
  EXPECT_GE(*own, before);
  EXPECT_LE(*own, thread_cpu_ns());
}

TEST(CpuTime, OfTheCallingProcessLiesBetweenTwoReadingsOfItsOwnClock) {
  const std::uint64_t before = process_cpu_ns();
  const auto own = cpu_ns_of_process(::getpid());
  ASSERT_TRUE(own);
  EXPECT_GE(*own, before);
  EXPECT_LE(*own, process_cpu_ns());
}

TEST(CpuTime, OfAChildIsTheChilds) {
  const std::uint64_t before = monotonic_ns();
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    for (;;) ::pause();
  }
  const auto used = cpu_ns_of_process(child);
  EXPECT_TRUE(used);
  EXPECT_LE(used.value_or(0), monotonic_ns() - before);
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_EQ(cpu_ns_of_process(child), std::nullopt);
}

TEST(CpuTime, OfNoThreadIsNone) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) ::_exit(0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_EQ(cpu_ns_of_thread(child), std::nullopt);
}

}  // namespace
}  // namespace stackheap
