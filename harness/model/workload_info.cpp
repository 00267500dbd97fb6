#include "harness/model/workload_info.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "harness/base/error.hpp"
#include "harness/base/text.hpp"
#include "harness/model/claim_json.hpp"
#include "harness/model/named_values.hpp"
#include "harness/model/strict_json.hpp"
#include "harness/model/workload_list.hpp"

namespace stackheap {
namespace {

using nlohmann::json;

constexpr std::string_view kWhat = "worker list";
constexpr std::int64_t kVersion = 1;
constexpr unsigned kMostThreads = 4096;
constexpr double kLongestSample = 24 * 3600;
constexpr std::int64_t kMostRounds = 100'000;

constexpr std::array<std::pair<Shape, std::string_view>, 3> kShapeNames{{
    {Shape::kWindowed, "windowed"},
    {Shape::kScripted, "scripted"},
    {Shape::kHistogram, "histogram"},
}};
constexpr std::array<std::pair<Profile, std::string_view>, 4> kProfileNames{{
    {Profile::kSmoke, "smoke"},
    {Profile::kQuick, "quick"},
    {Profile::kStandard, "standard"},
    {Profile::kFull, "full"},
}};
constexpr std::array<std::pair<TierThreads, std::string_view>, 4> kTierThreadsNames{{
    {TierThreads::kOne, "one"},
    {TierThreads::kAll, "all"},
    {TierThreads::kOneAndAll, "one-and-all"},
    {TierThreads::kSweep, "sweep"},
}};
constexpr std::array<std::pair<TierAllocators, std::string_view>, 2> kTierAllocatorsNames{{
    {TierAllocators::kAll, "all"},
    {TierAllocators::kBaseline, "baseline"},
}};

std::string name_at(const JsonPlace& place) {
  std::string text = place.text();
  if (!is_valid_name(text)) place.refuse("a name of 1 to 64 of A-Z a-z 0-9 . _ + -");
  return text;
}

unsigned thread_count_at(const JsonPlace& place, unsigned minimum) {
  return static_cast<unsigned>(place.integer(minimum, kMostThreads));
}

json tiers_to_json(const std::vector<Tier>& tiers) {
  json result = json::array();
  for (const Tier& tier : tiers) {
    result.push_back({{"variants", tier.variants},
                      {"values", tier.values},
                      {"threads", name_of(kTierThreadsNames, tier.threads)},
                      {"allocators", name_of(kTierAllocatorsNames, tier.allocators)}});
  }
  return result;
}

json workload_to_json(const WorkloadInfo& workload) {
  json variants = json::array();
  for (const VariantInfo& variant : workload.variants) {
    variants.push_back({{"name", variant.name},
                        {"description", variant.description},
                        {"uses_heap", variant.uses_heap},
                        {"only_allocator", variant.only_allocator},
                        {"single_threaded_process", variant.single_threaded_process}});
  }
  json parameter = nullptr;
  if (workload.parameter) {
    parameter = {{"name", workload.parameter->name},
                 {"unit", workload.parameter->unit},
                 {"minimum", workload.parameter->minimum},
                 {"maximum", workload.parameter->maximum}};
  }
  json evidence = json::array();
  for (const Evidence& one : workload.claims) evidence.push_back(evidence_to_json(one));
  return {
      {"name", workload.name},
      {"summary", workload.summary},
      {"operation", workload.operation},
      {"shape", to_string(workload.shape)},
      {"variants", std::move(variants)},
      {"baseline_variant", workload.baseline_variant},
      {"parameter", std::move(parameter)},
      {"threads", {{"minimum", workload.threads.minimum}, {"maximum", workload.threads.maximum}}},
      {"smoke", tiers_to_json(workload.smoke)},
      {"quick", tiers_to_json(workload.quick)},
      {"standard", tiers_to_json(workload.standard)},
      {"full", tiers_to_json(workload.full)},
      {"expected_seconds", workload.expected_seconds},
      {"seconds_per_parameter", workload.seconds_per_parameter},
      {"most_rounds", workload.most_rounds},
      {"live_bytes",
       {{"fixed", workload.live_bytes.fixed},
        {"per_thread", workload.live_bytes.per_thread},
        {"per_parameter", workload.live_bytes.per_parameter},
        {"per_thread_and_parameter", workload.live_bytes.per_thread_and_parameter}}},
      {"blocks_migrate", workload.blocks_migrate},
      {"piloted", workload.piloted},
      {"uncounted_work", workload.uncounted_work},
      {"timeline", workload.timeline},
      {"timed_operations", workload.timed_operations},
      {"anchor", workload.anchor},
      {"ranked_by", workload.ranked_by},
      {"roles", workload.roles},
      {"claims", std::move(evidence)},
  };
}

std::vector<VariantInfo> variants_at(const JsonPlace& place) {
  std::vector<VariantInfo> variants;
  std::set<std::string> seen;
  place.for_each([&](const JsonPlace& item) {
    item.require_keys(
        {"name", "description", "uses_heap", "only_allocator", "single_threaded_process"});
    VariantInfo variant;
    variant.name = name_at(item.at("name"));
    if (!seen.insert(variant.name).second) item.at("name").refuse("each variant once");
    variant.description = item.at("description").text();
    variant.uses_heap = item.at("uses_heap").boolean();
    const JsonPlace only = item.at("only_allocator");
    if (!only.text().empty()) variant.only_allocator = name_at(only);
    variant.single_threaded_process = item.at("single_threaded_process").boolean();
    variants.push_back(std::move(variant));
  });
  if (variants.empty()) place.refuse("at least one variant");
  return variants;
}

std::optional<ParameterInfo> parameter_at(const JsonPlace& place) {
  if (place.is_null()) return std::nullopt;
  place.require_keys({"name", "unit", "minimum", "maximum"});
  ParameterInfo parameter;
  parameter.name = name_at(place.at("name"));
  parameter.unit = place.at("unit").text();
  parameter.minimum = place.at("minimum").integer(0, INT64_MAX);
  parameter.maximum = place.at("maximum").integer(parameter.minimum, INT64_MAX);
  return parameter;
}

std::vector<Tier> tiers_at(const JsonPlace& place, const WorkloadInfo& workload) {
  std::vector<Tier> tiers;
  place.for_each([&](const JsonPlace& item) {
    item.require_keys({"variants", "values", "threads", "allocators"});
    Tier tier;
    item.at("variants").for_each([&](const JsonPlace& variant) {
      tier.variants.push_back(variant.text());
      if (workload.find_variant(tier.variants.back()) == nullptr) {
        variant.refuse("a variant of " + workload.name);
      }
    });
    const JsonPlace values = item.at("values");
    values.for_each([&](const JsonPlace& value) {
      if (!workload.parameter) values.refuse("no values where there is no parameter");
      tier.values.push_back(
          value.integer(workload.parameter->minimum, workload.parameter->maximum));
    });
    if (workload.parameter && tier.values.empty()) {
      values.refuse("at least one value of parameter " + workload.parameter->name);
    }
    tier.threads = value_at(item.at("threads"), kTierThreadsNames);
    tier.allocators = value_at(item.at("allocators"), kTierAllocatorsNames);
    tiers.push_back(std::move(tier));
  });
  return tiers;
}

LiveBytes live_bytes_at(const JsonPlace& place) {
  place.require_keys({"fixed", "per_thread", "per_parameter", "per_thread_and_parameter"});
  return {.fixed = place.at("fixed").real(),
          .per_thread = place.at("per_thread").real(),
          .per_parameter = place.at("per_parameter").real(),
          .per_thread_and_parameter = place.at("per_thread_and_parameter").real()};
}

std::string workload_name_at(const JsonPlace& place) {
  std::string name = place.text();
  const auto parts = split(name, '/');
  if (parts.size() != 2 || !is_valid_name(parts[0]) || !is_valid_name(parts[1])) {
    place.refuse("suite/name, each 1 to 64 of A-Z a-z 0-9 . _ + -");
  }
  return name;
}

WorkloadInfo workload_at(const JsonPlace& place) {
  place.require_keys({"name",
                      "summary",
                      "operation",
                      "shape",
                      "variants",
                      "baseline_variant",
                      "parameter",
                      "threads",
                      "smoke",
                      "quick",
                      "standard",
                      "full",
                      "expected_seconds",
                      "seconds_per_parameter",
                      "most_rounds",
                      "live_bytes",
                      "blocks_migrate",
                      "piloted",
                      "uncounted_work",
                      "timeline",
                      "timed_operations",
                      "anchor",
                      "ranked_by",
                      "roles",
                      "claims"});
  WorkloadInfo workload;
  workload.name = workload_name_at(place.at("name"));
  workload.summary = place.at("summary").text();
  workload.operation = place.at("operation").text();
  workload.shape = value_at(place.at("shape"), kShapeNames);
  workload.variants = variants_at(place.at("variants"));
  workload.baseline_variant = place.at("baseline_variant").text();
  if (workload.find_variant(workload.baseline_variant) == nullptr) {
    place.at("baseline_variant").refuse("a variant of " + workload.name);
  }
  workload.parameter = parameter_at(place.at("parameter"));
  const JsonPlace threads = place.at("threads");
  threads.require_keys({"minimum", "maximum"});
  workload.threads.minimum = thread_count_at(threads.at("minimum"), 1);
  workload.threads.maximum = thread_count_at(threads.at("maximum"), workload.threads.minimum);
  workload.smoke = tiers_at(place.at("smoke"), workload);
  workload.quick = tiers_at(place.at("quick"), workload);
  workload.standard = tiers_at(place.at("standard"), workload);
  workload.full = tiers_at(place.at("full"), workload);
  workload.expected_seconds = place.at("expected_seconds").real();
  if (workload.expected_seconds <= 0 || workload.expected_seconds > kLongestSample) {
    place.at("expected_seconds").refuse(fmt::format("seconds above 0, at most {}", kLongestSample));
  }
  const JsonPlace per_parameter = place.at("seconds_per_parameter");
  workload.seconds_per_parameter = per_parameter.real();
  if (workload.seconds_per_parameter < 0 || workload.seconds_per_parameter > kLongestSample) {
    per_parameter.refuse(fmt::format("seconds from 0 to {}", kLongestSample));
  }
  workload.most_rounds = static_cast<unsigned>(place.at("most_rounds").integer(0, kMostRounds));
  workload.live_bytes = live_bytes_at(place.at("live_bytes"));
  workload.blocks_migrate = place.at("blocks_migrate").boolean();
  workload.piloted = place.at("piloted").boolean();
  workload.uncounted_work = place.at("uncounted_work").boolean();
  workload.timeline = place.at("timeline").boolean();
  workload.anchor = place.at("anchor").boolean();
  workload.ranked_by = name_at(place.at("ranked_by"));
  place.at("timed_operations").for_each([&](const JsonPlace& operation) {
    workload.timed_operations.push_back(name_at(operation));
  });
  place.at("roles").for_each(
      [&](const JsonPlace& role) { workload.roles.push_back(name_at(role)); });
  place.at("claims").for_each([&](const JsonPlace& evidence) {
    workload.claims.push_back(evidence_at(evidence, workload));
  });
  return workload;
}

}  // namespace

const VariantInfo* WorkloadInfo::find_variant(std::string_view variant) const {
  const auto it = std::find_if(variants.begin(), variants.end(),
                               [&](const VariantInfo& info) { return info.name == variant; });
  return it == variants.end() ? nullptr : &*it;
}

const std::vector<Tier>& WorkloadInfo::tiers_of(Profile profile) const {
  switch (profile) {
    case Profile::kSmoke:
      return smoke;
    case Profile::kQuick:
      return quick;
    case Profile::kStandard:
      return standard;
    case Profile::kFull:
      return full;
  }
  invariant_failed("profile is one of kProfiles", __FILE__, __LINE__);
}

std::string_view to_string(Shape shape) {
  return name_of(kShapeNames, shape);
}
std::string_view to_string(Profile profile) {
  return name_of(kProfileNames, profile);
}
std::optional<Profile> parse_profile(std::string_view text) {
  for (const auto& [profile, name] : kProfileNames) {
    if (name == text) return profile;
  }
  return std::nullopt;
}

std::string workloads_to_json(const std::vector<WorkloadInfo>& workloads,
                              std::string_view benchmark_library) {
  json list = json::array();
  for (const WorkloadInfo& workload : workloads) list.push_back(workload_to_json(workload));
  const json document = {{"version", kVersion},
                         {"benchmark_library", benchmark_library},
                         {"workloads", std::move(list)}};
  return document.dump(2);
}

std::vector<WorkloadInfo> workloads_from_json(std::string_view text,
                                              std::string* benchmark_library) {
  const json document = parse_strict_json(text, kWhat);
  const JsonPlace root(document, kWhat);
  // The version first: a document of another version has other keys.
  root.at("version").integer(kVersion, kVersion);
  root.require_keys({"version", "benchmark_library", "workloads"});
  const std::string library = root.at("benchmark_library").text();
  if (benchmark_library != nullptr) *benchmark_library = library;
  return workloads_at(root.at("workloads"));
}

std::vector<WorkloadInfo> workloads_at(const JsonPlace& list) {
  std::vector<WorkloadInfo> workloads;
  std::set<std::string> seen;
  list.for_each([&](const JsonPlace& place) {
    workloads.push_back(workload_at(place));
    if (!seen.insert(workloads.back().name).second) place.at("name").refuse("each workload once");
  });
  return workloads;
}

}  // namespace stackheap
