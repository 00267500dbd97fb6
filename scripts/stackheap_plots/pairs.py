"""Allocators against one of them, as comparisons.csv has it.

A run compares with one baseline. Against another allocator of the run only one pair has an interval
that is paired by round: that of the two, the other way round. A ratio of two ratios has none.
"""

from __future__ import annotations

import pandas as pd

from .load import Run

# Of the same pair seen from the other side; other verdicts stay what they are.
REVERSED = {"faster": "slower", "slower": "faster", "lower": "higher", "higher": "lower"}


def allocator_pairs(run: Run, role: str, metric: str) -> pd.DataFrame:
    """Comparisons of an allocator with the baseline allocator, the variant being the same."""
    table = run.comparisons
    named = [workload.name for workload in run.workloads.values() if role in workload.roles]
    pairs = table[
        table["workload"].isin(named)
        & (table["metric"] == metric)
        & (table["baseline_variant"] == table["candidate_variant"])
        & (table["baseline_allocator"] != table["candidate_allocator"])
        & table["ratio"].notna()
    ]
    if run.baseline == run.allocators[0]:
        return pairs
    return pd.concat([pairs[pairs["baseline_allocator"] == run.baseline],
                      reversed_pairs(pairs[pairs["candidate_allocator"] == run.baseline])])


def reversed_pairs(pairs: pd.DataFrame) -> pd.DataFrame:
    """The median of log ratios and its order-statistic interval only change their signs."""
    return pairs.assign(
        ratio=1 / pairs["ratio"], lower=1 / pairs["upper"], upper=1 / pairs["lower"],
        baseline_allocator=pairs["candidate_allocator"],
        candidate_allocator=pairs["baseline_allocator"],
        verdict=pairs["verdict"].replace(REVERSED),
    )


def baseline_notes(run: Run) -> list[str]:
    """What the chosen baseline leaves out, and what to do about it."""
    own = run.allocators[0]
    if run.baseline == own:
        return []
    left_out = [name for name in run.others if name != own]
    if not left_out:
        return []
    return [f"This run compared its allocators with {own}: against {run.baseline} only {own} itself has "
            f"an interval that is paired by round, so that {', '.join(left_out)} are left out. "
            f"'stackheap run --baseline {run.baseline}' measures them."]
