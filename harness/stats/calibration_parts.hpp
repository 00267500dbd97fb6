// The parts of evaluate_calibration(); for its sources alone.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/stats/bank.hpp"
#include "harness/stats/between_runs.hpp"
#include "harness/stats/calibration.hpp"

namespace stackheap {

// False positives of pairs and families, fixed and adaptive; coverage; load beside one side.
std::vector<CalibrationFigure> error_rates(std::span<const Bank> banks,
                                           std::span<const double> precisions);

// The detectable slowdown by a pair's time.
std::vector<CalibrationFigure> resolving_power(std::span<const Bank> banks);

struct SummaryChoice {
  std::vector<CalibrationFigure> figures;
  std::string best;  // empty: too few trials
};
// The detectable slowdown by each window summary: chosen on even pieces, certified on odd ones.
SummaryChoice choose_window_summary(std::span<const Bank> banks);

// What the layouts make of a pair of different programs: standard error of the median ratio of a
// run, which rotates over them.
std::optional<double> layout_spread(std::span<const Bank> banks);

// What two sessions make of the same program.
std::optional<BetweenRunSpread> between_sessions(std::span<const Bank> banks);

}  // namespace stackheap
