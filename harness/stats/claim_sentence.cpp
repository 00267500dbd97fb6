#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "harness/base/text.hpp"
#include "harness/stats/claims.hpp"
#include "harness/stats/verdict.hpp"

namespace stackheap {
namespace {

using Tests = std::vector<const ClaimTestRow*>;

// Three digits, as a person writes them: 0.0123, 1.00, 634, 12300.
std::string digits(double value) {
  if (value == 0) return "0";
  return std::abs(value) >= 99.95 ? fmt::format("{:.0f}", value) : fmt::format("{:#.3g}", value);
}

std::string quantity(double value, std::string_view unit) {
  if (unit == "B") return human_bytes(value);
  if (unit == "1" || unit == "1/op" || unit == "count") return digits(value);
  return fmt::format("{} {}", digits(value), unit);
}

// "5.10 [4.90, 5.30]".
std::string figure(const ClaimTestRow& test) {
  return fmt::format("{} [{}, {}]", quantity(test.effect.point, test.unit),
                     quantity(test.effect.lower, test.unit),
                     quantity(test.effect.upper, test.unit));
}

// What a figure means where that is not what the claim says.
std::string note(const ClaimTestRow& test, double margin) {
  if (test.outcome == TestOutcome::kUnresolved) return " (unresolved)";
  if (test.outcome != TestOutcome::kFails) return "";
  const bool same = judge(test.effect, false, margin) == Verdict::kEquivalent;
  return same ? " (no difference)" : " (the reverse)";
}

class Sentence {
 public:
  Sentence(const SampleTable& table, const ClaimSummary& summary, const ClaimRow& claim)
      : table_(table), summary_(summary), claim_(claim) {}

  std::string text() const {
    if (claim_.tests.empty()) return "No sample of this run tests it.";
    std::string sentence;
    for (const Tests& tests : by_evidence()) {
      const std::string clause = clause_of(tests);
      if (clause.empty()) continue;
      sentence += (sentence.empty() ? "" : "; ") + clause;
    }
    sentence += (sentence.empty() ? "" : "; ") + tally() + ".";
    sentence[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(sentence[0])));
    return sentence;
  }

 private:
  std::vector<Tests> by_evidence() const {
    std::vector<Tests> groups;
    for (const std::size_t index : claim_.tests) {
      const ClaimTestRow& test = summary_.tests[index];
      if (groups.empty() || groups.back().front()->evidence != test.evidence) groups.emplace_back();
      groups.back().push_back(&test);
    }
    return groups;
  }

  std::string clause_of(const Tests& tests) const {
    switch (tests.front()->evidence->kind) {
      case EvidenceKind::kVerified:
        return filled(*tests.front(), samples_verified(tests));
      case EvidenceKind::kOutcome:
        return filled(*tests.front(), outcomes(tests));
      case EvidenceKind::kRatio:
      case EvidenceKind::kFigure:
        return estimates(tests);
    }
    return "";
  }

  static std::string filled(const ClaimTestRow& test, std::string_view with) {
    std::string phrase = test.evidence->phrase;
    return phrase.replace(phrase.find("{}"), 2, with);
  }

  static std::string samples_verified(const Tests& tests) {
    double right = 0;
    std::size_t all = 0;
    for (const ClaimTestRow* test : tests) {
      right += test->effect.point * static_cast<double>(test->effect.n);
      all += test->effect.n;
    }
    return fmt::format("{:.0f} of {} samples", right, all);
  }

  // "guard hit (main, pthread-default), silent corruption (fiber-mmap)".
  static std::string outcomes(const Tests& tests) {
    std::vector<std::pair<std::string, std::vector<std::string>>> said;
    for (const ClaimTestRow* test : tests) {
      auto at = std::find_if(said.begin(), said.end(),
                             [&](const auto& other) { return other.first == test->text; });
      if (at == said.end()) at = said.insert(said.end(), {test->text, {}});
      const std::string variant(test->variant);
      auto& variants = at->second;
      if (std::find(variants.begin(), variants.end(), variant) == variants.end()) {
        variants.push_back(variant);
      }
    }
    std::string text;
    for (auto& [outcome, variants] : said) {
      std::replace(outcome.begin(), outcome.end(), '_', ' ');
      text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", outcome, join(variants, ", "));
    }
    return text;
  }

