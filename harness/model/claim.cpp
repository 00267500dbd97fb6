#include "harness/model/claim.hpp"

#include <fmt/format.h>

#include <utility>

#include "harness/model/workload_info.hpp"

namespace stackheap {
namespace {

constexpr Claim kClaims[] = {
    {1, "The stack is last-in, first-out.",
     "the frames of a recursion lie in memory in the order of the calls, each beside the last"},
    {2, "Stack allocation is faster than heap allocation.",
     "the same function takes longer with its memory from malloc than with its own frame"},
    {3, "The stack has a fixed size; more cannot be had.",
     "going beyond the end is stopped at a guard"},
    {4, "A stack value cannot outlive its function.",
     "handing a result out takes longer than making it in its user's frame"},
    {5, "Heap values may outlive their function.",
     "what a function left on the heap is intact after its return"},
    {6, "Heap values can be shared between threads.",
     "what one thread wrote is intact when another reads and frees it"},
    {7, "The heap serves sizes known only at run time.",
     "blocks of sizes drawn at run time are obtained, written and given back"},
    {8, "The heap is slower, because it must be asked.",
     "the same loop takes longer with malloc than on memory that is already there"},
    {9, "Each thread has its own stack.", "the address ranges of all live stacks are disjoint"},
    {10, "Vectors, strings and boxes live on the heap.",
     "the same work takes longer with them than on memory that is already there"},
};

std::string ratio_problem(const WorkloadInfo& workload, const Evidence& evidence) {
  const int baselines = (evidence.baseline_variant.empty() ? 0 : 1) +
                        (evidence.baseline_value ? 1 : 0) +
                        (evidence.baseline_allocator.empty() ? 0 : 1);
  if (evidence.kind != EvidenceKind::kRatio) {
    if (baselines != 0) return "only a ratio has a baseline";
    if (evidence.expectation != Expectation::kTold) return "only a ratio has an expectation";
    return {};
  }
  if (baselines != 1) return "a ratio needs one baseline: a variant, a value or an allocator";
  if (!evidence.baseline_variant.empty() &&
      workload.find_variant(evidence.baseline_variant) == nullptr) {
    return fmt::format("its baseline '{}' is no variant", evidence.baseline_variant);
  }
  if (evidence.baseline_value && !workload.parameter) {
    return "its baseline is a value, but no parameter is declared";
  }
  return {};
}

}  // namespace

std::span<const Claim> claims() {
  return kClaims;
}

Evidence verified(unsigned claim, std::vector<std::string> variants, std::string phrase) {
  return {.claim = claim, .variants = std::move(variants), .phrase = std::move(phrase)};
}

Evidence told(unsigned claim, std::vector<std::string> variants, std::string metric,
              std::string phrase) {
  Evidence evidence = verified(claim, std::move(variants), std::move(phrase));
  evidence.kind = EvidenceKind::kFigure;
  evidence.metric = std::move(metric);
  return evidence;
}

Evidence time_ratio(unsigned claim, std::vector<std::string> variants, std::string baseline_variant,
                    std::string phrase) {
  Evidence evidence = told(claim, std::move(variants), "ns_per_op", std::move(phrase));
  evidence.kind = EvidenceKind::kRatio;
  evidence.baseline_variant = std::move(baseline_variant);
  return evidence;
}

Evidence takes_longer(unsigned claim, std::vector<std::string> variants,
                      std::string baseline_variant, std::string phrase) {
  Evidence evidence =
      time_ratio(claim, std::move(variants), std::move(baseline_variant), std::move(phrase));
  evidence.expectation = Expectation::kMore;
  return evidence;
}

Evidence against_allocator(unsigned claim, std::string variant, std::int64_t value,
                           std::string allocator, std::string phrase) {
  Evidence evidence = time_ratio(claim, {std::move(variant)}, "", std::move(phrase));
  evidence.values = {value};
  evidence.baseline_allocator = std::move(allocator);
  return evidence;
}

Evidence said(unsigned claim, std::vector<std::string> variants, std::string metric,
              std::string outcome, std::string phrase) {
  Evidence evidence = told(claim, std::move(variants), std::move(metric), std::move(phrase));
  evidence.kind = EvidenceKind::kOutcome;
  evidence.outcome = std::move(outcome);
  return evidence;
}

Evidence opening(Evidence evidence) {
  evidence.headline = true;
  return evidence;
}

std::string evidence_problem(const WorkloadInfo& workload, const Evidence& evidence) {
  if (evidence.claim < 1 || evidence.claim > std::size(kClaims)) {
    return fmt::format("there is no claim {}", evidence.claim);
  }
  for (const std::string& variant : evidence.variants) {
    if (workload.find_variant(variant) == nullptr) return "'" + variant + "' is no variant";
  }
  if (!evidence.values.empty() && !workload.parameter) {
    return "it names values, but no parameter is declared";
  }
  if ((evidence.kind == EvidenceKind::kVerified) != evidence.metric.empty()) {
    return "what is verified has no metric, everything else has one";
  }
  if (evidence.kind != EvidenceKind::kOutcome && !evidence.outcome.empty()) {
    return "only an outcome has a text that it must be";
  }
  const std::size_t figure = evidence.phrase.find("{}");
  if (figure == std::string::npos || evidence.phrase.find("{}", figure + 1) != std::string::npos) {
    return "its phrase needs one {} for the figure";
  }
  return ratio_problem(workload, evidence);
}

}  // namespace stackheap
