"""Writes run folders with known numbers, so that figures can be checked against them.

Only shape matters here: values follow simple formulas, every interval is +-3 %.
"""

from __future__ import annotations

import csv
import itertools
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterable, Sequence

from synthetic_claims import CLAIM_TESTS, CLAIMS, FOUR_TESTS, TWO_CLAIMS

SUMMARY = (
    "block,suite,workload,variant,allocator,parameter,parameter_value,threads,oversubscribed,"
    "metric,unit,estimate,lower,upper,samples,planned"
).split(",")
COMPARISONS = (
    "block,family,workload,parameter,parameter_value,threads,metric,baseline_variant,"
    "baseline_allocator,candidate_variant,candidate_allocator,ratio,lower,upper,confidence,rounds,"
    "verdict,rounds_needed"
).split(",")
# Of samples.csv only what a figure reads.
SAMPLES = ("sample,round,kind,workload,variant,allocator,parameter,parameter_value,threads,"
           "status,limit_reason,overflow").split(",")
LATENCY = "sample,operation,lower_ns,upper_ns,count".split(",")
SCALING = (
    "block,suite,workload,variant,allocator,parameter,parameter_value,threads,speedup,"
    "speedup_lower,speedup_upper,efficiency,efficiency_lower,efficiency_upper,samples,sigma,"
    "sigma_lower,sigma_upper,kappa,kappa_lower,kappa_upper,peak_threads,peak_threads_lower,"
    "peak_threads_upper,not_fitted"
).split(",")
TIMELINE = "sample,elapsed_ms,resident_bytes,phase".split(",")
UNITS = {"ops_per_second": "1/s", "peak_rss_bytes": "B", "peak_live_bytes": "B",
         "rss_per_live_byte": "1", "rss_per_stack_bytes": "B", "regions_per_stack": "1",
         "max_live": "count"}


@dataclass
class Kind:
    """A workload to write; `metrics` gives (name, value at cost 1) pairs."""

    name: str
    roles: Sequence[str]
    variants: Sequence[tuple[str, bool]] = (("malloc", True),)  # name, uses_heap
    parameter: tuple[str, str] | None = None
    values: Sequence[int | None] = (None,)
    metrics: Sequence[str] = ("ns_per_op", "ops_per_second")


