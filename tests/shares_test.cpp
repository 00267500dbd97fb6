#include "harness/driver/shares.hpp"

#include <gtest/gtest.h>

namespace stackheap {
namespace {

PilotResult pilot(const char* variant, const char* allocator, double ns,
                  bool oversubscribed = false) {
  return {{"heap/pair", variant, allocator, 64, 1}, oversubscribed, ns};
}

TEST(SharesTest, TheSlowestCellOfTheBlockSetsTheWorkOfAll) {
  const PilotResult pilots[] = {pilot("malloc", "glibc", 10), pilot("malloc", "scudo", 80)};
  const auto shares = work_from_pilots(pilots).shares;
  EXPECT_EQ(shares.at({"malloc", false}), 100'000U);  // 8 ms / 80 ns
}

TEST(SharesTest, AMuchFasterVariantDoesAPowerOfTwoTimesAsMuch) {
  const PilotResult pilots[] = {pilot("malloc", "scudo", 800), pilot("local-array", "none", 1)};
  const auto shares = work_from_pilots(pilots).shares;
  EXPECT_EQ(shares.at({"malloc", false}), 10'000U);
  // 10,000 operations of 1 ns are 10 us; 128 times as many take over 1 ms.
  EXPECT_EQ(shares.at({"local-array", false}), 1'280'000U);
}

TEST(SharesTest, AFastCellBesideASlowOneOfTheSameVariantDoesNotMakeItTakeForever) {
  const PilotResult pilots[] = {pilot("malloc", "glibc", 1), pilot("malloc", "scudo", 700'000)};
  const auto shares = work_from_pilots(pilots).shares;
  EXPECT_LE(static_cast<double>(shares.at({"malloc", false})) * 700'000, kApart.longest_window_ns);
}

TEST(SharesTest, OversubscribedCellsGetTheirOwnNumber) {
  const PilotResult pilots[] = {pilot("malloc", "glibc", 10), pilot("malloc", "glibc", 100, true)};
  const auto shares = work_from_pilots(pilots).shares;
  EXPECT_EQ(shares.at({"malloc", false}), 800'000U);
  EXPECT_EQ(shares.at({"malloc", true}), 80'000U);
}

TEST(SharesTest, AnOperationLongerThanAWindowIsDoneOnce) {
  const PilotResult pilots[] = {pilot("malloc", "glibc", 5e8)};
  EXPECT_EQ(work_from_pilots(pilots).shares.at({"malloc", false}), 1U);
}

TEST(SharesTest, ShortWindowsAreMoreWithinTheirBounds) {
  const PilotResult pilots[] = {pilot("malloc", "glibc", 10), pilot("malloc", "jemalloc", 20),
                                pilot("malloc", "scudo", 80), pilot("malloc", "none", 0.1)};
  const auto windows = work_from_pilots(pilots).windows;
  const auto of = [&](const char* allocator) {
    return windows.at({"heap/pair", "malloc", allocator, 64, 1});
  };
  EXPECT_EQ(of("scudo"), 10U);  // of 32 ms: the fewest
  EXPECT_EQ(of("jemalloc"), 10U);
  EXPECT_EQ(of("glibc"), 14U);  // of 4 ms
  EXPECT_EQ(of("none"), 60U);   // of 40 us: the most
}

TEST(SharesTest, PilotsWithoutATimeAreLeftOut) {
  const PilotResult pilots[] = {pilot("malloc", "glibc", 0)};
  EXPECT_TRUE(work_from_pilots(pilots).shares.empty());
}

}  // namespace
}  // namespace stackheap
