#include "harness/driver/plan_choice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "harness/base/error.hpp"
#include "harness/base/text.hpp"

namespace stackheap {
namespace {

template <class Names>
std::vector<std::string> collect(Names&& names) {
  std::set<std::string> unique(names.begin(), names.end());
  return {unique.begin(), unique.end()};
}

}  // namespace

bool matches_any(const std::vector<std::string>& globs, std::string_view name) {
  return std::any_of(globs.begin(), globs.end(),
                     [&](const std::string& glob) { return glob_match(glob, name); });
}

void require_matches(std::span<const WorkloadInfo> workloads, const PlanOptions& options) {
  std::vector<std::string> names;
  std::vector<std::string> variants;
  std::vector<std::string> parameters;
  for (const WorkloadInfo& info : workloads) {
    if (info.anchor) continue;
    names.push_back(info.name);
    for (const VariantInfo& variant : info.variants) variants.push_back(variant.name);
    if (info.parameter) parameters.push_back(info.parameter->name);
  }
  const auto require = [](const char* what, const std::string& glob,
                          const std::vector<std::string>& known, const char* remedy) {
    if (std::none_of(known.begin(), known.end(),
                     [&](const std::string& name) { return glob_match(glob, name); })) {
      throw UserError(unknown_name_message(what, glob, collect(known), remedy));
    }
  };
  for (const auto& glob : options.workload_globs) {
    require("workload", glob, names, "stackheap list workloads");
  }
  for (const auto& glob : options.variant_globs) {
    require("variant", glob, variants, "stackheap list variants");
  }
  for (const auto& [name, values] : options.parameters) {
    require("parameter", name, parameters, "stackheap list workloads");
  }
}

const std::vector<Tier>& tiers_for(const WorkloadInfo& info, const PlanOptions& options) {
  static const std::vector<Tier> none;
  const bool named = !options.workload_globs.empty();
  for (const Profile profile : kProfiles) {
    if (profile < options.profile) continue;
    const auto& tiers = info.tiers_of(profile);
    if (!tiers.empty()) return tiers;
    if (!named) return none;
  }
  for (const Profile profile : kProfiles) {
    if (!info.tiers_of(profile).empty()) return info.tiers_of(profile);
  }
  return none;
}

std::vector<unsigned> threads_of(const WorkloadInfo& info, const Tier& tier,
                                 const PlanOptions& options, const Topology& topology) {
  if (!options.threads.empty()) return options.threads;
  const unsigned least = info.threads.minimum;
  const unsigned cpus = std::min(topology.usable_cpus(), info.threads.maximum);
  switch (tier.threads) {
    case TierThreads::kOne:
      return {least};
    case TierThreads::kAll:
      return {std::max(least, cpus)};
    case TierThreads::kOneAndAll:
      return {least, std::max(least, cpus)};
    case TierThreads::kSweep:
      break;
  }
  std::vector<unsigned> sweep;
  for (const unsigned threads : thread_counts_auto(topology.usable_cpus())) {
    if (threads >= least && threads <= info.threads.maximum) sweep.push_back(threads);
  }
  if (sweep.empty()) sweep.push_back(least);
  return sweep;
}

std::vector<std::optional<std::int64_t>> values_of(const WorkloadInfo& info, const Tier& tier,
                                                   const PlanOptions& options) {
  if (!info.parameter) return {std::nullopt};
  const auto given = options.parameters.find(info.parameter->name);
  const std::vector<std::int64_t>& values =
      given == options.parameters.end() ? tier.values : given->second;
  std::vector<std::optional<std::int64_t>> result;
  for (const std::int64_t value : values) {
    if (value < info.parameter->minimum || value > info.parameter->maximum) {
      throw UserError(fmt::format("{}: parameter {} must be between {} and {} {}, not {}",
                                  info.name, info.parameter->name, info.parameter->minimum,
                                  info.parameter->maximum, info.parameter->unit, value));
    }
    result.emplace_back(value);
  }
  return result;
}

std::vector<const Allocator*> allocators_of(const VariantInfo& variant, const Tier& tier,
                                            const PlanOptions& options) {
  if (!variant.uses_heap) return {nullptr};
  std::vector<const Allocator*> result;
  for (const Allocator& allocator : options.allocators) {
    const std::string& wanted = !variant.only_allocator.empty() ? variant.only_allocator
                                : tier.allocators == TierAllocators::kBaseline
                                    ? options.baseline_allocator
                                    : allocator.name;
    if (allocator.name == wanted) result.push_back(&allocator);
  }
  return result;
}

}  // namespace stackheap
