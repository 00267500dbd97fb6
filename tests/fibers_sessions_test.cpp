// fibers/sessions: the sizes its sessions draw, the work they do, and the five servers that do it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "suites/fibers/session_work.hpp"
#include "tests/lane_fixture.hpp"

namespace stackheap {
namespace {

using sessions::Session;
using sessions::SessionPlan;
using testing_lanes::LaneOutcome;
using testing_lanes::PlantedFault;
using testing_lanes::run_cell;

constexpr const char* kWays[] = {"thread-per-session", "fibers", "coroutines", "tbb-tasks",
                                 "callbacks"};

LaneOutcome sessions_cell(std::string_view variant, std::int64_t count, unsigned threads,
                          std::uint64_t share) {
  return run_cell({.workload = "fibers/sessions",
                   .variant = variant,
                   .parameter = count,
                   .threads = threads,
                   .seed = 9},
                  share);
}

// Moments of what was drawn against those of a uniform law over the whole numbers lowest ...
// highest, within five standard errors.
class Uniform {
 public:
  explicit Uniform(const std::uint32_t (&bounds)[2]) : low_(bounds[0]), high_(bounds[1]) {}

  void add(std::uint32_t value) {
    least_ = std::min(least_, value);
    most_ = std::max(most_, value);
    sum_ += value;
    squares_ += double{1} * value * value;
    ++count_;
  }
  void check() const {
    const double n = static_cast<double>(count_);
    const double values = high_ - low_ + 1.0;
    const double variance = (values * values - 1) / 12;
    EXPECT_EQ(least_, low_);
    EXPECT_EQ(most_, high_);
    EXPECT_NEAR(sum_ / n, (low_ + high_) / 2.0, 5 * std::sqrt(variance / n));
    // The fourth central moment of a uniform law is 9/5 of the variance squared.
    EXPECT_NEAR(squares_ / n - sum_ / n * sum_ / n, variance, 5 * variance * std::sqrt(0.8 / n));
  }

 private:
  std::uint32_t low_;
  std::uint32_t high_;
  std::uint32_t least_ = UINT32_MAX;
  std::uint32_t most_ = 0;
  double sum_ = 0;
  double squares_ = 0;
  std::uint64_t count_ = 0;
};

TEST(FibersSessions, SizesHaveTheMomentsOfTheirDescription) {
  Uniform request(SessionPlan::kRequest);
  Uniform field(SessionPlan::kField);
  Uniform query(SessionPlan::kQuery);
  Uniform reply(SessionPlan::kReply);
  for (std::uint64_t seed = 0; seed < 1'000'000; ++seed) {
    const SessionPlan plan(seed);
    request.add(plan.request);
    query.add(plan.query);
    reply.add(plan.reply);
    for (const std::uint32_t bytes : plan.fields) field.add(bytes);
  }
  request.check();
  field.check();
  query.check();
  reply.check();
}

TEST(FibersSessions, ASessionAnswersWhatIsExpectedOfItAndOneChangedByteDoesNot) {
  for (std::uint64_t seed = 0; seed < 1'000; ++seed) {
    Session sound(seed);
    sound.parse();
    EXPECT_EQ(sound.respond(), sessions::expected_answer(seed));
    Session damaged(seed);
    damaged.parse();
    *damaged.request() ^= 1U;
    EXPECT_NE(damaged.respond(), sessions::expected_answer(seed));
  }
  EXPECT_NE(sessions::expected_answer(1), sessions::expected_answer(2));
}

TEST(FibersSessions, EveryWayAnswersAllSessionsWithTheSameLiveBytes) {
  for (const std::int64_t count : {1, 16}) {
    for (const unsigned threads : {1U, 2U, 5U}) {
      for (const char* way : kWays) {
        SCOPED_TRACE(std::string(way) + " sessions " + std::to_string(count) + " threads " +
                     std::to_string(threads));
        const LaneOutcome outcome = sessions_cell(way, count, threads, 50);
        if (!outcome.cannot_run.empty()) continue;
        EXPECT_EQ(outcome.failures, std::vector<std::string>());
        EXPECT_EQ(outcome.operations, 2U * 50 * threads);
        EXPECT_EQ(outcome.live_after, 0);
        const std::int64_t open = count * threads;
        EXPECT_GE(outcome.live_between, open * (512 + 8 * (32 + 8)));
        EXPECT_LE(outcome.live_between, open * (2'047 + 8 * (32 + 63)));
      }
    }
  }
}

TEST(FibersSessions, EachPlantedFaultIsNamedInEveryWay) {
  const std::pair<const char*, const char*> faults[] = {
      {"flip-byte", "fibers/sessions: the answers are not those that the requests ask for"},
      {"drop", "sessions ended of"},
      {"skip-free", "bytes of sessions were not given back"}};
  for (const auto& [name, message] : faults) {
    for (const char* way : kWays) {
      const PlantedFault fault(name);
      const LaneOutcome outcome = sessions_cell(way, 8, 2, 40);
      if (!outcome.cannot_run.empty()) continue;
      ASSERT_EQ(outcome.failures.size(), 1U) << way;
      EXPECT_NE(outcome.failures[0].find(message), std::string::npos) << outcome.failures[0];
    }
  }
}

}  // namespace
}  // namespace stackheap
