// The statistics against noise whose truth is known: how often they see a difference that is not
// there, how often their intervals hold the truth, and what the usual methods do with the same
// data. Seeds are fixed, so a rate is always the same; the bounds leave it three standard
// deviations.
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "harness/base/build_info.hpp"
#include "harness/stats/interval.hpp"
#include "harness/stats/stopping.hpp"

namespace stackheap {
namespace {

using Engine = std::mt19937_64;

// Logarithms of the times of one round, in the order in which its processes run.
using Round = std::function<void(Engine&, double time, std::vector<double>&)>;

struct NoiseCase {
  std::string name;
  Round noise;  // adds to what is there; `time` is the round's place in the run, 0 to 1
  bool ties = false;
};

void add_normal(Engine& engine, std::vector<double>& logs, double deviation) {
  std::normal_distribution<double> normal(0, deviation);
  for (double& log : logs) log += normal(engine);
}

void add_student(Engine& engine, std::vector<double>& logs, double freedom) {
  std::student_t_distribution<double> student(freedom);
  for (double& log : logs) log += 0.01 * student(engine);
}

// Foreign load comes for a while: it begins at some process and stays for up to three of them.
void add_bursts(Engine& engine, std::vector<double>& logs, double share) {
  std::uniform_real_distribution<double> uniform(0, 1);
  for (std::size_t i = 0; i < logs.size(); ++i) {
    if (uniform(engine) >= share / 2) continue;
    const double height = 0.05 + 0.3 * uniform(engine);
    const auto length = 1 + static_cast<std::size_t>(3 * uniform(engine));
    for (std::size_t j = i; j < std::min(i + length, logs.size()); ++j) logs[j] += height;
  }
}

std::vector<NoiseCase> noise_cases() {
  std::vector<NoiseCase> cases;
  cases.push_back(
      {"normal", [](Engine& e, double, std::vector<double>& logs) { add_normal(e, logs, 0.01); }});
  for (const double freedom : {2.0, 3.0}) {
    cases.push_back({"student-" + std::to_string(static_cast<int>(freedom)),
                     [freedom](Engine& e, double, std::vector<double>& logs) {
                       add_student(e, logs, freedom);
                     }});
  }
  for (const double share : {0.06, 0.3}) {
    cases.push_back({"bursts-" + std::to_string(static_cast<int>(100 * share)),
                     [share](Engine& e, double, std::vector<double>& logs) {
                       add_normal(e, logs, 0.01);
                       add_bursts(e, logs, share);
                     }});
  }
  cases.push_back({"drift", [](Engine& e, double time, std::vector<double>& logs) {
                     add_normal(e, logs, 0.01);
                     for (std::size_t i = 0; i < logs.size(); ++i) {
                       logs[i] += 0.3 * time + 0.002 * static_cast<double>(i);
                     }
                   }});
  cases.push_back({"ties",
                   [](Engine& e, double, std::vector<double>& logs) {
                     add_normal(e, logs, 0.01);
                     for (double& log : logs) log = std::round(log / 0.01) * 0.01;
                   },
                   true});
  return cases;
}

// Times of `cells` cells over rounds: [cell][round]. The true ratio of each to the first is
// `ratio`; inside a round the order is drawn anew.
std::vector<std::vector<double>> interleaved(Engine& engine, const NoiseCase& noise,
                                             std::size_t cells, std::size_t rounds, double ratio) {
  std::vector<std::vector<double>> times(cells, std::vector<double>(rounds));
  std::vector<std::size_t> order(cells);
  std::vector<double> logs(cells);
  for (std::size_t round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < cells; ++i) order[i] = i;
    std::shuffle(order.begin(), order.end(), engine);
    std::fill(logs.begin(), logs.end(), 0.0);
    noise.noise(engine, static_cast<double>(round) / static_cast<double>(rounds), logs);
    for (std::size_t i = 0; i < cells; ++i) {
      times[order[i]][round] = std::exp(logs[i]) * (order[i] == 0 ? 1 : ratio);
    }
  }
  return times;
}

// Share of trials in which `holds` is true.
double rate(std::size_t trials, const std::function<bool(Engine&)>& holds) {
  Engine engine(20260131);
  std::size_t hits = 0;
  for (std::size_t i = 0; i < trials; ++i) hits += holds(engine) ? 1 : 0;
  return static_cast<double>(hits) / static_cast<double>(trials);
}

bool differs(const Estimate& ratio) {
  return ratio.lower > 1 || ratio.upper < 1;
}

// Student's paired test at 5 % on the same log ratios.
bool paired_t_differs(const std::vector<double>& candidate, const std::vector<double>& baseline) {
  const auto n = static_cast<double>(candidate.size());
  double sum = 0;
  double squares = 0;
  for (std::size_t i = 0; i < candidate.size(); ++i) {
    const double log = std::log(candidate[i] / baseline[i]);
    sum += log;
    squares += log * log;
  }
  const double mean = sum / n;
  const double error = std::sqrt((squares - n * mean * mean) / (n - 1) / n);
  const boost::math::students_t_distribution<double> student(n - 1);
  return std::abs(mean / error) > boost::math::quantile(student, 0.975);
}

class Noise : public testing::TestWithParam<std::size_t> {
 protected:
  void SetUp() override {
    if (sanitizer() == "thread") GTEST_SKIP() << "one thread's arithmetic, ten times slower";
  }
  NoiseCase noise() const { return noise_cases()[GetParam()]; }
};

TEST_P(Noise, IdenticalProgramsDifferInFivePercentOfTrials) {
  const NoiseCase noise = this->noise();
  for (const std::size_t rounds : {8U, 12U, 24U, 60U, 300U}) {
    const std::size_t trials = rounds == 300 ? 2000 : 5000;
    const double wrong = rate(trials, [&](Engine& engine) {
      const auto times = interleaved(engine, noise, 2, rounds, 1);
      return differs(ratio_estimate(times[1], times[0], 0.05));
    });
    EXPECT_LE(wrong, 0.069) << noise.name << ", " << rounds << " rounds";
    // Ties only make the interval wider.
    EXPECT_GE(wrong, noise.ties ? 0.0 : 0.034) << noise.name << ", " << rounds << " rounds";
  }
}

TEST_P(Noise, TheTrueRatioIsInTheInterval) {
  const NoiseCase noise = this->noise();
  for (const std::size_t rounds : {12U, 24U}) {
    const double covered = rate(5000, [&](Engine& engine) {
      const auto times = interleaved(engine, noise, 2, rounds, 1.03);
      const Estimate ratio = ratio_estimate(times[1], times[0], 0.05);
      return ratio.lower <= 1.03 * (1 + 1e-9) && 1.03 * (1 - 1e-9) <= ratio.upper;
    });
    EXPECT_GE(covered, 0.931) << noise.name << ", " << rounds << " rounds";
  }
}

TEST_P(Noise, AFamilyHasOneErrorRate) {
  const NoiseCase noise = this->noise();
  for (const std::size_t candidates : {6U, 21U}) {
    MedianEstimator estimator(0.05 / static_cast<double>(candidates));
    const double wrong = rate(2000, [&](Engine& engine) {
      const auto times = interleaved(engine, noise, candidates + 1, 24, 1);
      bool any = false;
      for (std::size_t i = 1; i <= candidates; ++i) {
        PairedRatio ratio;
        for (std::size_t round = 0; round < 24; ++round)
          ratio.add(times[i][round], times[0][round]);
        any = any || differs(ratio.estimate(estimator));
      }
      return any;
    });
    EXPECT_LE(wrong, 0.075) << noise.name << ", " << candidates << " comparisons";
    EXPECT_GE(wrong, noise.ties ? 0.0 : 0.005) << noise.name << ", " << candidates;
  }
}

// Rounds are added until the interval is narrow, at most 60; what it is worth then.
TEST_P(Noise, LookingAgainAndAgainKeepsItsCoverageAtAlpha3Percent) {
  const NoiseCase noise = this->noise();
  MedianEstimator estimator(0.03);
  std::size_t early = 0;
  const double covered = rate(4000, [&](Engine& engine) {
    const auto times = interleaved(engine, noise, 2, 60, 1);
    for (std::size_t rounds = 12;; rounds += 2) {
      PairedRatio ratio;
      for (std::size_t i = 0; i < rounds; ++i) ratio.add(times[1][i], times[0][i]);
      const RatioEstimate estimate = ratio.estimate(estimator);
      if (half_width(estimate) > 0.008 && rounds < 60) continue;
      early += rounds < 60 ? 1 : 0;
      return !differs(estimate);
    }
  });
  EXPECT_GT(early, noise.name == "bursts-30" ? 50U : 400U) << "no trial tests the stopping";
  EXPECT_GE(covered, 0.935) << noise.name;
  EXPECT_LE(covered, noise.ties ? 1.0 : 0.985) << noise.name;
}

INSTANTIATE_TEST_SUITE_P(All, Noise, testing::Range<std::size_t>(0, noise_cases().size()),
                         [](const testing::TestParamInfo<std::size_t>& which) {
                           std::string name = noise_cases()[which.param].name;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

// Foreign load in some of the processes takes the t test its power; the medians keep theirs.
TEST(Power, ATwoPercentSlowdownIsFoundUnderBursts) {
  const NoiseCase bursts = noise_cases()[4];
  ASSERT_EQ(bursts.name, "bursts-30");
  double by_t = 0;
  const double by_median = rate(2000, [&](Engine& engine) {
    const auto times = interleaved(engine, bursts, 2, 40, 1.02);
    by_t += paired_t_differs(times[1], times[0]) ? 1.0 / 2000 : 0;
    return ratio_estimate(times[1], times[0], 0.05).lower > 1;
  });
  EXPECT_GE(by_median, 0.6);
  EXPECT_LE(by_t, 0.5 * by_median);
}

// The order of most suites: a drift of the machine becomes a difference of the programs.
TEST(AllOfOneThenAllOfTheOther, CallsIdenticalProgramsDifferent) {
  const auto times_of = [](Engine& engine, double from, double to) {
    std::vector<double> times;
    for (int i = 0; i < 30; ++i) {
      std::vector<double> log{from + (to - from) * i / 30};
      add_normal(engine, log, 0.01);
      times.push_back(std::exp(log[0]));
    }
    return times;
  };
  const double wrong = rate(500, [&](Engine& engine) {
    // 2 % over the whole run.
    const auto first = times_of(engine, 0, 0.01);
    const auto second = times_of(engine, 0.01, 0.02);
    return paired_t_differs(second, first);
  });
  EXPECT_GE(wrong, 0.5);
}

}  // namespace
}  // namespace stackheap
