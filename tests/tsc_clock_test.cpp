#include "harness/measure/tsc_clock.hpp"

#include <gtest/gtest.h>

#include <string>

#include "harness/base/clock.hpp"
#include "harness/base/error.hpp"
#include "harness/base/mapped.hpp"

namespace stackheap {
namespace {

constexpr std::uint32_t kRdtscp = 1U << 27U;
constexpr std::uint32_t kInvariant = 1U << 8U;

// A processor and two clocks that are as a test says.
struct Fake {
  std::uint32_t largest = 0x8000'001fU;
  std::uint32_t features = kRdtscp;
  std::uint32_t power = kInvariant;
  std::uint64_t now_ns = 1'000'000;
  double ticks_per_ns = 2.5;
  double ticks = 0;
  std::uint64_t changes_at_ns = UINT64_MAX;  // from then on, the counter has changed_rate
  double changed_rate = 0;
} fake;

CpuidRegisters fake_cpuid(std::uint32_t leaf) {
  CpuidRegisters registers;
  if (leaf == 0x8000'0000U) registers.eax = fake.largest;
  if (leaf == 0x8000'0001U) registers.edx = fake.features;
  if (leaf == 0x8000'0007U) registers.edx = fake.power;
  return registers;
}

// Time passes by being read.
std::uint64_t fake_nanoseconds() {
  constexpr std::uint64_t kStep = 20;
  const bool changed = fake.now_ns >= fake.changes_at_ns;
  fake.now_ns += kStep;
  fake.ticks += static_cast<double>(kStep) * (changed ? fake.changed_rate : fake.ticks_per_ns);
  return fake.now_ns;
}

std::uint64_t fake_ticks() {
  return static_cast<std::uint64_t>(fake.ticks);
}

TscSource fake_source(const Fake& as) {
  fake = as;
  return {fake_cpuid, fake_ticks, fake_nanoseconds};
}

std::string refusal(const TscSource& source) {
  try {
    calibrate_tsc(source);
  } catch (const CannotRun& reason) {
    EXPECT_EQ(reason.kind(), CannotRun::Kind::kUnsupported);
    return reason.what();
  }
  return "accepted";
}

TEST(TscClockTest, AnInvariantCounterWithRdtscpIsAClock) {
  EXPECT_EQ(tsc_problem(fake_source({})), "");
}

TEST(TscClockTest, EachMissingFeatureIsNamed) {
  const auto problem = [](const Fake& as) { return tsc_problem(fake_source(as)); };
  EXPECT_NE(problem({.power = 0}).find("not invariant (CPUID 0x80000007"), std::string::npos);
  EXPECT_NE(problem({.power = ~kInvariant}).find("not invariant"), std::string::npos);
  EXPECT_NE(problem({.features = ~kRdtscp}).find("no RDTSCP"), std::string::npos);
  // Leaves above the largest return anything.
  EXPECT_NE(problem({.largest = 0x8000'0006U}).find("not invariant"), std::string::npos);
  EXPECT_NE(problem({.largest = 0}).find("processor does not have"), std::string::npos);
}

TEST(TscClockTest, WithoutAnInvariantCounterNothingIsCalibrated) {
  EXPECT_EQ(refusal(fake_source({.power = 0})), tsc_problem(fake_source({.power = 0})));
}

TEST(TscClockTest, TheRateIsFoundFromTheTwoClocks) {
  for (const double rate : {0.025, 1.0, 2.5, 4.9}) {
    EXPECT_NEAR(calibrate_tsc(fake_source({.ticks_per_ns = rate})) * rate, 1, 1e-3);
  }
}

TEST(TscClockTest, ACounterThatChangesItsRateIsRefusedWithBothCalibrations) {
  // The first of the intervals of 2 ms ends before the change; all later ones are 1 % faster.
  const std::string reason =
      refusal(fake_source({.ticks_per_ns = 2, .changes_at_ns = 3'200'000, .changed_rate = 2.02}));
  EXPECT_NE(reason.find("differ by"), std::string::npos) << reason;
  EXPECT_NE(reason.find("0.5"), std::string::npos) << reason;
}

TEST(TscClockTest, ACounterThatStandsStillIsRefused) {
  EXPECT_NE(refusal(fake_source({.ticks_per_ns = 0})).find("does not advance"), std::string::npos);
}

class TscOfThisMachine : public testing::Test {
 protected:
  void SetUp() override {
    const std::string problem = tsc_problem();
    if (!problem.empty()) GTEST_SKIP() << problem;
  }
};

TEST_F(TscOfThisMachine, MeasuresTheSameTimeAsTheMonotonicClock) {
  const double ns_per_tick = calibrate_tsc();
  const std::uint64_t start_ns = monotonic_ns();
  const std::uint64_t start = read_tsc();
  while (monotonic_ns() - start_ns < 20'000'000) {
  }
  const double ticks = static_cast<double>(read_tsc() - start);
  const auto ns = static_cast<double>(monotonic_ns() - start_ns);
  // The thread may be interrupted between the two clocks.
  EXPECT_NEAR(ticks * ns_per_tick / ns, 1, 0.05);
}

TEST_F(TscOfThisMachine, TimesNothingAsOftenAsAsked) {
  MappedArray<LatencyHistogram> histogram(1);
  time_nothing(histogram[0], 20'000);
  EXPECT_EQ(histogram[0].count(), 20'000U);
  EXPECT_TRUE(histogram[0].quantile(0.99).has_value());
  EXPECT_GE(histogram[0].max(), 1U);
}

}  // namespace
}  // namespace stackheap
