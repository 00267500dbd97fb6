#include "harness/driver/instrumentation.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace stackheap {

bool Instrumentation::has_event() const {
  return std::any_of(events.begin(), events.end(),
                     [](const PerfAvailability& event) { return event.reason.empty(); });
}

bool Instrumentation::wants(const Block& block, const PlannedCell& cell) const {
  if (!cell.skip_status.empty() || block.timeline) return false;
  return has_event() || counting_allocators.contains(cell.cell.allocator);
}

double Instrumentation::seconds_of(const PlannedCell& cell) const {
  // Few windows instead of ten or more; setup, warm-up and verification stay. Oversubscribed cells
  // have few in any case.
  constexpr double kFewWindows = 0.5;
  const auto known = piloted.find(cell.cell.workload);
  const bool fewer = known != piloted.end() && known->second && !cell.oversubscribed;
  return fewer ? kFewWindows * cell.expected_seconds : cell.expected_seconds;
}

Instrumentation find_instrumentation(std::span<const Allocator> allocators,
                                     std::map<std::string, bool> piloted,
                                     const std::filesystem::path& root) {
  Instrumentation instrumentation;
  instrumentation.events = probe_perf_events(root);
  instrumentation.piloted = std::move(piloted);
  for (const Allocator& allocator : allocators) {
    if (allocator.counts_its_locks) instrumentation.counting_allocators.insert(allocator.name);
  }
  return instrumentation;
}

InstrumentedRound instrumented_round(const Plan& plan, const Instrumentation& instrumentation) {
  InstrumentedRound round;
  for (const Block& block : plan.blocks) {
    for (const PlannedCell& cell : block.cells) {
      if (!instrumentation.wants(block, cell)) continue;
      ++round.samples;
      round.seconds += instrumentation.seconds_of(cell) + kProcessSeconds;
    }
  }
  return round;
}

std::string missing_text(const Instrumentation& instrumentation) {
  std::vector<std::pair<std::string, std::string>> reasons;  // reason, metrics
  for (const PerfAvailability& event : instrumentation.events) {
    if (event.reason.empty()) continue;
    const auto same = std::find_if(reasons.begin(), reasons.end(),
                                   [&](const auto& known) { return known.first == event.reason; });
    if (same == reasons.end()) {
      reasons.emplace_back(event.reason, event.metric);
    } else {
      same->second += fmt::format(", {}", event.metric);
    }
  }
  std::string text;
  for (const auto& [reason, metrics] : reasons) {
    text += fmt::format("{}{} ({})", text.empty() ? "some metrics stay empty here: " : "; ",
                        metrics, reason);
  }
  return text.empty() ? text : text + "\n";
}

}  // namespace stackheap
