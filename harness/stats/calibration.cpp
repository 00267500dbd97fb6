#include "harness/stats/calibration.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <cmath>
#include <map>
#include <set>

#include "harness/base/error.hpp"
#include "harness/stats/stopping.hpp"

namespace stackheap {
namespace {

constexpr double kAlpha = 0.05;
constexpr double kAdaptiveAlpha = 0.03;
constexpr std::size_t kTrialRounds = 12;
constexpr std::size_t kMostAdaptiveRounds = 60;
constexpr std::size_t kLookEvery = 2;
// Targets: what is asked of a machine before its verdicts are believed.
constexpr double kLeastFalse = 0.03;
constexpr double kMostFalse = 0.07;
constexpr double kMostFamilyFalse = 0.075;
constexpr std::size_t kEnoughPairs = 2000;
constexpr std::size_t kEnoughFamilies = 600;
constexpr std::size_t kEnoughSessions = 20;
constexpr std::size_t kFewestForAQuantile = 20;

// Log ratios of two sides over rounds [begin, end); rounds in which one failed are left out.
std::vector<double> logs_of(const Bank& bank, SidePair sides, std::size_t begin, std::size_t end,
                            std::size_t summary) {
  std::vector<double> logs;
  for (std::size_t i = begin; i < end; ++i) {
    const auto& a = bank.rounds[i].sides[sides.candidate];
    const auto& b = bank.rounds[i].sides[sides.baseline];
    if (a && b) logs.push_back(std::log((*a)[summary] / (*b)[summary]));
  }
  return logs;
}

bool excludes_0(const Estimate& logs) {
  return logs.lower > 0 || logs.upper < 0;
}
double width_of(const Estimate& logs) {
  return std::max(logs.upper - logs.point, logs.point - logs.lower);
}

// The share with its interval; met where the whole interval is within the bounds.
CalibrationFigure share(CalibrationFigure figure, std::size_t k, std::size_t n,
                        const std::set<std::uint64_t>& sessions) {
  figure.k = k;
  figure.n = n;
  figure.sessions = sessions.size();
  figure.value = clopper_pearson(k, n, kAlpha);
  return figure;
}

class Evaluator {
 public:
  Evaluator(std::span<const Bank> banks, double precision)
      : banks_(banks), precision_(precision), fixed_(kAlpha), adaptive_(kAdaptiveAlpha) {}

  Calibration evaluate() {
    choose_summary();
    for (const bool adaptive : {false, true}) {
      false_positives(adaptive);
      families(adaptive);
    }
    coverage();
    disturbed();
    for (const bool all_cpus : {false, true}) {
      for (const double seconds : {5.0, 10.0, 20.0, 30.0, 60.0}) detectable(all_cpus, seconds);
    }
    layouts();
    sessions();
    return std::move(result_);
  }

 private:
  Estimate estimate(std::vector<double> logs, MedianEstimator& estimator) const {
    return estimator.estimate(logs);
  }

  // Calls visit(bank, begin) for each stretch of `rounds` rounds.
  template <class Visit>
  void for_each_piece(std::size_t rounds, Visit visit) const {
    for (const Bank& bank : banks_) {
      for (std::size_t begin = 0; begin + rounds <= bank.rounds.size(); begin += rounds) {
        visit(bank, begin);
      }
    }
  }

  // Rounds until every pair of sides is precise, and their estimates then; 0: the bank ended first.
  std::size_t stop(const Bank& bank, std::span<const SidePair> sides, std::size_t begin,
                   MedianEstimator& estimator, std::vector<Estimate>& estimates) const {
    for (std::size_t rounds = kTrialRounds; begin + rounds <= bank.rounds.size();
         rounds += kLookEvery) {
      estimates.clear();
      bool precise = true;
      for (const SidePair& pair : sides) {
        estimates.push_back(
            estimate(logs_of(bank, pair, begin, begin + rounds, kMedian), estimator));
        precise =
            precise && estimates.back().has_interval() && width_of(estimates.back()) <= precision_;
      }
      if (precise || rounds + kLookEvery > kMostAdaptiveRounds) return rounds;
    }
    return 0;
  }