  const Cell& cell_of(const ClaimTestRow& test) const { return table_.cell(*test.candidate).cell; }

  // What tells the tests of one piece of evidence apart.
  std::string label_of(const ClaimTestRow& test) const {
    return test.evidence->baseline_allocator.empty() ? std::string(test.variant)
                                                     : cell_of(test).allocator;
  }

  // "64 B"; empty where there is no parameter, or where the phrase says the values.
  std::string place_of(const ClaimTestRow& test) const {
    const auto value = cell_of(test).parameter;
    if (!value || !test.workload->parameter || test.evidence->baseline_value) return "";
    const ParameterInfo& parameter = *test.workload->parameter;
    const auto number = static_cast<double>(*value);
    if (parameter.unit == "B") return human_bytes(number);
    if (parameter.unit == "%") return fmt::format("{} {} %", parameter.name, *value);
    return fmt::format("{} {}", parameter.name, *value);
  }

  // At the fewest threads: the smallest value's figure of each label, and, where there is one label
  // only, the largest value's too. No number without its interval.
  std::string estimates(const Tests& tests) const {
    Tests first;
    const ClaimTestRow* last = nullptr;
    for (const ClaimTestRow* test : tests) {
      if (!test->effect.has_interval()) continue;
      if (first.empty() || label_of(*first.back()) != label_of(*test)) {
        first.push_back(test);
      } else if (cell_of(*first.back()).threads == cell_of(*test).threads) {
        last = test;
      }
    }
    if (first.empty()) return "";
    std::string text = first.size() == 1 ? filled(*first.front(), figure(*first.front())) +
                                               note(*first.front(), summary_.margin)
                                         : filled(*first.front(), labelled(first));
    const std::string place = place_of(*first.front());
    if (!place.empty()) text = fmt::format("at {} {}", place, text);
    if (first.size() > 1 || last == nullptr || place.empty()) return text;
    return fmt::format("{}, at {} {}{}", text, place_of(*last), figure(*last),
                       note(*last, summary_.margin));
  }

  // "copy-out 1.20 [1.10, 1.30], arena 1.00 [0.99, 1.01] (no difference)".
  std::string labelled(const Tests& tests) const {
    std::string text;
    for (const ClaimTestRow* test : tests) {
      text += fmt::format("{}{} {}{}", text.empty() ? "" : ", ", label_of(*test), figure(*test),
                          note(*test, summary_.margin));
    }
    return text;
  }

  std::string tally() const {
    const std::size_t judged = claim_.held + claim_.failed + claim_.unresolved;
    if (judged == 0) return "nothing here decides it";
    if (claim_.held + claim_.failed == 0) return why_unresolved(judged);
    std::string text =
        fmt::format("{} of {} {}", claim_.held, judged, judged == 1 ? "test holds" : "tests hold");
    if (claim_.failed != 0) {
      text += fmt::format(", {} {} not", claim_.failed, claim_.failed == 1 ? "does" : "do");
    }
    if (claim_.unresolved != 0) {
      text += fmt::format(", {} {} unresolved", claim_.unresolved,
                          claim_.unresolved == 1 ? "is" : "are");
    }
    return text;
  }

  std::string why_unresolved(std::size_t judged) const {
    std::size_t rounds = 0;
    std::size_t needed = 0;
    for (const std::size_t index : claim_.tests) {
      const ClaimTestRow& test = summary_.tests[index];
      if (test.outcome != TestOutcome::kUnresolved) continue;
      rounds = std::max(rounds, test.effect.n);
      needed = minimum_rounds(summary_.alpha, test.comparisons);
    }
    const std::string tests = judged == 1 ? "its one test is not resolved"
                                          : fmt::format("none of {} tests is resolved", judged);
    if (rounds >= needed) return fmt::format("{} by {} rounds", tests, rounds);
    return fmt::format("{}: an interval needs {} rounds, and there {} {}", tests, needed,
                       rounds == 1 ? "is" : "are", rounds);
  }

  const SampleTable& table_;
  const ClaimSummary& summary_;
  const ClaimRow& claim_;
};

}  // namespace

std::string claim_sentence(const SampleTable& table, const ClaimSummary& summary,
                           const ClaimRow& claim) {
  return Sentence(table, summary, claim).text();
}

}  // namespace stackheap