@dataclass
class Synthetic:
    folder: Path
    allocators: Sequence[str] = ("glibc", "jemalloc", "mimalloc", "tcmalloc", "tbbmalloc", "scudo")
    threads: Sequence[int] = (1, 2, 4)
    cpus: int = 2
    baseline: str = "glibc"
    rounds: int = 12
    kinds: Sequence[Kind] = ()
    info: dict[str, Any] = field(default_factory=dict)  # replaces entries of run.json
    summary: list[dict[str, Any]] = field(default_factory=list)
    comparisons: list[dict[str, Any]] = field(default_factory=list)

    samples: list[dict[str, Any]] = field(default_factory=list)  # of workloads with a side file
    readings: list[dict[str, Any]] = field(default_factory=list)
    buckets: list[dict[str, Any]] = field(default_factory=list)
    scaling: list[dict[str, Any]] = field(default_factory=list)
    claims: bool = False  # two claims, of three and of one test

    def write(self) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        for kind in self.kinds:
            self.add(kind)
            if "memory-timeline" in kind.roles:
                self.add_timeline(kind)
            if "latency" in kind.roles:
                self.add_histograms(kind)
            if "max_live" in kind.metrics:
                self.add_samples(kind, limit_reason=("none", "cap"))
        if self.samples:
            write_csv(self.folder / "samples.csv", SAMPLES, self.samples)
            write_csv(self.folder / "timeline.csv", TIMELINE, self.readings)
            write_csv(self.folder / "latency.csv", LATENCY, self.buckets)
        if self.scaling:
            write_csv(self.folder / "scaling.csv", SCALING, self.scaling)
        if self.claims:
            write_csv(self.folder / "claims.csv", CLAIMS, TWO_CLAIMS)
            write_csv(self.folder / "claim_tests.csv", CLAIM_TESTS, FOUR_TESTS)
        write_csv(self.folder / "summary.csv", SUMMARY, self.summary)
        write_csv(self.folder / "comparisons.csv", COMPARISONS, self.comparisons)
        (self.folder / "run.json").write_text(json.dumps(self.run_json(), indent=1))
        return self.folder

    def run_json(self) -> dict[str, Any]:
        return {
            "version": 1,
            "stackheap_version": "0.1.0",
            "label": "synthetic",
            "profile": "quick",
            "started": "2025-01-31T12:00:00Z",
            "finished": "2025-01-31T12:02:00Z",
            "rounds": self.rounds,
            "options": {"baseline": self.baseline},
            "environment": {
                "cpu": {"model": "Example(R)  CPU $9$ @ 3.00GHz"},
                "kernel": {"release": "6.1.0-28-amd64"},
            },
            "topology": {"usable_cpus": self.cpus},
            "allocators": [{"name": name, "version": "1.0"} for name in self.allocators],
            "workloads": [workload_json(kind) for kind in self.kinds],
            **self.info,
        }

    def cost(self, variant: int, allocator: str, value: int | None, threads: int) -> float:
        """Nanoseconds per operation: grows with everything, slower beyond the CPUs."""
        place = 0 if allocator == "none" else 1 + list(self.allocators).index(allocator)
        size = 1 + 0.3 * math.log2(max(value or 1, 1))
        crowd = 1 + 0.15 * (threads - 1) + (threads / self.cpus if threads > self.cpus else 0)
        return (4 + 9 * place + 2.5 * variant) * size * crowd

    def add(self, kind: Kind) -> None:
        for value in kind.values:
            block = block_of(kind, value)
            for threads in self.threads:
                for number, (variant, heap) in enumerate(kind.variants):
                    for allocator in self.allocators if heap else ("none",):
                        self.add_cell(kind, block, value, threads, number, variant, allocator)

    def add_samples(self, kind: Kind, limit_reason: Sequence[str] = ("",)) -> list[tuple[int, int]]:
        """One sample of each cell; (its number, its allocator's place from 1 on, 0 without one).
        The parameter's values take turns in the reasons."""
        added = []
        for (variant, heap), (place, value), threads in itertools.product(
                kind.variants, enumerate(kind.values), self.threads):
            for allocator in self.allocators if heap else ("none",):
                added.append((len(self.samples), 0 if allocator == "none"
                              else 1 + list(self.allocators).index(allocator)))
                self.samples.append({
                    "sample": len(self.samples), "round": 0, "kind": "timed", "status": "ok",
                    "workload": kind.name, "variant": variant, "allocator": allocator,
                    "threads": threads, "parameter": kind.parameter[0] if kind.parameter else "",
                    "parameter_value": "" if value is None else value,
                    "limit_reason": limit_reason[place % len(limit_reason)]})
        return added

    def add_histograms(self, kind: Kind) -> None:
        """Of each sample 900,000 mallocs and 100,000 frees: nine in ten take 10 ns (times the
        allocator's place), of the rest nine in ten ten times that, and so on, to 10 us."""
        for number, place in self.add_samples(kind):
            for operation, total in (("malloc", 900_000), ("free", 100_000)):
                for power in range(4):
                    low = 10.0 ** (1 + power) * (1 + place)
                    share = 0.9 * 10.0**-power if power < 3 else 0.001
                    self.buckets.append({"sample": number, "operation": operation,
                                         "lower_ns": low, "upper_ns": low * 1.004,
                                         "count": round(total * share)})

    def add_law(self, kind: Kind, sigma: float, kappa: float, not_fitted: str = "") -> None:
        """The same law for all heap cells of a workload, or why there is none."""
        for (variant, heap), value in itertools.product(kind.variants, kind.values):
            for allocator, threads in itertools.product(self.allocators if heap else ("none",),
                                                        self.threads):
                law = {} if not_fitted else {
                    "sigma": sigma, "sigma_lower": sigma * 0.9, "sigma_upper": sigma * 1.1,
                    "kappa": kappa, "kappa_lower": kappa * 0.5, "kappa_upper": kappa * 2}
                self.scaling.append({
                    "block": block_of(kind, value), "workload": kind.name, "variant": variant,
                    "allocator": allocator, "threads": threads,
                    "parameter_value": "" if value is None else value, **law,
                    "not_fitted": not_fitted})

    def add_timeline(self, kind: Kind) -> None:
        """Every sample grows for 0.2 s to a height of its own and is freed; 0.2 s of decay."""
        for number, place in self.add_samples(kind):
            height = 1e7 * (1 + place)
            self.readings += [{"sample": number, "elapsed_ms": 10 * i,
                               "resident_bytes": height * min(1, i / 20, 2 - i / 40),
                               "phase": "grow" if i < 20 else "freed"} for i in range(40)]

    def add_cell(self, kind: Kind, block: str, value: int | None, threads: int, number: int,
                 variant: str, allocator: str) -> None:
        cost = self.cost(number, allocator, value, threads)
        over = threads > self.cpus
        quantities = {
            "ns_per_op": cost,
            "ops_per_second": 1e9 * threads / cost,
            "thread_ns_per_op": cost,
            "cpu_ns_per_op": cost * (0.4 if over else 0.85),
            "run_queue_ns_per_op": cost * (0.5 if over else 0.05),
            "blocked_ns_per_op": cost * 0.1,
            "peak_rss_bytes": 3e8 / cost,
            "peak_live_bytes": 1e7,
            "rss_per_live_byte": 1 + cost / 1000,
            "minor_faults": 3.0,
            "switch_ns": cost * 1.5,
            "create_ns": cost * 40,
            "destroy_ns": cost * 11,
            "rss_per_stack_bytes": 4096 + cost,
            "regions_per_stack": 0.0 if number == 0 else 2.0,
            "max_live": value or 1,
            "p50": cost, "p90": cost * 2, "p99": cost * 9, "p999": cost * 20, "timer_ns_p50": 3.0,
        }
        place = {"block": block, "workload": kind.name, "threads": threads,
                 "parameter": kind.parameter[0] if kind.parameter else "",
                 "parameter_value": "" if value is None else value}
        for metric in kind.metrics:
            estimate = quantities[metric]
            claims = self.rounds >= 6  # as the driver
            self.summary.append({
                **place, "suite": kind.name.split("/")[0], "variant": variant,
                "allocator": allocator, "oversubscribed": int(over), "metric": metric,
                "unit": UNITS.get(metric, "ns"), "estimate": repr(estimate),
                "lower": repr(estimate * 0.97) if claims else "",
                "upper": repr(estimate * 1.03) if claims else "",
                "samples": self.rounds, "planned": self.rounds,
            })
            if metric not in ("ns_per_op", "peak_rss_bytes") or allocator in (self.baseline, "none"):
                continue
            against = self.cost(number, self.baseline, value, threads)
            ratio = cost / against if metric == "ns_per_op" else against / cost
            self.comparisons.append({
                **place, "family": f"allocators/{variant}/threads:{threads}", "metric": metric, "baseline_variant": variant,
                "baseline_allocator": self.baseline, "candidate_variant": variant,
                "candidate_allocator": allocator, "ratio": repr(ratio),
                "lower": repr(ratio * 0.97) if claims else "",
                "upper": repr(ratio * 1.03) if claims else "", "confidence": "0.95",
                "rounds": self.rounds,
                "verdict": ("slower" if metric == "ns_per_op" else "lower") if claims
                else "unresolved",
                "rounds_needed": "" if claims else 11,
            })


