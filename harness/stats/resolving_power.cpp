// How small a slowdown is found in nine trials of ten, by how long a pair runs and by what is made
// of a sample's windows.
#include <fmt/format.h>

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <cmath>
#include <set>

#include "harness/stats/calibration_parts.hpp"
#include "harness/stats/stopping.hpp"
#include "harness/stats/trials.hpp"

namespace stackheap {
namespace {

constexpr std::size_t kFewestForAQuantile = 20;
// A trial takes a hundredth less than its budget: a session ended when a pair had had that much by
// what samples took until then, and by what all of them took it may be a few rounds short.
constexpr double kPartOfBudget = 0.99;
constexpr double kPairSeconds[] = {5, 10, 20, 30, 60};
constexpr double kChoosingSeconds = 10;

struct Goal {
  bool all_cpus;
  double seconds;
  double slowdown;
};
constexpr Goal kGoals[] = {{false, 10, 0.007}, {false, 60, 0.003}, {true, 60, 0.007}};

struct Selection {
  bool all_cpus = false;
  double seconds = 0;  // of a pair's processes
  std::size_t summary = kComparedSummary;
  std::optional<std::size_t> parity;  // only even or odd pieces
};

struct Shortfalls {
  std::vector<double> values;
  std::set<std::uint64_t> sessions;
};

// (true slowdown - lower bound) of each trial.
Shortfalls shortfalls(std::span<const Bank> banks, const Selection& selection) {
  MedianEstimator estimator(kExactAlpha);
  Shortfalls result;
  const auto add = [&](const Bank& bank, std::size_t begin, std::size_t rounds, SidePair pair,
                       double truth) {
    std::vector<double> values = log_ratios(bank, pair, begin, begin + rounds, selection.summary);
    const Estimate logs = estimator.estimate(values);
    if (!logs.has_interval()) return;
    result.values.push_back(truth - logs.lower);
    result.sessions.insert(bank.session);
  };
  for (const Bank& bank : banks) {
    if (bank.all_cpus != selection.all_cpus || !(bank.sample_seconds > 0)) continue;
    const auto rounds =
        static_cast<std::size_t>(kPartOfBudget * selection.seconds / (2 * bank.sample_seconds));
    if (rounds < kTrialRounds) continue;
    std::size_t piece = 0;
    for_each_piece({&bank, 1}, rounds, [&](const Bank&, std::size_t begin) {
      if (selection.parity && piece++ % 2 != *selection.parity) return;
      for (std::size_t i = 0; i < kEqualPairs; ++i) add(bank, begin, rounds, equal_pair(i), 0);
      for (std::size_t i = 0; i < kSlowdownsPpm.size(); ++i) {
        add(bank, begin, rounds, slower_pair(i), std::log1p(kSlowdownsPpm[i] * 1e-6));
      }
    });
  }
  return result;
}

// The 90 % quantile with the order statistics that the binomial distribution puts around it
// (distribution-free: H. A. David and H. N. Nagaraja, "Order Statistics", 3rd ed., 7.1).
Estimate quantile_90(std::vector<double> values) {
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

CalibrationFigure figure_of(const char* design, const char* what, const Selection& selection,
                            const Shortfalls& found) {
  return {.design = design,
          .what = what,
          .rule = fmt::format("{:g} s a pair", selection.seconds),
          .threads = selection.all_cpus ? "all" : "1",
          .summary = std::string(kWindowSummaries[selection.summary]),
          .k = 0,
          .n = found.values.size(),
          .sessions = found.sessions.size(),
          .value = quantile_90(found.values),
          .target = "",
          .met = std::nullopt};
}

}  // namespace

std::vector<CalibrationFigure> resolving_power(std::span<const Bank> banks) {
  std::vector<CalibrationFigure> figures;
  for (const bool all_cpus : {false, true}) {
    for (const double seconds : kPairSeconds) {
      const Selection selection{.all_cpus = all_cpus, .seconds = seconds, .parity = std::nullopt};
      CalibrationFigure figure = figure_of("slowdown", "detectable slowdown, 9 of 10 trials",
                                           selection, shortfalls(banks, selection));
      if (figure.n < kFewestForAQuantile) continue;
      for (const Goal& goal : kGoals) {
        if (goal.all_cpus != all_cpus || goal.seconds != seconds) continue;
        figure.target = fmt::format("<= {:g} %", 100 * goal.slowdown);
        figure.met = figure.value.point <= goal.slowdown;
      }
      figures.push_back(std::move(figure));
    }
  }
  return figures;
}

SummaryChoice choose_window_summary(std::span<const Bank> banks) {
  SummaryChoice choice;
  double best = HUGE_VAL;
  for (std::size_t summary = 0; summary < kWindowSummaries.size(); ++summary) {
    for (const std::size_t parity : {0U, 1U}) {
      const Selection selection{
          .all_cpus = false, .seconds = kChoosingSeconds, .summary = summary, .parity = parity};
      const CalibrationFigure figure =
          figure_of("window summaries",
                    parity == 0 ? "detectable slowdown, choosing half"
                                : "detectable slowdown, certifying half",
                    selection, shortfalls(banks, selection));
      if (figure.n < kFewestForAQuantile) continue;
      if (parity == 0 && figure.value.point < best) {
        best = figure.value.point;
        choice.best = figure.summary;
      }
      choice.figures.push_back(figure);
    }
  }
  return choice;
}

}  // namespace stackheap
