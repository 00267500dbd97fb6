// Work that comes in lots: whatever share is asked for or found, lanes do whole lots.
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "harness/base/build_info.hpp"
#include "harness/base/mapped.hpp"
#include "harness/measure/memory.hpp"
#include "harness/measure/window_loop.hpp"

namespace stackheap {
namespace {

std::uint64_t share_of_one_window(const WindowPlan& plan, std::uint64_t lot) {
  MappedArray<Lane> lanes(1);
  WindowLoop loop(lanes.span(), plan);
  loop.work_in_lots_of(lot);
  const ThreadProbe probe;
  while (!loop.done()) {
    loop.run_window(lanes[0], probe, false,
                    [&](Lane&, std::uint64_t n) { EXPECT_EQ(n % lot, 0U); });
  }
  EXPECT_EQ(loop.windows().front().operations, loop.share());
  return loop.share();
}

TEST(WindowLots, AGivenShareIsRoundedUpToWholeLots) {
  const auto share_for = [](std::uint64_t share, std::uint64_t lot) {
    return share_of_one_window({.share = share, .windows = 1, .warm_up_maximum = 0}, lot);
  };
  EXPECT_EQ(share_for(1'001, 1'000), 2'000U);
  EXPECT_EQ(share_for(1'000, 1'000), 1'000U);
  EXPECT_EQ(share_for(5, 1'000), 1'000U);
  EXPECT_EQ(share_for(33, 1), 33U);
}

TEST(WindowLots, APilotFindsWholeLotsToo) {
  const WindowPlan plan{.share = 0, .pilot_target_ns = 100'000, .windows = 1, .warm_up_maximum = 0};
  EXPECT_EQ(share_of_one_window(plan, 700) % 700, 0U);
}

TEST(ResidentBytes, AreCountedToThePage) {
  if (!sanitizer().empty()) GTEST_SKIP() << "a sanitizer maps shadow pages of its own";
  const auto before = count_resident_bytes();
  ASSERT_TRUE(before.has_value());
  constexpr std::size_t kBytes = std::size_t{4} << 20U;
  void* const pages = map_pages(kBytes);
  const auto with_pages = count_resident_bytes();
  unmap_pages(pages, kBytes);
  const auto after = count_resident_bytes();
  ASSERT_TRUE(with_pages.has_value() && after.has_value());
  EXPECT_EQ(*with_pages - *after, kBytes);
}

}  // namespace
}  // namespace stackheap