def block_of(kind: Kind, value: int | None) -> str:
    return kind.name + (f"/{kind.parameter[0]}:{value}" if kind.parameter else "")


def workload_json(kind: Kind) -> dict[str, Any]:
    return {
        "name": kind.name,
        "summary": f"A made-up pattern for {kind.name}",
        "operation": "one block obtained, touched and given back",
        "shape": "windowed",
        "variants": [{"name": name, "description": name, "uses_heap": heap}
                     for name, heap in kind.variants],
        "baseline_variant": kind.variants[0][0],
        "parameter": {"name": kind.parameter[0], "unit": kind.parameter[1]}
        if kind.parameter else None,
        "roles": list(kind.roles),
    }


def write_csv(path: Path, header: Sequence[str], rows: Iterable[dict[str, Any]]) -> None:
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, header, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


CONTENTION = ("ns_per_op", "ops_per_second", "thread_ns_per_op", "cpu_ns_per_op",
              "run_queue_ns_per_op", "blocked_ns_per_op")


QUANTILES = ("p50", "p90", "p99", "p999", "timer_ns_p50")


def every_role() -> list[Kind]:
    """One workload or more for each figure."""
    return [
        Kind("made/pair", ("scaling", "ratio", "pareto"), (("malloc", True), ("no-alloc", False)),
             ("size", "B"), (64, 4096), ("ns_per_op", "ops_per_second", "peak_rss_bytes")),
        Kind("crowd/swap", ("scaling", "ratio", "contention", "pareto"),
             metrics=(*CONTENTION, "peak_rss_bytes")),
        Kind("made/frame", ("stack-against-heap",),
             (("local-array", False), ("alloca", False), ("arena", False), ("malloc", True),
              ("vector", True)), ("size", "B"), (16, 256, 4096, 65536), ("ns_per_op",)),
        Kind("own/switch", ("stack-kinds",),
             (("call", False), ("fiber-fixed", True), ("fiber-mapped", False), ("thread", False)),
             ("live", "count"), (1, 10000), ("switch_ns", "create_ns")),
        Kind("own/live", ("stack-kinds",), (("coroutine", True), ("fiber-mapped", False)),
             ("live", "count"), (100, 10000),
             ("rss_per_stack_bytes", "regions_per_stack", "max_live")),
        Kind("tail/slots", ("latency",), (("malloc", True), ("no-alloc", False)),
             metrics=QUANTILES),
        Kind("room/grow", ("memory-timeline",), (("idle", True),), ("watch", "ms"), (400,),
             ("peak_live_bytes", "peak_rss_bytes")),
        Kind("room/dense", ("resident-per-live",), (("malloc", True),), ("size", "B"), (8, 64),
             ("rss_per_live_byte",)),
    ]
