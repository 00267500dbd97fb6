#include "harness/model/claim_json.hpp"

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "harness/model/named_values.hpp"

namespace stackheap {
namespace {

using nlohmann::json;

constexpr std::array<std::pair<EvidenceKind, std::string_view>, 4> kKindNames{{
    {EvidenceKind::kVerified, "verified"},
    {EvidenceKind::kOutcome, "outcome"},
    {EvidenceKind::kRatio, "ratio"},
    {EvidenceKind::kFigure, "figure"},
}};
constexpr std::array<std::pair<Expectation, std::string_view>, 3> kExpectationNames{{
    {Expectation::kTold, "told"},
    {Expectation::kMore, "more"},
    {Expectation::kLess, "less"},
}};

}  // namespace

std::string_view to_string(EvidenceKind kind) {
  return name_of(kKindNames, kind);
}
std::string_view to_string(Expectation expectation) {
  return name_of(kExpectationNames, expectation);
}

json evidence_to_json(const Evidence& evidence) {
  return {{"claim", evidence.claim},
          {"kind", to_string(evidence.kind)},
          {"variants", evidence.variants},
          {"values", evidence.values},
          {"minimum_threads", evidence.minimum_threads},
          {"metric", evidence.metric},
          {"outcome", evidence.outcome},
          {"expectation", to_string(evidence.expectation)},
          {"baseline_variant", evidence.baseline_variant},
          {"baseline_value", evidence.baseline_value ? json(*evidence.baseline_value) : json()},
          {"baseline_allocator", evidence.baseline_allocator},
          {"phrase", evidence.phrase},
          {"headline", evidence.headline}};
}

Evidence evidence_at(const JsonPlace& place, const WorkloadInfo& workload) {
  place.require_keys({"claim", "kind", "variants", "values", "minimum_threads", "metric", "outcome",
                      "expectation", "baseline_variant", "baseline_value", "baseline_allocator",
                      "phrase", "headline"});
  Evidence evidence;
  evidence.claim = static_cast<unsigned>(place.at("claim").integer(0, 1000));
  evidence.kind = value_at(place.at("kind"), kKindNames);
  place.at("variants").for_each([&](const JsonPlace& variant) {
    evidence.variants.push_back(variant.text());
  });
  place.at("values").for_each([&](const JsonPlace& value) {
    evidence.values.push_back(value.integer(INT64_MIN, INT64_MAX));
  });
  evidence.minimum_threads = static_cast<unsigned>(place.at("minimum_threads").integer(1, 4096));
  evidence.metric = place.at("metric").text();
  evidence.outcome = place.at("outcome").text();
  evidence.expectation = value_at(place.at("expectation"), kExpectationNames);
  evidence.baseline_variant = place.at("baseline_variant").text();
  const JsonPlace value = place.at("baseline_value");
  if (!value.is_null()) evidence.baseline_value = value.integer(INT64_MIN, INT64_MAX);
  evidence.baseline_allocator = place.at("baseline_allocator").text();
  evidence.phrase = place.at("phrase").text();
  evidence.headline = place.at("headline").boolean();
  const std::string problem = evidence_problem(workload, evidence);
  if (!problem.empty()) place.refuse("evidence of a claim (" + problem + ")");
  return evidence;
}

}  // namespace stackheap