  void false_positives(bool adaptive) {
    std::size_t k = 0;
    std::size_t n = 0;
    std::set<std::uint64_t> sessions;
    std::map<std::uint64_t, std::pair<std::size_t, std::size_t>> by_session;
    const auto count = [&](const Bank& bank, const Estimate& logs) {
      if (!logs.has_interval()) return;
      ++n;
      k += excludes_0(logs) ? 1 : 0;
      sessions.insert(bank.session);
      auto& of_session = by_session[bank.session];
      of_session.first += excludes_0(logs) ? 1 : 0;
      ++of_session.second;
    };
    if (!adaptive) {
      for_each_piece(kTrialRounds, [&](const Bank& bank, std::size_t begin) {
        for (std::size_t i = 0; i < kEqualPairs; ++i) {
          const SidePair pair = equal_pair(i);
          count(bank, estimate(logs_of(bank, pair, begin, begin + kTrialRounds, kMedian), fixed_));
        }
      });
    } else {
      std::vector<Estimate> estimates;
      for (const Bank& bank : banks_) {
        for (std::size_t i = 0; i < kEqualPairs; ++i) {
          const SidePair pair = equal_pair(i);
          std::size_t begin = 0;
          while (const std::size_t rounds = stop(bank, {&pair, 1}, begin, adaptive_, estimates)) {
            count(bank, estimates.front());
            begin += rounds;
          }
        }
      }
    }
    CalibrationFigure figure = share({.design = "a/a",
                                      .what = "false positives",
                                      .rule = rule(adaptive),
                                      .threads = "",
                                      .summary = std::string(kWindowSummaries[kMedian]),
                                      .value = {},
                                      .target = "3-7 %",
                                      .met = std::nullopt},
                                     k, n, sessions);
    if (n >= kEnoughPairs && sessions.size() >= kEnoughSessions) {
      figure.met = figure.value.lower >= kLeastFalse && figure.value.upper <= kMostFalse;
    }
    result_.figures.push_back(figure);
    clustered(figure, by_session);
  }

  // The same rate with sessions as the unit: trials of one session may share its state.
  void clustered(CalibrationFigure figure,
                 const std::map<std::uint64_t, std::pair<std::size_t, std::size_t>>& by_session) {
    if (by_session.size() < 2) return;
    const auto count = static_cast<double>(by_session.size());
    double residuals = 0;
    for (const auto& [session, of] : by_session) {
      residuals += std::pow(
          static_cast<double>(of.first) - figure.value.point * static_cast<double>(of.second), 2);
    }
    const double error = std::sqrt(residuals * count / (count - 1)) / static_cast<double>(figure.n);
    figure.what = "false positives, clustered by session";
    figure.value.lower = std::max(0.0, figure.value.point - 1.96 * error);
    figure.value.upper = figure.value.point + 1.96 * error;
    figure.target.clear();
    figure.met.reset();
    result_.figures.push_back(std::move(figure));
  }

  void families(bool adaptive) {
    std::vector<SidePair> sides;
    for (std::size_t i = 1; i < kFamilySides; ++i) sides.push_back({i, 0});
    const double alpha =
        (adaptive ? kAdaptiveAlpha : kAlpha) / static_cast<double>(kFamilySides - 1);
    MedianEstimator each(alpha);
    std::size_t k = 0;
    std::size_t n = 0;
    std::set<std::uint64_t> sessions;
    std::vector<Estimate> estimates;
    for (const Bank& bank : banks_) {
      for (std::size_t begin = 0;;) {
        std::size_t rounds = kTrialRounds;
        if (adaptive) {
          rounds = stop(bank, sides, begin, each, estimates);
          if (rounds == 0) break;
        } else {
          if (begin + rounds > bank.rounds.size()) break;
          estimates.clear();
          for (const SidePair& pair : sides) {
            estimates.push_back(
                estimate(logs_of(bank, pair, begin, begin + rounds, kMedian), each));
          }
        }
        begin += rounds;
        ++n;
        k += std::any_of(estimates.begin(), estimates.end(), excludes_0) ? 1 : 0;
        sessions.insert(bank.session);
      }
    }
    CalibrationFigure figure = share({.design = "family of 6",
                                      .what = "false positives",
                                      .rule = rule(adaptive),
                                      .threads = "",
                                      .summary = std::string(kWindowSummaries[kMedian]),
                                      .value = {},
                                      .target = "<= 7.5 %",
                                      .met = std::nullopt},
                                     k, n, sessions);
    if (n >= kEnoughFamilies) figure.met = figure.value.upper <= kMostFamilyFalse;
    result_.figures.push_back(std::move(figure));
  }

  // Of the true ratio, where one side does known more work.
  void coverage() {
    std::size_t k = 0;
    std::size_t n = 0;
    std::set<std::uint64_t> sessions;
    for_each_piece(kTrialRounds, [&](const Bank& bank, std::size_t begin) {
      for (std::size_t i = 0; i < kSlowdownsPpm.size(); ++i) {
        const Estimate logs =
            estimate(logs_of(bank, slower_pair(i), begin, begin + kTrialRounds, kMedian), fixed_);
        if (!logs.has_interval()) continue;
        const double truth = std::log1p(kSlowdownsPpm[i] * 1e-6);
        ++n;
        k += logs.lower <= truth && truth <= logs.upper ? 1 : 0;
        sessions.insert(bank.session);
      }
    });
    result_.figures.push_back(share({.design = "slowdown",
                                     .what = "coverage of the true ratio",
                                     .rule = rule(false),
                                     .threads = "",
                                     .summary = std::string(kWindowSummaries[kMedian]),
                                     .value = {},
                                     .target = "",
                                     .met = std::nullopt},
                                    k, n, sessions));
  }

