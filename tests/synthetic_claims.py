"""claims.csv and claim_tests.csv of a made-up run: two claims, of three judged tests and of one."""

from __future__ import annotations

CLAIMS = ("claim,statement,tested_as,verdict,tests,held,failed,unresolved,workloads,effect_of,"
          "effect,lower,upper,unit,sentence").split(",")
CLAIM_TESTS = (
    "claim,kind,workload,parameter,parameter_value,threads,metric,candidate_variant,"
    "candidate_allocator,baseline_variant,baseline_allocator,baseline_value,effect,lower,upper,"
    "unit,confidence,samples,expectation,said,outcome"
).split(",")

TWO_CLAIMS = [
    {"claim": 1, "statement": "The heap is slower than the stack, whatever one does.",
     "verdict": "mixed", "tests": 4, "held": 1, "failed": 1, "unresolved": 1,
     "effect_of": "made/frame/malloc against made/frame/local-array", "effect": 4, "lower": 3,
     "upper": 5, "unit": "1"},
    {"claim": 2, "statement": "The stack is last-in, first-out.", "verdict": "holds", "tests": 1,
     "held": 1, "failed": 0, "unresolved": 0, "effect_of": "made/frame", "effect": 1,
     "lower": 0.9, "upper": 1, "unit": "1"},
]
FOUR_TESTS = [
    {"claim": 1, "kind": "ratio", "effect": effect, "lower": lower, "upper": upper,
     "expectation": "told" if outcome == "told" else "more", "outcome": outcome, "unit": "1"}
    for effect, lower, upper, outcome in (
        (4, 3, 5, "holds"), (0.5, 0.4, 0.6, "does not hold here"), (1.1, 0.9, 1.4, "unresolved"),
        (2, "", "", "told"))
] + [{"claim": 2, "kind": "verified", "effect": 1, "lower": 0.9, "upper": 1,
      "expectation": "verified", "outcome": "holds", "unit": "1"}]
