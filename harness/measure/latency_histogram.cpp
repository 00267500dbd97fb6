#include "harness/measure/latency_histogram.hpp"

#include <cmath>

#include "harness/base/error.hpp"

namespace stackheap {

void LatencyHistogram::record(std::uint64_t value, std::uint64_t times) {
  if (times == 0) return;
  counts_[bucket_of(value)] += times;
  max_ = std::max(max_, value);
}

void LatencyHistogram::merge(const LatencyHistogram& other) {
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    counts_[bucket] += other.counts_[bucket];
  }
  max_ = std::max(max_, other.max_);
}

std::uint64_t LatencyHistogram::count() const {
  std::uint64_t sum = 0;
  for (const std::uint64_t count : counts_) sum += count;
  return sum;
}

std::optional<double> LatencyHistogram::quantile(double q) const {
  STACKHEAP_CHECK(q > 0 && q < 1);
  const std::uint64_t total = count();
  // 0.999 is no binary fraction: without the last factor, 0.999 x 100,000 could become 99,901.
  constexpr double kRounding = 1 - 4e-16;
  const auto rank = std::max<std::uint64_t>(
      1, static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(total) * kRounding)));
  if (total < rank || total - rank < kFewestBeyond) return std::nullopt;
  std::uint64_t seen = 0;
  std::size_t bucket = 0;
  while (seen + counts_[bucket] < rank) seen += counts_[bucket++];
  const auto least = static_cast<double>(least_of(bucket));
  const auto greatest = static_cast<double>(greatest_of(bucket));
  return std::min(least + (greatest - least) / 2, static_cast<double>(max_));
}

}  // namespace stackheap
