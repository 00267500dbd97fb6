"""What follows from samples.csv, computed a second time with NumPy and SciPy: medians, the intervals
of Hettmansperger and Sheather, paired ratios, families and verdicts. Shares no code with the program."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Iterator, Mapping

import numpy
import pandas
from scipy.stats import binom, norm

ALPHA = 0.05
TIMES = ("ns", "us", "ms", "s")
NONE = "none"

CellKey = tuple[str, str, str, int]  # block, variant, allocator, threads


@dataclass
class Estimate:
    point: float
    lower: float
    upper: float
    n: int


def median_with_interval(values: list[float], alpha: float) -> Estimate:
    """The median and its interpolated order-statistic interval; NaN bounds below the least n."""
    x = numpy.sort(numpy.asarray(values, dtype=float))
    n = len(x)
    if n == 0:
        return Estimate(numpy.nan, numpy.nan, numpy.nan, 0)
    point = float(numpy.median(x))
    ranks = [c for c in range(1, n // 2 + 1) if 2 * binom.cdf(c - 1, n, 0.5) <= alpha]
    if not ranks:
        return Estimate(point, numpy.nan, numpy.nan, n)
    c = ranks[-1]
    at_c = 1 - 2 * binom.cdf(c - 1, n, 0.5)
    beyond = 1 - 2 * binom.cdf(c, n, 0.5)
    part = (at_c - (1 - alpha)) / (at_c - beyond)
    weight = (n - c) * part / (c + (n - 2 * c) * part)
    lower = (1 - weight) * x[c - 1] + weight * x[c]
    upper = (1 - weight) * x[n - c] + weight * x[n - c - 1]
    return Estimate(point, float(lower), float(upper), n)


def median_ratio(pairs: list[tuple[float, float]], alpha: float) -> Estimate:
    """Of candidate / baseline; pairs with a side that is not positive are left out."""
    logs = [float(numpy.log(a / b)) for a, b in pairs if a > 0 and b > 0]
    of_logs = median_with_interval(logs, alpha)
    bounds = numpy.exp([of_logs.point, of_logs.lower, of_logs.upper])
    return Estimate(*map(float, bounds), of_logs.n)


def widened(ratio: Estimate, unit: str, spread: float, alpha: float) -> Estimate:
    """Times and rates also stray by what layouts differ by: `spread`, on the log scale."""
    if unit not in (*TIMES, "1/s") or not ratio.lower <= ratio.upper:
        return ratio
    more = norm.ppf(1 - alpha / 2) * spread
    point, lower, upper = numpy.log([ratio.point, ratio.lower, ratio.upper])
    return Estimate(ratio.point, float(numpy.exp(point - numpy.hypot(point - lower, more))),
                    float(numpy.exp(point + numpy.hypot(upper - point, more))), ratio.n)


def verdict(ratio: Estimate, unit: str, margin: float) -> str:
    if not ratio.lower <= ratio.upper:
        return "unresolved"
    if 1 / (1 + margin) <= ratio.lower and ratio.upper <= 1 + margin:
        return "equivalent"
    less, more = ("faster", "slower") if unit in TIMES else ("lower", "higher")
    return less if ratio.upper < 1 else more if ratio.lower > 1 else "unresolved"


@dataclass
class Compared:
    ratio: Estimate
    confidence: float
    verdict: str


@dataclass
class ClaimTest:
    evidence: Mapping[str, Any]
    candidate: CellKey
    baseline: CellKey
    confidence: float = numpy.nan
    ratio: Estimate = field(default_factory=lambda: Estimate(numpy.nan, numpy.nan, numpy.nan, 0))
    outcome: str = ""


@dataclass
class Run:
    """`metrics` is `stackheap list metrics --csv`; `document` is run.json."""

    samples: pandas.DataFrame
    metrics: pandas.DataFrame
    document: Mapping[str, Any]
    values: dict[str, dict[CellKey, dict[int, float]]] = field(default_factory=dict)
    cells: list[CellKey] = field(default_factory=list)

    def __post_init__(self) -> None:
        rows = self.samples[self.samples.kind.isin(["timed", "instrumented", "anchor"])]
        self.anchors = {self.key(row) for row in rows[rows.kind == "anchor"].itertuples()}
        self.cells = list(dict.fromkeys(self.key(row) for row in rows.itertuples()))
        self.oversubscribed = {self.key(row) for row in rows.itertuples() if row.oversubscribed}
        ok = rows[rows.status == "ok"]
        for metric in self.sample_metrics():
            kind = getattr(metric, "kind", "timed")
            of_cells = self.values.setdefault(metric.metric, {})
            kinds = ["timed", "anchor"] if kind == "timed" else [kind]
            for row in ok[ok.kind.isin(kinds)].itertuples():
                value = getattr(row, metric.metric)
                per_operation = metric.per_op == "yes"
                # Without counted operations nothing can be said of one.
                if not numpy.isnan(value) and not (per_operation and row.ops == 0):
                    value = value / row.ops if per_operation else value
                    of_cells.setdefault(self.key(row), {})[row.round] = value

    @staticmethod
    def key(row: Any) -> CellKey:
        return row.block, row.variant, row.allocator, row.threads

    def sample_metrics(self) -> Iterator[Any]:
        table = self.metrics.rename(columns={"per op": "per_op"})
        yield from table[(table.scope == "sample") & (table.type != "text")].itertuples()

    def summary(self) -> dict[tuple[CellKey, str], Estimate]:
        rows = {
            (cell, metric): median_with_interval(list(by_round.values()), ALPHA)
            for metric, of_cells in self.values.items()
            for cell, by_round in of_cells.items()
        }
        for cell in self.anchors:
            times = [time for _, time in sorted(self.values["ns_per_op"].get(cell, {}).items())]
            half = len(times) // 2
            rows[cell, "drift"] = median_ratio(list(zip(times[len(times) - half:], times)), ALPHA)
        for cell in self.cells:
            block, variant, _, threads = cell
            bare = (block, f"no-alloc-{variant}", NONE, threads)
            if bare not in self.cells:
                bare = (block, "no-alloc", NONE, threads)
            if bare in self.cells and not variant.startswith("no-alloc"):
                rows[cell, "loop_share"] = self.ratio(bare, cell, "ns_per_op")
            alone = (*cell[:3], 1)
            if threads == 1 or cell in self.oversubscribed or alone not in self.cells:
                continue
            excess = [a - b for a, b in self.pairs(cell, alone, "cpu_ns_per_op")]
            rows[cell, "cpu_excess_ns_per_op"] = median_with_interval(excess, ALPHA)
            speedup = self.ratio(cell, alone, "ops_per_second")
            rows[cell, "speedup"] = speedup
            rows[cell, "efficiency"] = Estimate(
                speedup.point / threads, speedup.lower / threads, speedup.upper / threads, speedup.n
            )
        return {key: estimate for key, estimate in rows.items() if estimate.n > 0}

    def pairs(self, first: CellKey, second: CellKey, metric: str) -> list[tuple[float, float]]:
        a, b = (self.values[metric].get(cell, {}) for cell in (first, second))
        return [(a[number], b[number]) for number in sorted(a.keys() & b.keys())]

    def ratio(self, first: CellKey, second: CellKey, metric: str, alpha: float = ALPHA) -> Estimate:
        return median_ratio(self.pairs(first, second, metric), alpha)

    def layout_spread(self) -> float:
        calibration = self.document["calibration"]
        return (calibration or {}).get("layout_spread") or 0.0

    def unit(self, metric: str) -> str:
        return str(self.metrics.set_index("metric").loc[metric, "unit"])

    def claims(self) -> list["ClaimTest"]:
        """The judged and told ratios of every claim, in no particular order."""
        baseline_allocator = self.document["options"]["baseline"]
        blocks = {(workload, -1 if numpy.isnan(value) else int(value)): block
                  for workload, value, block in zip(self.samples.workload,
                                                    self.samples.parameter_value,
                                                    self.samples.block)}
        place = {block: key for key, block in blocks.items()}
        found: dict[int, list[ClaimTest]] = {}
        for workload in self.document["workloads"]:
            heap = {variant["name"]: variant["uses_heap"] for variant in workload["variants"]}
            for evidence in workload["claims"]:
                if evidence["kind"] != "ratio":
                    continue
                for cell in self.cells:
                    block, variant, allocator, threads = cell
                    value = place[block][1]
                    other = evidence["baseline_allocator"]
                    if (place[block][0] != workload["name"] or cell in self.oversubscribed
                            or threads < evidence["minimum_threads"]
                            or variant not in (evidence["variants"] or [variant])
                            or value not in (evidence["values"] or [value])
                            or (allocator == NONE if other
                                else allocator not in (NONE, baseline_allocator))):
                        continue
                    if other:
                        against = (block, variant, other, threads)
                    elif evidence["baseline_variant"]:
                        name = evidence["baseline_variant"]
                        against = (block, name, baseline_allocator if heap[name] else NONE, threads)
                    else:
                        key = workload["name"], evidence["baseline_value"]
                        against = (blocks.get(key, ""), variant, allocator, threads)
                    if against != cell and self.pairs(cell, against, evidence["metric"]):
                        found.setdefault(evidence["claim"], []).append(
                            ClaimTest(evidence, cell, against))
        for tests in found.values():
            judged = sum(test.evidence["expectation"] != "told" for test in tests)
            for test in tests:
                told = test.evidence["expectation"] == "told"
                alpha = ALPHA if told else ALPHA / judged
                test.confidence = 1 - alpha
                metric = test.evidence["metric"]
                test.ratio = widened(self.ratio(test.candidate, test.baseline, metric, alpha),
                                     self.unit(metric), self.layout_spread(), alpha)
                test.outcome = "told" if told else self.claim_outcome(test)
        return [test for tests in found.values() for test in tests]

    def claim_outcome(self, test: "ClaimTest") -> str:
        side = verdict(test.ratio, "1", self.document["options"]["margin"])
        if side == "unresolved":
            return side
        wanted = {"more": "higher", "less": "lower"}[test.evidence["expectation"]]
        return "holds" if side == wanted else "does not hold here"

    def families(self) -> Iterator[tuple[str, CellKey, list[CellKey]]]:
        """Name, baseline and candidates of each."""
        baseline = self.document["options"]["baseline"]
        baseline_variants = {w["name"]: w["baseline_variant"] for w in self.document["workloads"]}
        workload_of = dict(zip(self.samples.block, self.samples.workload))
        groups: dict[tuple[str, str], list[CellKey]] = {}
        for cell in self.cells:
            block, variant, allocator, threads = cell
            if allocator != NONE:
                name = f"allocators/{variant}/threads:{threads}"
                groups.setdefault((block, name), []).append(cell)
            if allocator in (NONE, baseline):
                groups.setdefault((block, f"variants/threads:{threads}"), []).append(cell)
        for (block, name), cells in groups.items():
            wanted = baseline_variants[workload_of[block]]
            for cell in cells:
                is_baseline = cell[2] == baseline if name[0] == "a" else cell[1] == wanted
                if is_baseline and len(cells) > 1:
                    yield name, cell, [other for other in cells if other != cell]

    def comparisons(self) -> dict[tuple[str, CellKey, CellKey, str], Compared]:
        """Keyed by family, baseline, candidate and metric."""
        margin = self.document["options"]["margin"]
        found = {}
        for name, baseline, candidates in self.families():
            for metric in self.sample_metrics():
                if metric.compared != "yes":
                    continue
                measured = [c for c in candidates if self.pairs(c, baseline, metric.metric)]
                for candidate in measured:
                    alpha = ALPHA / len(measured)
                    ratio = widened(self.ratio(candidate, baseline, metric.metric, alpha),
                                    metric.unit, self.layout_spread(), alpha)
                    found[name, baseline, candidate, metric.metric] = Compared(
                        ratio, 1 - alpha, verdict(ratio, metric.unit, margin)
                    )
        return found
