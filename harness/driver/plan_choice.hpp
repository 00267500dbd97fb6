// What of a workload is planned: which of its tiers, variants, values, thread counts and allocators
// the options and the profile select. For plan.cpp alone.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/driver/plan.hpp"

namespace stackheap {

bool matches_any(const std::vector<std::string>& globs, std::string_view name);

// Throws UserError for a glob or parameter that matches nothing: it is a typo.
void require_matches(std::span<const WorkloadInfo> workloads, const PlanOptions& options);

// The tiers that apply: the profile's, or, for a workload named by the user that the profile leaves
// out, those of the next larger profile that has any.
const std::vector<Tier>& tiers_for(const WorkloadInfo& info, const PlanOptions& options);

std::vector<unsigned> threads_of(const WorkloadInfo& info, const Tier& tier,
                                 const PlanOptions& options, const Topology& topology);

// One without a value where the workload has no parameter. Throws UserError for a value outside its
// range.
std::vector<std::optional<std::int64_t>> values_of(const WorkloadInfo& info, const Tier& tier,
                                                   const PlanOptions& options);

// The allocators a variant is planned for; a null pointer stands for `none`.
std::vector<const Allocator*> allocators_of(const VariantInfo& variant, const Tier& tier,
                                            const PlanOptions& options);

}  // namespace stackheap