  void disturbed() {
    std::size_t k = 0;
    std::size_t n = 0;
    std::set<std::uint64_t> sessions;
    for_each_piece(kTrialRounds, [&](const Bank& bank, std::size_t begin) {
      const Estimate logs =
          estimate(logs_of(bank, kDisturbedPair, begin, begin + kTrialRounds, kMedian), fixed_);
      if (!logs.has_interval()) return;
      ++n;
      k += excludes_0(logs) ? 1 : 0;
      sessions.insert(bank.session);
    });
    result_.figures.push_back(share({.design = "load beside one side",
                                     .what = "false positives",
                                     .rule = rule(false),
                                     .threads = "",
                                     .summary = std::string(kWindowSummaries[kMedian]),
                                     .value = {},
                                     .target = "",
                                     .met = std::nullopt},
                                    k, n, sessions));
  }

  // (true slowdown - lower bound) of each trial whose parity, where one is given, is that.
  std::vector<double> shortfalls(bool all_cpus, double seconds, std::size_t summary,
                                 std::optional<std::size_t> parity,
                                 std::set<std::uint64_t>& sessions) {
    std::vector<double> values;
    for (const Bank& bank : banks_) {
      if (bank.all_cpus != all_cpus || !(bank.sample_seconds > 0)) continue;
      const auto rounds = static_cast<std::size_t>(seconds / (2 * bank.sample_seconds));
      if (rounds < kTrialRounds) continue;
      std::size_t piece = 0;
      for (std::size_t begin = 0; begin + rounds <= bank.rounds.size(); begin += rounds, ++piece) {
        if (parity && piece % 2 != *parity) continue;
        const auto add = [&](SidePair pair, double truth) {
          const Estimate logs =
              estimate(logs_of(bank, pair, begin, begin + rounds, summary), fixed_);
          if (!logs.has_interval()) return;
          values.push_back(truth - logs.lower);
          sessions.insert(bank.session);
        };
        for (std::size_t i = 0; i < kEqualPairs; ++i) add(equal_pair(i), 0);
        for (std::size_t i = 0; i < kSlowdownsPpm.size(); ++i) {
          add(slower_pair(i), std::log1p(kSlowdownsPpm[i] * 1e-6));
        }
      }
    }
    return values;
  }

  // The 90 % quantile with the order statistics that the binomial distribution puts around it
  // (distribution-free: H. A. David and H. N. Nagaraja, "Order Statistics", 3rd ed., 7.1).
  static Estimate quantile_90(std::vector<double> values) {
    Estimate result{.n = values.size()};
    if (values.size() < kFewestForAQuantile) return result;
    std::sort(values.begin(), values.end());
    const boost::math::binomial_distribution<double> below(static_cast<double>(values.size()), 0.9);
    const auto at = [&](double rank) {
      const double last = static_cast<double>(values.size()) - 1;
      return values[static_cast<std::size_t>(std::clamp(rank, 0.0, last))];
    };
    result.point = at(std::ceil(0.9 * static_cast<double>(values.size())) - 1);
    result.lower = at(boost::math::quantile(below, 0.025) - 1);
    result.upper = at(boost::math::quantile(below, 0.975));
    return result;
  }

  void detectable(bool all_cpus, double seconds) {
    std::set<std::uint64_t> sessions;
    const Estimate value =
        quantile_90(shortfalls(all_cpus, seconds, kMedian, std::nullopt, sessions));
    if (value.n < kFewestForAQuantile) return;
    CalibrationFigure figure{.design = "slowdown",
                             .what = "detectable slowdown, 9 of 10 trials",
                             .rule = fmt::format("{:g} s a pair", seconds),
                             .threads = all_cpus ? "all" : "1",
                             .summary = std::string(kWindowSummaries[kMedian]),
                             .n = value.n,
                             .sessions = sessions.size(),
                             .value = value,
                             .target = "",
                             .met = std::nullopt};
    const bool has_target = all_cpus ? seconds == 60 : seconds == 10 || seconds == 60;
    if (has_target) {
      const double goal = !all_cpus && seconds == 60 ? 0.003 : 0.007;
      figure.target = fmt::format("<= {:g} %", 100 * goal);
      figure.met = value.point <= goal;
    }
    result_.figures.push_back(std::move(figure));
  }

