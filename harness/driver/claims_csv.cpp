#include "harness/driver/claims_csv.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "harness/base/csv.hpp"
#include "harness/base/text.hpp"
#include "harness/driver/run_columns.hpp"

namespace stackheap {
namespace {

std::string number(std::size_t value) {
  return fmt::format("{}", value);
}

std::string parameter_name(const ClaimTestRow& test) {
  return test.workload->parameter ? test.workload->parameter->name : "";
}

std::string workloads_of(const ClaimSummary& claims, const ClaimRow& claim) {
  std::vector<std::string> names;
  for (const std::size_t test : claim.tests) {
    const std::string& name = claims.tests[test].workload->name;
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return join(names, " ");
}

// What the claim's effect is of: "CELL against CELL", one cell, or all samples of a variant.
std::string headline_text(const RunSummary& run, const ClaimTestRow& test) {
  if (!test.candidate) return fmt::format("{}/{}", test.workload->name, test.variant);
  const auto label = [&](std::size_t cell) {
    return run.table.cell(cell).cell.label(parameter_name(test));
  };
  if (!test.baseline) return label(*test.candidate);
  return fmt::format("{} against {}", label(*test.candidate), label(*test.baseline));
}

std::string expectation_text(const ClaimTestRow& test) {
  const Evidence& evidence = *test.evidence;
  if (evidence.kind == EvidenceKind::kVerified) return "verified";
  if (evidence.kind == EvidenceKind::kOutcome)
    return evidence.outcome.empty() ? "told" : evidence.outcome;
  return std::string(to_string(evidence.expectation));
}

}  // namespace

std::string claims_csv(const RunSummary& run) {
  std::string text = csv_row(header_of("claims.csv"));
  for (const ClaimRow& row : run.claims.claims) {
    const ClaimTestRow* headline = row.headline ? &run.claims.tests[*row.headline] : nullptr;
    const Estimate effect = headline == nullptr ? Estimate{} : headline->effect;
    text += csv_row(std::vector<std::string>{
        number(row.claim->number), std::string(row.claim->statement),
        std::string(row.claim->tested_as), std::string(to_string(row.verdict)),
        number(row.tests.size()), number(row.held), number(row.failed), number(row.unresolved),
        workloads_of(run.claims, row), headline == nullptr ? "" : headline_text(run, *headline),
        csv_number(effect.point), csv_number(effect.lower), csv_number(effect.upper),
        headline == nullptr ? "" : std::string(headline->unit), csv_text(row.sentence)});
  }
  return text;
}

std::string claim_tests_csv(const RunSummary& run) {
  std::string text = csv_row(header_of("claim_tests.csv"));
  for (const ClaimTestRow& row : run.claims.tests) {
    const Cell* candidate = row.candidate ? &run.table.cell(*row.candidate).cell : nullptr;
    const Cell* baseline = row.baseline ? &run.table.cell(*row.baseline).cell : nullptr;
    const auto value = [](const Cell* cell) {
      return cell != nullptr && cell->parameter ? fmt::format("{}", *cell->parameter) : "";
    };
    text += csv_row(std::vector<std::string>{
        number(row.evidence->claim),
        std::string(to_string(row.evidence->kind)),
        row.workload->name,
        parameter_name(row),
        value(candidate),
        candidate == nullptr ? "" : number(candidate->threads),
        row.evidence->metric,
        std::string(row.variant),
        candidate == nullptr ? "" : candidate->allocator,
        baseline == nullptr ? "" : baseline->variant,
        baseline == nullptr ? "" : baseline->allocator,
        value(baseline),
        csv_number(row.effect.point),
        csv_number(row.effect.lower),
        csv_number(row.effect.upper),
        std::string(row.unit),
        csv_number(1 - run.claims.alpha / static_cast<double>(row.comparisons)),
        number(row.effect.n),
        expectation_text(row),
        csv_text(row.text),
        std::string(to_string(row.outcome))});
  }
  return text;
}

}  // namespace stackheap
