// The claims that every textbook makes of stack and heap, and how a workload gives evidence of one.
//
// The claims are one table here. Which cells test them stands with the workload, in its
// registration: a list of workload names beside the claims would be one more file to touch for each
// new workload, and the driver would know workloads by name.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace stackheap {

struct WorkloadInfo;

struct Claim {
  unsigned number = 0;         // from 1 on
  std::string_view statement;  // as the textbook has it
  std::string_view tested_as;  // what of it can be measured
};

std::span<const Claim> claims();  // in the order of their numbers, without a gap

enum class EvidenceKind {
  kVerified,  // the workload's own check is the proof: every sample that ended ok has passed it
  kOutcome,   // a text metric has the value `outcome`
  kRatio,     // a metric of one cell over that of another
  kFigure,    // a metric of one cell, told and not judged
};

// Of a ratio: on which side of 1 it must certainly lie for the claim to hold.
enum class Expectation { kTold, kMore, kLess };  // kTold: not judged

// Candidates of ratio, figure and outcome are cells on the baseline allocator or on none, with no
// more threads than CPUs. What is verified is so on every allocator and for any number of threads.
struct Evidence {
  unsigned claim = 0;  // Claim::number
  EvidenceKind kind = EvidenceKind::kVerified;
  std::vector<std::string> variants{};           // candidates; empty: every variant
  std::vector<std::int64_t> values{};            // of the parameter, candidates; empty: every value
  unsigned minimum_threads = 1;                  // sharing needs two
  std::string metric{};                          // but for kVerified
  std::string outcome{};                         // kOutcome only; empty: told, not judged
  Expectation expectation = Expectation::kTold;  // kRatio only
  // kRatio only, and exactly one of the three: the baseline is the candidate's cell with this
  // variant, with this value, or under this allocator (then every other allocator is a candidate).
  std::string baseline_variant{};
  std::optional<std::int64_t> baseline_value{};
  std::string baseline_allocator{};
  // A clause in the past tense, with one {} for the figure and, if wanted, {variant}: "a malloc'ed
  // frame cost {} times a local array".
  std::string phrase{};
  bool headline = false;  // its clause opens the claim's sentence; at most one of a claim
};

// The commonest evidence, each a line or two of a registration. Ratios are of ns_per_op.
Evidence verified(unsigned claim, std::vector<std::string> variants, std::string phrase);
Evidence told(unsigned claim, std::vector<std::string> variants, std::string metric,
              std::string phrase);  // a figure
Evidence time_ratio(unsigned claim, std::vector<std::string> variants, std::string baseline_variant,
                    std::string phrase);  // told
// Of each other allocator to that one, at one value; told.
Evidence against_allocator(unsigned claim, std::string variant, std::int64_t value,
                           std::string allocator, std::string phrase);
// A text metric; holds where it is `outcome`, told where that is empty.
Evidence said(unsigned claim, std::vector<std::string> variants, std::string metric,
              std::string outcome, std::string phrase);
// The claim holds where the ratio is above 1.
Evidence takes_longer(unsigned claim, std::vector<std::string> variants,
                      std::string baseline_variant, std::string phrase);
Evidence opening(Evidence evidence);  // as the headline

std::string_view to_string(EvidenceKind kind);
std::string_view to_string(Expectation expectation);

// What is wrong with it; empty where nothing is. Whether the metric exists is not known here.
std::string evidence_problem(const WorkloadInfo& workload, const Evidence& evidence);

}  // namespace stackheap
