#include "harness/measure/metric_formulas.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "harness/measure/metric_table.hpp"

namespace stackheap::formulas {
namespace {

// Below this, a ratio of resident to live bytes says more about page sizes than about an allocator.
constexpr std::int64_t kSmallestLiveBytes = 4 << 20;

std::string integer(std::uint64_t value) {
  return fmt::format("{}", value);
}

double median_ns_per_op(const Measurement& m) {
  return quantile(sorted_ns_per_op(m), 0.5);
}

std::string per_operation(const Measurement& m, double total) {
  if (m.totals.operations == 0) return "";
  return real(total / static_cast<double>(m.totals.operations));
}

}  // namespace

std::string real(double value) {
  return std::isfinite(value) ? fmt::format("{:.6g}", value) : "";
}

std::vector<double> sorted_ns_per_op(const Measurement& m) {
  std::vector<double> values;
  for (const WindowResult& window : m.windows) {
    if (window.operations == 0) continue;
    values.push_back(static_cast<double>(window.nanoseconds) * m.threads /
                     static_cast<double>(window.operations));
  }
  std::sort(values.begin(), values.end());
  return values;
}

double quantile(const std::vector<double>& sorted, double q) {
  if (sorted.empty()) return std::nan("");
  const double at = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return std::lerp(sorted[below], sorted[above], at - static_cast<double>(below));
}

std::string count(const Measurement& m, std::uint64_t value) {
  return m.totals.operations == 0 ? "" : integer(value);
}

std::string given(const std::optional<std::uint64_t>& value) {
  return value ? integer(*value) : "";
}

std::string ns_per_op(const Measurement& m) {
  return real(median_ns_per_op(m));
}
std::string ns_per_op_min(const Measurement& m) {
  return real(quantile(sorted_ns_per_op(m), 0));
}
std::string ns_per_op_mean(const Measurement& m) {
  const auto values = sorted_ns_per_op(m);
  double sum = 0;
  for (const double value : values) sum += value;
  return values.empty() ? "" : real(sum / static_cast<double>(values.size()));
}
std::string ns_per_op_p90(const Measurement& m) {
  return real(quantile(sorted_ns_per_op(m), 0.9));
}
std::string thread_ns_per_op(const Measurement& m) {
  return per_operation(m, static_cast<double>(m.totals.thread_ns));
}
std::string ops_per_second(const Measurement& m) {
  const double ns = median_ns_per_op(m);
  return ns > 0 ? real(1e9 * m.threads / ns) : "";
}
std::string fairness(const Measurement& m) {
  return m.totals.operations == 0 ? "" : real(m.fairness);
}
std::string warm_up(const Measurement& m) {
  return m.warm_up ? std::string(to_string(*m.warm_up)) : "";
}
std::string cpu_ns_per_op(const Measurement& m) {
  return per_operation(m, static_cast<double>(m.totals.cpu_ns));
}
std::string run_queue_ns_per_op(const Measurement& m) {
  return m.has_schedstat ? per_operation(m, static_cast<double>(m.totals.run_queue_ns)) : "";
}
std::string blocked_ns_per_op(const Measurement& m) {
  return m.has_schedstat ? per_operation(m, static_cast<double>(m.totals.blocked_ns)) : "";
}
std::string peak_rss(const Measurement& m) {
  return m.final_memory ? integer(m.final_memory->peak_bytes) : "";
}
std::string baseline_rss(const Measurement& m) {
  return m.baseline_memory ? integer(m.baseline_memory->now_bytes) : "";
}
std::string peak_live(const Measurement& m) {
  return m.peak_live_bytes > 0 ? integer(static_cast<std::uint64_t>(m.peak_live_bytes)) : "0";
}
std::string rss_per_live_byte(const Measurement& m) {
  if (!m.final_memory || !m.baseline_memory || m.peak_live_bytes < kSmallestLiveBytes) return "";
  const double grown = static_cast<double>(m.final_memory->peak_bytes) -
                       static_cast<double>(m.baseline_memory->now_bytes);
  return real(grown / static_cast<double>(m.peak_live_bytes));
}
std::string mapped_regions(const Measurement& m) {
  return m.mapped_regions ? integer(*m.mapped_regions) : "";
}
std::string switch_ns(const Measurement& m) {
  return m.switches_per_operation == 0 ? "" : real(median_ns_per_op(m) / m.switches_per_operation);
}

// In nanoseconds; empty where too few values lie beyond.
std::string quantile_ns(const Measurement& m, const LatencyHistogram* histogram, double q) {
  const auto ticks = histogram == nullptr ? std::nullopt : histogram->quantile(q);
  return ticks ? real(*ticks * m.ns_per_tick) : "";
}
std::string latency_max(const Measurement& m) {
  if (m.latency == nullptr || m.latency->count() == 0) return "";
  return real(static_cast<double>(m.latency->max()) * m.ns_per_tick);
}

}  // namespace stackheap::formulas