  // Chosen on the even pieces of 10 s, certified on the odd ones.
  void choose_summary() {
    double best = HUGE_VAL;
    for (std::size_t summary = 0; summary < kWindowSummaries.size(); ++summary) {
      for (const std::size_t parity : {0U, 1U}) {
        std::set<std::uint64_t> sessions;
        const Estimate value = quantile_90(shortfalls(false, 10, summary, parity, sessions));
        if (value.n < kFewestForAQuantile) continue;
        if (parity == 0 && value.point < best) {
          best = value.point;
          result_.window_summary = std::string(kWindowSummaries[summary]);
        }
        result_.figures.push_back({.design = "window summaries",
                                   .what = parity == 0 ? "detectable slowdown, choosing half"
                                                       : "detectable slowdown, certifying half",
                                   .rule = "10 s a pair",
                                   .threads = "1",
                                   .summary = std::string(kWindowSummaries[summary]),
                                   .n = value.n,
                                   .sessions = sessions.size(),
                                   .value = value,
                                   .target = "",
                                   .met = std::nullopt});
      }
    }
  }

  // Variance of the medians beyond what their own intervals explain; nothing below two.
  static std::optional<double> excess_variance(std::span<const Estimate> medians) {
    if (medians.size() < 2) return std::nullopt;
    const auto count = static_cast<double>(medians.size());
    double mean = 0;
    double sampling = 0;
    for (const Estimate& median : medians) {
      mean += median.point / count;
      sampling += std::pow((median.upper - median.lower) / 2 / 1.96, 2) / count;
    }
    double variance = 0;
    for (const Estimate& median : medians) {
      variance += std::pow(median.point - mean, 2) / (count - 1);
    }
    return std::max(0.0, variance - sampling);
  }

  // What the layouts make of a pair of different programs: standard error of a run's median, which
  // rotates over them.
  void layouts() {
    std::map<std::string, std::map<unsigned, std::vector<double>>> by_cell;
    for (const Bank& bank : banks_) {
      for (const BankRound& round : bank.rounds) {
        const auto& other = round.sides[kOtherPair.candidate];
        const auto& own = round.sides[kOtherPair.baseline];
        if (!other || !own) continue;
        by_cell[bank.cell][round.layout].push_back(std::log((*other)[kMedian] / (*own)[kMedian]));
      }
    }
    double sum = 0;
    std::size_t cells = 0;
    for (auto& [cell, by_layout] : by_cell) {
      std::vector<Estimate> medians;
      for (auto& [layout, logs] : by_layout) {
        const Estimate median = fixed_.estimate(logs);
        if (median.has_interval()) medians.push_back(median);
      }
      const auto variance = excess_variance(medians);
      if (!variance) continue;
      sum += *variance / static_cast<double>(medians.size());
      ++cells;
    }
    if (cells != 0) result_.layout_spread = std::sqrt(sum / static_cast<double>(cells));
  }

  // What two sessions make of the same program.
  void sessions() {
    std::map<std::string, std::vector<Estimate>> by_cell;
    for (const Bank& bank : banks_) {
      std::vector<double> logs;
      for (const BankRound& round : bank.rounds) {
        if (round.sides[0]) logs.push_back(std::log((*round.sides[0])[kMedian]));
      }
      const Estimate median = fixed_.estimate(logs);
      if (median.has_interval()) by_cell[bank.cell].push_back(median);
    }
    double sum = 0;
    std::size_t freedom = 0;
    for (const auto& [cell, medians] : by_cell) {
      const auto variance = excess_variance(medians);
      if (!variance) continue;
      sum += *variance * static_cast<double>(medians.size() - 1);
      freedom += medians.size() - 1;
    }
    if (freedom == 0) return;
    // A ratio of two sessions has the variance of both.
    result_.between_runs = BetweenRunSpread{
        .deviation = std::sqrt(2 * sum / static_cast<double>(freedom)), .sessions = freedom + 1};
  }

  static std::string rule(bool adaptive) {
    return adaptive ? "adaptive" : fmt::format("{} rounds", kTrialRounds);
  }

  static constexpr std::size_t kMedian = 0;  // of kWindowSummaries: what is compared by default

  std::span<const Bank> banks_;
  double precision_;
  MedianEstimator fixed_;
  MedianEstimator adaptive_;
  Calibration result_;
};

}  // namespace

Calibration evaluate_calibration(std::span<const Bank> banks, double precision) {
  STACKHEAP_CHECK(precision > 0);
  return Evaluator(banks, precision).evaluate();
}

}  // namespace stackheap
