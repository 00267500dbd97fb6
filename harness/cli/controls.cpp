#include "harness/cli/controls.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace stackheap {
namespace {

// What a worker's samples have, and what a program's have.
constexpr std::string_view kMetrics[] = {"ns_per_op", "wall_seconds"};

// "+0.31 % [-0.2, +0.9]" of a ratio.
std::string percent(const Estimate& ratio) {
  const auto of = [](double value) { return 100 * (value - 1); };
  std::string text = fmt::format("{:+.2f} %", of(ratio.point));
  return ratio.has_interval()
             ? text + fmt::format(" [{:+.2f}, {:+.2f}]", of(ratio.lower), of(ratio.upper))
             : text + " [no interval: too few rounds]";
}

std::string twins_text(const RunSummary& run) {
  const auto& all = run.summary.twin_summaries;
  const auto twins = std::find_if(all.begin(), all.end(), [](const TwinSummary& summary) {
    return std::find(std::begin(kMetrics), std::end(kMetrics), summary.metric) !=
           std::end(kMetrics);
  });
  if (twins == all.end() || twins->twins == 0) return {};
  return fmt::format(
      "twins (a cell beside itself, by {}): {} of {} differ, {:.0f} % [{:.0f}, {:.0f}], expected 5 "
      "%;\n  all together {}\n",
      twins->metric, twins->differing, twins->twins, 100 * twins->share.point,
      100 * twins->share.lower, 100 * twins->share.upper, percent(twins->ratio));
}

std::string anchors_text(const RunSummary& run) {
  std::string text;
  for (const SummaryRow& row : run.summary.rows) {
    if (row.metric != "drift") continue;
    text +=
        fmt::format("{} {} {}", text.empty() ? "drift of the machine over half of the run:" : ";",
                    run.table.cell(row.cell).cell.workload, percent(row.estimate));
  }
  return text.empty() ? text : text + "\n";
}

std::string calibration_text(const RunSummary& run) {
  if (!run.facts.calibrated) {
    return "this machine was never calibrated: `stackheap calibrate` measures how far verdicts can "
           "be\n  believed on it, and what the worker's layout in memory adds to every interval\n";
  }
  return fmt::format(
      "intervals of times hold {:.2f} % for the worker's layout in memory, as "
      "calibrated here\n",
      100 * run.facts.layout_spread);
}

}  // namespace

std::string controls_text(const RunSummary& run) {
  // Where nothing is compared nothing was widened.
  const std::string calibration = run.summary.comparisons.empty() ? "" : calibration_text(run);
  return twins_text(run) + anchors_text(run) + calibration;
}

}  // namespace stackheap
