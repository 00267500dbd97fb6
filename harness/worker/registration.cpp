#include "harness/worker/registration.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <utility>
#include <vector>

#include "harness/base/text.hpp"
#include "harness/measure/metric_table.hpp"
#include "harness/worker/workload.hpp"

namespace stackheap {
namespace {

std::vector<RegisteredWorkload>& registry() {
  static std::vector<RegisteredWorkload>
      workloads;  // outlives no registration: they are all static
  return workloads;
}

std::string name_problem(const std::string& name) {
  const auto slash = name.find('/');
  if (slash == std::string::npos || !is_valid_name(std::string_view(name).substr(0, slash)) ||
      !is_valid_name(std::string_view(name).substr(slash + 1))) {
    return "its name must be suite/name, each part of [A-Za-z0-9._+-]{1,64}";
  }
  return {};
}

std::string variants_problem(const WorkloadInfo& info) {
  if (info.variants.empty())
    return "it declares no variant; a workload needs at least its baseline";
  std::set<std::string_view> names;
  for (const VariantInfo& variant : info.variants) {
    if (!is_valid_name(variant.name)) {
      return "variant '" + variant.name + "' is no name of the form [A-Za-z0-9._+-]{1,64}";
    }
    if (!names.insert(variant.name).second) {
      return "variant '" + variant.name + "' is declared twice";
    }
    if (variant.description.empty()) return "variant '" + variant.name + "' has no description";
    if (!variant.uses_heap && !variant.only_allocator.empty()) {
      return "variant '" + variant.name + "' uses no heap, yet needs allocator '" +
             variant.only_allocator + "'; one of the two is wrong";
    }
  }
  if (!names.contains(info.baseline_variant)) {
    return "its baseline '" + info.baseline_variant + "' is none of its variants";
  }
  return {};
}

std::string timed_operations_problem(const WorkloadInfo& info) {
  if (info.shape != Shape::kHistogram) {
    return info.timed_operations.empty()
               ? std::string()
               : "it names timed operations, but only the shape histogram times any";
  }
  if (info.timed_operations.empty()) return "its shape is histogram, but it names no operation";
  std::set<std::string_view> names;
  for (const std::string& name : info.timed_operations) {
    if (!is_valid_name(name)) return "timed operation '" + name + "' is no name";
    if (!names.insert(name).second) return "timed operation '" + name + "' is named twice";
  }
  return {};
}

std::string tier_problem(const WorkloadInfo& info, Profile profile, const Tier& tier) {
  const std::string where = "a tier of profile " + std::string(to_string(profile));
  for (const std::string& variant : tier.variants) {
    if (info.find_variant(variant) == nullptr) {
      return where + " names variant '" + variant + "', which is not declared";
    }
  }
  if (!info.parameter) {
    if (!tier.values.empty()) return where + " has values, but no parameter is declared";
    return {};
  }
  if (tier.values.empty()) return where + " has no value for parameter " + info.parameter->name;
  for (const std::int64_t value : tier.values) {
    if (value < info.parameter->minimum || value > info.parameter->maximum) {
      return where + " has the value " + std::to_string(value) + ", outside " +
             std::to_string(info.parameter->minimum) + " to " +
             std::to_string(info.parameter->maximum) + " of parameter " + info.parameter->name;
    }
  }
  return {};
}

std::string claim_problem(const WorkloadInfo& info, const Evidence& evidence) {
  std::string problem = evidence_problem(info, evidence);
  if (problem.empty() && !evidence.metric.empty()) {
    const MetricRow* metric = find_metric(evidence.metric);
    const bool is_text = evidence.kind == EvidenceKind::kOutcome;
    if (metric == nullptr || metric->info.scope != MetricScope::kSample ||
        (metric->info.type == MetricType::kText) != is_text) {
      problem = "'" + evidence.metric + "' is no metric of a sample of that kind";
    }
  }
  if (problem.empty()) return {};
  return "its evidence of claim " + std::to_string(evidence.claim) + " is wrong: " + problem;
}

[[noreturn]] void refuse(const std::string& name, const std::string& problem) {
  std::fprintf(stderr, "workload '%s' is registered wrongly: %s\n", name.c_str(), problem.c_str());
  std::abort();
}

}  // namespace

namespace {

// An anchor is one cell, and no allocator may have a part in it.
std::string anchor_problem(const WorkloadInfo& info) {
  if (!info.anchor) return {};
  if (info.find_variant(info.baseline_variant)->uses_heap) {
    return "it is an anchor, yet uses the heap";
  }
  if (info.parameter || info.variants.size() != 1) {
    return "it is an anchor, yet has a parameter or several variants";
  }
  for (const Profile profile : kProfiles) {
    if (!info.tiers_of(profile).empty()) return "it is an anchor, yet in a profile";
  }
  return {};
}

}  // namespace

std::string registration_problem(const WorkloadInfo& info) {
  if (auto problem = name_problem(info.name); !problem.empty()) return problem;
  if (info.summary.empty()) return "it has no summary; use the first line of the file's comment";
  if (info.operation.empty()) return "it does not say what one operation is";
  if (auto problem = variants_problem(info); !problem.empty()) return problem;
  if (auto problem = timed_operations_problem(info); !problem.empty()) return problem;
  if (find_metric(info.ranked_by) == nullptr) {
    return "it is ranked by '" + info.ranked_by + "', which is no metric";
  }
  if (info.parameter) {
    if (!is_valid_name(info.parameter->name)) {
      return "parameter '" + info.parameter->name + "' is no name";
    }
    if (info.parameter->minimum > info.parameter->maximum) {
      return "the range of parameter " + info.parameter->name + " is empty";
    }
  }
  if (info.threads.minimum < 1 || info.threads.minimum > info.threads.maximum) {
    return "its range of threads is empty";
  }
  if (!std::isfinite(info.expected_seconds) || info.expected_seconds <= 0) {
    return "its expected seconds must be above 0: deadlines are made of them";
  }
  if (!std::isfinite(info.seconds_per_parameter) || info.seconds_per_parameter < 0) {
    return "its seconds per unit of the parameter must not be below 0";
  }
  if (info.seconds_per_parameter > 0 && !info.parameter) {
    return "it has seconds per unit of a parameter, but no parameter is declared";
  }
  for (const Profile profile : kProfiles) {
    for (const Tier& tier : info.tiers_of(profile)) {
      if (auto problem = tier_problem(info, profile, tier); !problem.empty()) return problem;
    }
  }
  if (auto problem = anchor_problem(info); !problem.empty()) return problem;
  for (const Evidence& evidence : info.claims) {
    if (auto problem = claim_problem(info, evidence); !problem.empty()) return problem;
  }
  return {};
}

Registration::Registration(WorkloadInfo info, WorkloadFactory factory) {
  // An exception during static initialisation would end the process without its message.
  if (factory == nullptr) refuse(info.name, "it has no factory");
  if (const auto problem = registration_problem(info); !problem.empty()) refuse(info.name, problem);
  auto& workloads = registry();
  const auto place = std::lower_bound(workloads.begin(), workloads.end(), info.name,
                                      [](const RegisteredWorkload& other, const std::string& name) {
                                        return other.info.name < name;
                                      });
  if (place != workloads.end() && place->info.name == info.name) {
    refuse(info.name, "another workload has this name; rename one of them");
  }
  workloads.insert(place, RegisteredWorkload{std::move(info), factory});
}

const std::vector<RegisteredWorkload>& registered_workloads() {
  return registry();
}

const RegisteredWorkload* find_workload(std::string_view name) {
  for (const RegisteredWorkload& workload : registry()) {
    if (workload.info.name == name) return &workload;
  }
  return nullptr;
}

}  // namespace stackheap
