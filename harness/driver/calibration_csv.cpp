#include "harness/driver/calibration_csv.hpp"

#include <fmt/format.h>

#include "harness/base/csv.hpp"

namespace stackheap {
namespace {

constexpr ColumnInfo kColumns[] = {
    {"design", "text", "",
     "a/a: a cell against itself; family of 6: six against a seventh; slowdown: a side does known "
     "more work; load beside one side; window summaries: what is made of a sample's windows."},
    {"what", "text", "", "What the figure is."},
    {"rule", "text", "",
     "When a trial ends: after 12 rounds, adaptively, or after so many seconds of a pair's "
     "processes."},
    {"threads", "text", "", "1, all (as many as CPUs), or empty: both."},
    {"summary", "text", "", "Which number of a sample's windows was compared."},
    {"k", "integer", "count", "Trials in which it was so; empty where it is no share."},
    {"n", "integer", "count", "Trials."},
    {"sessions", "integer", "count", "Sessions they are from."},
    {"value", "real", "1", "The share k / n, or a slowdown as a part: 0.01 is 1 %."},
    {"lower", "real", "1",
     "Lower bound of its 95 % interval: Clopper and Pearson; order statistics for a slowdown."},
    {"upper", "real", "1", "Upper bound."},
    {"target", "text", "", "What is asked of it."},
    {"met", "flag", "", "Empty: too few trials to say, or no target."},
};

}  // namespace

std::vector<ColumnInfo> calibration_columns() {
  return {std::begin(kColumns), std::end(kColumns)};
}

std::string calibration_csv(const Calibration& calibration) {
  std::vector<std::string> header;
  for (const ColumnInfo& column : kColumns) header.emplace_back(column.name);
  std::string text = csv_row(header);
  for (const CalibrationFigure& figure : calibration.figures) {
    const bool is_share = figure.what.find("slowdown") == std::string::npos;
    text += csv_row(std::vector<std::string>{
        figure.design, figure.what, figure.rule, figure.threads, figure.summary,
        is_share ? fmt::format("{}", figure.k) : "", fmt::format("{}", figure.n),
        fmt::format("{}", figure.sessions), csv_number(figure.value.point),
        csv_number(figure.value.lower), csv_number(figure.value.upper), figure.target,
        figure.met ? (*figure.met ? "1" : "0") : ""});
  }
  return text;
}

}  // namespace stackheap
