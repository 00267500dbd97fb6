#include "harness/model/sample.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "harness/base/text.hpp"
#include "harness/model/named_values.hpp"
#include "harness/model/strict_json.hpp"

namespace stackheap {
namespace {

using nlohmann::json;

constexpr std::string_view kWhat = "worker result";
constexpr std::int64_t kVersion = 1;

// What a document may hold at most. A worker runs foreign libraries: what it sends may be anything.
constexpr std::size_t kMostWindows = 1'000'000;
constexpr std::size_t kMostMetrics = 1'000;
constexpr std::size_t kMostOperations = 16;
constexpr std::size_t kMostBuckets = 8'192;
constexpr std::size_t kLongestDetail = 4096;
constexpr std::size_t kLongestMetricText = 256;

constexpr std::array<std::pair<Status, std::string_view>, 8> kStatusNames{{
    {Status::kOk, "ok"},
    {Status::kFailedCheck, "failed_check"},
    {Status::kCrashed, "crashed"},
    {Status::kTimeout, "timeout"},
    {Status::kOutOfMemory, "out_of_memory"},
    {Status::kNotInjected, "not_injected"},
    {Status::kUnavailable, "unavailable"},
    {Status::kUnsupported, "unsupported"},
}};

constexpr std::array<std::pair<SampleKind, std::string_view>, 5> kKindNames{{
    {SampleKind::kTimed, "timed"},
    {SampleKind::kInstrumented, "instrumented"},
    {SampleKind::kTwin, "twin"},
    {SampleKind::kAnchor, "anchor"},
    {SampleKind::kLead, "lead"},
}};

template <class Value, class Names>
std::optional<Value> value_of(const Names& names, std::string_view text) {
  for (const auto& [value, name] : names) {
    if (name == text) return value;
  }
  return std::nullopt;
}

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

// The detail as it may be sent: at most kLongestDetail bytes, no UTF-8 sequence cut in two.
std::string sendable_detail(std::string_view detail) {
  if (detail.size() > kLongestDetail) {
    std::size_t end = kLongestDetail;
    while (end > 0 && (static_cast<unsigned char>(detail[end]) & 0xc0U) == 0x80U) --end;
    detail = detail.substr(0, end);
  }
  return without_control_characters(detail);
}

WindowResult window_from(const JsonPlace& place) {
  place.require_keys({"nanoseconds", "operations"});
  return {.nanoseconds = place.at("nanoseconds").unsigned_integer(),
          .operations = place.at("operations").unsigned_integer()};
}

MetricValue metric_from(const JsonPlace& place, std::set<std::string>& seen) {
  place.require_keys({"name", "text"});
  const JsonPlace name = place.at("name");
  const JsonPlace text = place.at("text");
  MetricValue metric{.name = name.text(), .text = text.text()};
  if (!is_valid_name(metric.name)) name.refuse("a name of 1 to 64 of A-Z a-z 0-9 . _ + -");
  if (!seen.insert(metric.name).second) name.fail("expected each metric once, found it again");
  if (metric.text.empty()) text.refuse("a value; a metric that has none is left out");
  if (metric.text.size() > kLongestMetricText || !is_printable(metric.text)) {
    text.refuse(fmt::format("at most {} printable ASCII characters", kLongestMetricText));
  }
  return metric;
}

PhaseMark phase_from(const JsonPlace& place, std::uint64_t earliest) {
  place.require_keys({"name", "monotonic_ns"});
  const JsonPlace name = place.at("name");
  const JsonPlace time = place.at("monotonic_ns");
  PhaseMark phase{.name = name.text(), .monotonic_ns = time.unsigned_integer()};
  if (!is_valid_name(phase.name)) name.refuse("a name of 1 to 64 of A-Z a-z 0-9 . _ + -");
  if (phase.monotonic_ns < earliest) time.refuse("a time that is not before the phase's before it");
  return phase;
}

// [lower_ns, upper_ns, count], above all buckets before it.
LatencyBucket bucket_from(const JsonPlace& place, double least_ns) {
  if (place.array_size() != 3) place.refuse("an array of lower_ns, upper_ns and count");
  const JsonPlace lower = place.at(0);
  const JsonPlace upper = place.at(1);
  const JsonPlace count = place.at(2);
  const LatencyBucket bucket{
      .lower_ns = lower.real(), .upper_ns = upper.real(), .count = count.unsigned_integer()};
  if (bucket.lower_ns < least_ns) lower.refuse(fmt::format("at least {}", least_ns));
  if (bucket.upper_ns <= bucket.lower_ns) upper.refuse(fmt::format("above {}", bucket.lower_ns));
  if (bucket.count == 0) count.refuse("a count; a bucket that has none is left out");
  return bucket;
}

OperationLatency latency_from(const JsonPlace& place, std::set<std::string>& seen) {
  place.require_keys({"operation", "buckets"});
  const JsonPlace name = place.at("operation");
  OperationLatency latency{.operation = name.text(), .buckets = {}};
  if (!is_valid_name(latency.operation)) name.refuse("a name of 1 to 64 of A-Z a-z 0-9 . _ + -");
  if (!seen.insert(latency.operation).second) {
    name.fail("expected each operation once, found it again");
  }
  const JsonPlace buckets = place.at("buckets");
  if (buckets.array_size() > kMostBuckets) {
    buckets.refuse(fmt::format("at most {} buckets", kMostBuckets));
  }
  latency.buckets.reserve(buckets.array_size());
  buckets.for_each([&](const JsonPlace& bucket) {
    const double least_ns = latency.buckets.empty() ? 0 : latency.buckets.back().upper_ns;
    latency.buckets.push_back(bucket_from(bucket, least_ns));
  });
  return latency;
}

json latency_to_json(const std::vector<OperationLatency>& latencies) {
  json list = json::array();
  for (const OperationLatency& latency : latencies) {
    json buckets = json::array();
    for (const LatencyBucket& bucket : latency.buckets) {
      buckets.push_back(json::array({bucket.lower_ns, bucket.upper_ns, bucket.count}));
    }
    list.push_back({{"operation", latency.operation}, {"buckets", std::move(buckets)}});
  }
  return list;
}

}  // namespace

std::string_view to_string(Status status) {
  return name_of(kStatusNames, status);
}
std::optional<Status> parse_status(std::string_view text) {
  return value_of<Status>(kStatusNames, text);
}

bool is_failure(Status status) {
  return status != Status::kOk && status != Status::kUnavailable && status != Status::kUnsupported;
}

std::string_view to_string(SampleKind kind) {
  return name_of(kKindNames, kind);
}
std::optional<SampleKind> parse_sample_kind(std::string_view text) {
  return value_of<SampleKind>(kKindNames, text);
}

std::string worker_result_to_json(const WorkerResult& result) {
  json windows = json::array();
  for (const WindowResult& window : result.windows) {
    windows.push_back({{"nanoseconds", window.nanoseconds}, {"operations", window.operations}});
  }
  json metrics = json::array();
  for (const MetricValue& metric : result.metrics) {
    metrics.push_back({{"name", metric.name}, {"text", metric.text}});
  }
  json phases = json::array();
  for (const PhaseMark& phase : result.phases) {
    phases.push_back({{"name", phase.name}, {"monotonic_ns", phase.monotonic_ns}});
  }
  const json document = {
      {"version", kVersion},
      {"status", to_string(result.status)},
      {"detail", sendable_detail(result.detail)},
      {"share", result.share},
      {"operations", result.operations},
      {"windows", std::move(windows)},
      {"metrics", std::move(metrics)},
      {"phases", std::move(phases)},
      {"latency", latency_to_json(result.latency)},
  };
  // A detail may quote anything, also bytes that are no UTF-8.
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

WorkerResult worker_result_from_json(std::string_view text) {
  const json document = parse_strict_json(text, kWhat);
  const JsonPlace root(document, kWhat);
  // The version first: a document of another version has other keys.
  root.at("version").integer(kVersion, kVersion);
  root.require_keys({"version", "status", "detail", "share", "operations", "windows", "metrics",
                     "phases", "latency"});
  WorkerResult result;
  const JsonPlace status = root.at("status");
  const auto known = parse_status(status.text());
  if (!known) status.refuse("a status");
  result.status = *known;

  const JsonPlace detail = root.at("detail");
  result.detail = without_control_characters(detail.text());
  if (result.detail.size() > kLongestDetail) {
    detail.fail(
        fmt::format("expected at most {} bytes, found {}", kLongestDetail, result.detail.size()));
  }
  result.share = root.at("share").unsigned_integer();
  result.operations = root.at("operations").unsigned_integer();

  const JsonPlace windows = root.at("windows");
  if (windows.array_size() > kMostWindows) {
    windows.refuse(fmt::format("at most {} windows", kMostWindows));
  }
  result.windows.reserve(windows.array_size());
  windows.for_each([&](const JsonPlace& place) { result.windows.push_back(window_from(place)); });

  const JsonPlace metrics = root.at("metrics");
  if (metrics.array_size() > kMostMetrics) {
    metrics.refuse(fmt::format("at most {} metrics", kMostMetrics));
  }
  if (result.status != Status::kOk && metrics.array_size() > 0) {
    metrics.refuse(fmt::format("no metric where the status is {}", to_string(result.status)));
  }
  std::set<std::string> seen;
  metrics.for_each(
      [&](const JsonPlace& place) { result.metrics.push_back(metric_from(place, seen)); });

  const JsonPlace phases = root.at("phases");
  if (phases.array_size() > kMostPhases) {
    phases.refuse(fmt::format("at most {} phases", kMostPhases));
  }
  if (result.status != Status::kOk && phases.array_size() > 0) {
    phases.refuse(fmt::format("no phase where the status is {}", to_string(result.status)));
  }
  std::uint64_t latest = 0;
  phases.for_each([&](const JsonPlace& place) {
    result.phases.push_back(phase_from(place, latest));
    latest = result.phases.back().monotonic_ns;
  });

  const JsonPlace latency = root.at("latency");
  if (latency.array_size() > kMostOperations) {
    latency.refuse(fmt::format("at most {} operations", kMostOperations));
  }
  if (result.status != Status::kOk && latency.array_size() > 0) {
    latency.refuse(fmt::format("no latency where the status is {}", to_string(result.status)));
  }
  std::set<std::string> operations;
  latency.for_each(
      [&](const JsonPlace& place) { result.latency.push_back(latency_from(place, operations)); });
  return result;
}

}  // namespace stackheap
