// How the metrics that the worker computes follow from what it measured: one function for each row
// of the metric table, apart from it so that the table reads as one. All give the value as it is
// written, empty where it is not available.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness/measure/latency_histogram.hpp"

namespace stackheap {

struct Measurement;

namespace formulas {

// As all of them are written; empty where it is no finite number.
std::string real(double value);
// What one thread pays for one operation, in each window, sorted.
std::vector<double> sorted_ns_per_op(const Measurement& m);
// Quantile of sorted values by linear interpolation between order statistics (Hyndman and Fan,
// 1996, type 7); NaN where there are none.
double quantile(const std::vector<double>& sorted, double q);

// A count over all measured windows; empty where no operation was measured.
std::string count(const Measurement& m, std::uint64_t value);
std::string given(const std::optional<std::uint64_t>& value);
// In nanoseconds; empty where too few values lie beyond, and where `histogram` is null.
std::string quantile_ns(const Measurement& m, const LatencyHistogram* histogram, double q);

std::string ns_per_op(const Measurement& m);
std::string ns_per_op_min(const Measurement& m);
std::string ns_per_op_mean(const Measurement& m);
std::string ns_per_op_p90(const Measurement& m);
std::string thread_ns_per_op(const Measurement& m);
std::string ops_per_second(const Measurement& m);
std::string fairness(const Measurement& m);
std::string warm_up(const Measurement& m);
std::string cpu_ns_per_op(const Measurement& m);
std::string run_queue_ns_per_op(const Measurement& m);
std::string blocked_ns_per_op(const Measurement& m);
std::string peak_rss(const Measurement& m);
std::string baseline_rss(const Measurement& m);
std::string peak_live(const Measurement& m);
std::string rss_per_live_byte(const Measurement& m);
std::string mapped_regions(const Measurement& m);
std::string switch_ns(const Measurement& m);
std::string latency_max(const Measurement& m);

}  // namespace formulas
}  // namespace stackheap
