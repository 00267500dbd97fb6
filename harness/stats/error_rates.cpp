// How often verdicts err: identical programs called different, and true ratios outside of their
// intervals.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "harness/stats/calibration_parts.hpp"
#include "harness/stats/stopping.hpp"
#include "harness/stats/trials.hpp"

namespace stackheap {
namespace {

constexpr std::size_t kMostAdaptiveRounds = 60;  // a trial's budget
// Targets: what is asked of a machine before its verdicts are believed.
constexpr double kLeastFalse = 0.03;
constexpr double kMostFalse = 0.07;
constexpr double kMostFamilyFalse = 0.075;
constexpr std::size_t kEnoughPairs = 2000;
constexpr std::size_t kEnoughFamilies = 600;
constexpr std::size_t kEnoughSessions = 20;

// When a trial ends: after kTrialRounds, or once all of its pairs are precise.
struct Rule {
  std::optional<double> precision;  // of log ratios; nothing: a fixed number of rounds

  double alpha() const { return precision ? kAdaptiveAlpha : kExactAlpha; }
  std::string name() const {
    return precision ? fmt::format("adaptive to {:g} %", 100 * *precision)
                     : fmt::format("{} rounds", kTrialRounds);
  }
};

double width_of(const Estimate& logs) {
  return std::max(logs.upper - logs.point, logs.point - logs.lower);
}

// Trials of one bank, one after the other: each begins where the one before ended.
class TrialCutter {
 public:
  TrialCutter(const Bank& bank, std::span<const SidePair> pairs, const Rule& rule)
      : bank_(bank),
        pairs_(pairs),
        rule_(rule),
        estimator_(rule.alpha() / static_cast<double>(pairs.size())) {}

  // The pairs' estimates in the next trial; empty: the bank ended first.
  std::vector<Estimate> next() {
    for (std::size_t rounds = kTrialRounds; begin_ + rounds <= bank_.rounds.size();
         rounds += kLookEvery) {
      std::vector<Estimate> estimates = estimates_over(rounds);
      const bool over = !rule_.precision || rounds + kLookEvery > kMostAdaptiveRounds ||
                        std::all_of(estimates.begin(), estimates.end(), [&](const Estimate& logs) {
                          return logs.has_interval() && width_of(logs) <= *rule_.precision;
                        });
      if (!over) continue;
      begin_ += rounds;
      return estimates;
    }
    return {};
  }

 private:
  std::vector<Estimate> estimates_over(std::size_t rounds) {
    std::vector<Estimate> estimates;
    for (const SidePair& pair : pairs_) {
      std::vector<double> logs = log_ratios(bank_, pair, begin_, begin_ + rounds, kComparedSummary);
      estimates.push_back(estimator_.estimate(logs));
    }
    return estimates;
  }

  const Bank& bank_;
  std::span<const SidePair> pairs_;
  const Rule& rule_;
  MedianEstimator estimator_;
  std::size_t begin_ = 0;
};

// Counts trials in which one of the pairs excludes 0.
void count_different(const Bank& bank, std::span<const SidePair> pairs, const Rule& rule,
                     Tally& tally) {
  TrialCutter trials(bank, pairs, rule);
  for (;;) {
    const std::vector<Estimate> estimates = trials.next();
    if (estimates.empty()) return;
    if (std::none_of(estimates.begin(), estimates.end(),
                     [](const Estimate& logs) { return logs.has_interval(); })) {
      continue;
    }
    tally.add(bank.session, std::any_of(estimates.begin(), estimates.end(), excludes_0));
  }
}

CalibrationFigure figure_of(const char* design, const char* what, const Rule& rule,
                            const Tally& tally, const char* target = "") {
  return {.design = design,
          .what = what,
          .rule = rule.name(),
          .threads = "",
          .summary = std::string(kWindowSummaries[kComparedSummary]),
          .k = tally.k(),
          .n = tally.n(),
          .sessions = tally.sessions(),
          .value = tally.share(),
          .target = target,
          .met = std::nullopt};
}

void equal_pairs(std::span<const Bank> banks, const Rule& rule,
                 std::vector<CalibrationFigure>& figures) {
  Tally tally;
  for (const Bank& bank : banks) {
    for (std::size_t i = 0; i < kEqualPairs; ++i) {
      const SidePair pair = equal_pair(i);
      count_different(bank, {&pair, 1}, rule, tally);
    }
  }
  CalibrationFigure figure = figure_of("a/a", "false positives", rule, tally, "3-7 %");
  if (tally.n() >= kEnoughPairs && tally.sessions() >= kEnoughSessions) {
    figure.met = figure.value.lower >= kLeastFalse && figure.value.upper <= kMostFalse;
  }
  figures.push_back(figure);
  if (const auto clustered = tally.clustered()) {
    figure.what = "false positives, clustered by session";
    figure.value = *clustered;
    figure.target.clear();
    figure.met.reset();
    figures.push_back(std::move(figure));
  }
}

void families(std::span<const Bank> banks, const Rule& rule,
              std::vector<CalibrationFigure>& figures) {
  std::vector<SidePair> pairs;
  for (std::size_t i = 1; i < kFamilySides; ++i) pairs.push_back({i, 0});
  Tally tally;
  for (const Bank& bank : banks) count_different(rounds_with(bank, 0), pairs, rule, tally);
  CalibrationFigure figure = figure_of("family of 6", "false positives", rule, tally, "<= 7.5 %");
  if (tally.n() >= kEnoughFamilies) figure.met = figure.value.upper <= kMostFamilyFalse;
  figures.push_back(std::move(figure));
}

// Of the true ratio, where one side does known more work.
CalibrationFigure coverage(std::span<const Bank> banks) {
  MedianEstimator estimator(kExactAlpha);
  Tally tally;
  for_each_piece(banks, kTrialRounds, [&](const Bank& bank, std::size_t begin) {
    for (std::size_t i = 0; i < kSlowdownsPpm.size(); ++i) {
      std::vector<double> values =
          log_ratios(bank, slower_pair(i), begin, begin + kTrialRounds, kComparedSummary);
      const Estimate logs = estimator.estimate(values);
      if (!logs.has_interval()) continue;
      const double truth = std::log1p(kSlowdownsPpm[i] * 1e-6);
      tally.add(bank.session, logs.lower <= truth && truth <= logs.upper);
    }
  });
  return figure_of("slowdown", "coverage of the true ratio", {}, tally);
}

CalibrationFigure load_beside_one_side(std::span<const Bank> banks) {
  Tally tally;
  for (const Bank& bank : banks) {
    count_different(rounds_with(bank, kDisturbedPair.baseline), {&kDisturbedPair, 1}, {}, tally);
  }
  return figure_of("load beside one side", "false positives", {}, tally);
}

}  // namespace

std::vector<CalibrationFigure> error_rates(std::span<const Bank> banks,
                                           std::span<const double> precisions) {
  std::vector<Rule> rules(1);
  for (const double precision : precisions) rules.push_back({precision});
  std::vector<CalibrationFigure> figures;
  for (const Rule& rule : rules) {
    equal_pairs(banks, rule, figures);
    families(banks, rule, figures);
  }
  figures.push_back(coverage(banks));
  figures.push_back(load_beside_one_side(banks));
  return figures;
}

}  // namespace stackheap
