"""Who leads where: of each family of comparisons the choices that nothing beats for certain.

comparisons.csv holds candidates against one baseline, with intervals that hold together at 95 % within
a family. Two candidates whose intervals do not overlap therefore differ, at that same error rate; where
they overlap nothing is said of the two. No interval is computed here.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Iterable, Sequence

from . import known
from .cells import is_number
from .folder import Folder, better_is_more

# The same loop without an allocation (results/README.md, loop_share): a floor, not a choice.
LOOP_ONLY = "no-alloc"
BETTER, WORSE, EQUIVALENT, UNRESOLVED = "better", "worse", "equivalent", "unresolved"


@dataclass(frozen=True)
class Contender:
    name: str  # of the allocator or variant
    ratio: float  # to the baseline, as comparisons.csv has it
    lower: float
    upper: float
    outcome: str  # against the baseline
    rounds_needed: float
    floor: bool  # shown and never a leader
    inverted: bool  # more is better

    @property
    def bounded(self) -> bool:
        return is_number(self.lower) and is_number(self.upper) and self.lower > 0

    @property
    def span(self) -> tuple[float, float]:
        """The interval, turned so that less is better."""
        return (1 / self.upper, 1 / self.lower) if self.inverted else (self.lower, self.upper)


@dataclass(frozen=True)
class Contest:
    """One family by the metric that its workload is ranked by."""

    workload: str
    value: float  # NaN: no parameter
    threads: int
    metric: str
    variant: str  # whose allocators are compared; empty: variants are
    baseline: str
    contenders: list[Contender]  # the baseline first, best before worst
    leaders: list[Contender] = field(default_factory=list)

    @property
    def of_allocators(self) -> bool:
        return bool(self.variant)

    @property
    def told(self) -> bool:
        return bool(self.leaders)

    @property
    def is_time(self) -> bool:
        metric = known.metrics().get(self.metric)
        return metric is not None and metric.unit in ("ns", "s")


def outcome_of(verdict: str, metric: str) -> str:
    if verdict in (EQUIVALENT, UNRESOLVED):
        return verdict
    if verdict in ("faster", "slower"):
        return BETTER if verdict == "faster" else WORSE
    return BETTER if (verdict == "higher") == better_is_more(metric) else WORSE


def contests_of(folder: Folder) -> list[Contest]:
    table = folder.tables["comparisons.csv"]
    ranked = table[table["metric"] == table["workload"].map(folder.ranked_by)]
    families: dict[tuple[str, str], list[Any]] = {}
    for row in ranked.itertuples():
        families.setdefault((row.block, row.family), []).append(row)
    contests = []
    for (_, family), rows in families.items():
        first = rows[0]
        of_allocators = not family.startswith("variants")
        inverted = better_is_more(first.metric)
        baseline = first.baseline_allocator if of_allocators else first.baseline_variant
        contenders = [Contender(baseline, 1, 1, 1, EQUIVALENT, math.nan, is_floor(folder, baseline),
                                inverted)]
        for row in rows:
            name = row.candidate_allocator if of_allocators else row.candidate_variant
            contenders.append(Contender(name, row.ratio, row.lower, row.upper,
                                        outcome_of(row.verdict, row.metric), row.rounds_needed,
                                        is_floor(folder, name), inverted))
        if sum(not one.floor for one in contenders) < 2:
            continue  # against the loop alone there is nothing to choose
        contests.append(Contest(first.workload, first.parameter_value, first.threads, first.metric,
                                first.baseline_variant if of_allocators else "", baseline, contenders,
                                leaders_of(contenders)))
    return contests


def is_floor(folder: Folder, name: str) -> bool:
    return name in folder.floors or name == LOOP_ONLY or name.startswith(LOOP_ONLY + "-")


def leaders_of(contenders: Sequence[Contender]) -> list[Contender]:
    """Those that none of the others is certainly better than; none where rounds are too few."""
    bounded = [one for one in contenders if one.bounded and not one.floor]
    if len(bounded) < 2:
        return []
    best = min(one.span[1] for one in bounded)
    return sorted((one for one in bounded if one.span[0] <= best),
                  key=lambda one: sum(one.span))


@dataclass
class Standing:
    """One choice over many contests."""

    name: str
    contests: int = 0
    alone: int = 0
    shared: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    best: tuple[Contest, Contender] | None = None  # the resolved ratios that are farthest from 1
    worst: tuple[Contest, Contender] | None = None


def standings(contests: Iterable[Contest], floors: bool = True) -> list[Standing]:
    """Best first: by contests led alone, then by those led at all; floors too unless told."""
    found: dict[str, Standing] = {}
    for contest in contests:
        for one in contest.contenders:
            if one.floor and not floors:
                continue
            standing = found.setdefault(one.name, Standing(one.name))
            standing.contests += 1
            if one in contest.leaders:
                standing.alone += len(contest.leaders) == 1
                standing.shared += len(contest.leaders) > 1
            if one.name == contest.baseline:
                continue
            standing.outcomes[one.outcome] += 1
            if one.outcome == BETTER and is_further(one, standing.best):
                standing.best = (contest, one)
            if one.outcome == WORSE and is_further(one, standing.worst):
                standing.worst = (contest, one)
    return sorted(found.values(), key=lambda s: (-s.alone, -s.shared, s.name))


def is_further(one: Contender, than: tuple[Contest, Contender] | None) -> bool:
    """By the bound that is nearer to 1: a wide interval is no great lead."""
    return than is None or nearer_bound(one) > nearer_bound(than[1])


def nearer_bound(one: Contender) -> float:
    if not one.bounded:
        return 0.0
    return min(abs(math.log(one.lower)), abs(math.log(one.upper)))
