#include "harness/stats/calibration.hpp"

#include "harness/base/error.hpp"
#include "harness/stats/calibration_parts.hpp"

namespace stackheap {
namespace {

void append(std::vector<CalibrationFigure>& figures, std::vector<CalibrationFigure> more) {
  figures.insert(figures.end(), std::make_move_iterator(more.begin()),
                 std::make_move_iterator(more.end()));
}

}  // namespace

Calibration evaluate_calibration(std::span<const Bank> banks, std::span<const double> precisions) {
  for (const double precision : precisions) STACKHEAP_CHECK(precision > 0);
  Calibration result;
  SummaryChoice choice = choose_window_summary(banks);
  result.window_summary = choice.best;
  append(result.figures, std::move(choice.figures));
  append(result.figures, error_rates(banks, precisions));
  append(result.figures, resolving_power(banks));
  result.layout_spread = layout_spread(banks);
  result.between_runs = between_sessions(banks);
  return result;
}

}  // namespace stackheap
