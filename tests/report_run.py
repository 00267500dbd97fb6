"""Run folders with everything that a report shows: samples, side files, twins, claims, logs.

What synthetic_run.py writes is what figures need; this adds the rest, with known numbers, and can write
a million samples:

    /usr/bin/python3 tests/report_run.py FOLDER [SAMPLES]
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, TextIO

SOURCE = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(SOURCE / "tests"), str(SOURCE / "scripts")]

from stackheap_report import known  # noqa: E402
from synthetic_run import CONTENTION, Kind, Synthetic, every_role, write_csv  # noqa: E402

QUANTILES = {"p50": 1.0, "p90": 3.0, "p99": 10.0, "p999": 40.0, "p9999": 200.0}
# Of a block of rounds one cell is the twin; one twin in so many differs.
DIFFERING_TWIN = 20
SCALING_ROW = ("speedup", "speedup_lower", "speedup_upper", "efficiency", "efficiency_lower",
               "efficiency_upper")
CLAIMS = [
    {"claim": 1, "statement": "The stack is last-in, first-out.", "tested_as": "frames lie in order",
     "verdict": "holds", "tests": 1, "held": 1, "failed": 0, "unresolved": 0,
     "workloads": "made/frame", "effect_of": "made/frame/malloc/glibc/size:16/threads:1", "effect": 4.5,
     "lower": 4.1, "upper": 4.9, "unit": "1", "sentence": "It took 4.5 [4.1, 4.9] times as long."},
    {"claim": 2, "statement": "Nobody measured this.", "tested_as": "not at all",
     "verdict": "not measured", "tests": 0, "held": 0, "failed": 0, "unresolved": 0, "workloads": "",
     "effect_of": "", "effect": "", "lower": "", "upper": "", "unit": "", "sentence": ""},
]
CLAIM_TEST = {"claim": 1, "kind": "ratio", "workload": "made/frame", "parameter": "size",
              "parameter_value": 16, "threads": 1, "metric": "ns_per_op", "candidate_variant": "malloc",
              "candidate_allocator": "glibc", "baseline_variant": "local-array",
              "baseline_allocator": "none", "baseline_value": 16, "effect": 4.5, "lower": 4.1,
              "upper": 4.9, "unit": "1", "confidence": 0.95, "samples": 12, "expectation": "more",
              "said": "", "outcome": "holds"}


def kinds() -> list[Kind]:
    return [*every_role(), Kind("wait/single", ("latency",), parameter=("slots", "count"),
                                values=(1024,), metrics=("ns_per_op",))]


@dataclass
class ReportRun(Synthetic):
    """`failing`: this many samples crash, each with a log of `log`."""

    failing: int = 0
    log: str = "cell\nstatus: crashed\n"
    detail: str = "signal 11 (segmentation fault), \"quoted\""
    # Every metric that stackheap has, of every cell: as much as a run can have.
    all_metrics: bool = False
    readings_every: int = 1  # only of one sample in so many are there side rows
    number: int = 0

    def write(self) -> Path:
        super().write()
        (self.folder / "logs").mkdir(exist_ok=True)
        for name in ("samples", "latency", "timeline"):
            header = known.columns(f"{name}.csv")
            stream = (self.folder / f"{name}.csv").open("w", newline="")
            stream.write(",".join(header) + "\n")
            setattr(self, f"{name}_stream", stream)
        self.write_rows()
        for name in ("samples", "latency", "timeline"):
            getattr(self, f"{name}_stream").close()
        self.write_derived()
        return self.folder

    def cells(self) -> Iterator[tuple[Kind, dict[str, Any]]]:
        kinds_by_name = {kind.name: kind for kind in self.kinds}
        seen = set()
        for row in self.summary:
            place = (row["block"], row["variant"], row["allocator"], row["threads"])
            if place not in seen:
                seen.add(place)
                yield kinds_by_name[row["workload"]], row

    def write_rows(self) -> None:
        """Round by round, as a run does, an anchor first."""
        columns = known.columns("samples.csv")
        ends = {name: columns.index(name) for name in ("ops", "ns_per_op")}
        filled = ends["ns_per_op"] - ends["ops"] == 1
        assert filled, "samples.csv begins its metrics with ns_per_op"
        rest = "," * (len(columns) - ends["ns_per_op"] - 1)
        cells = list(self.cells())
        failing = self.failing
        for place in range(self.rounds):
            drift = 1 + 0.01 * math.sin(place)
            self.sample(place, "anchor/registers", "anchor", "anchor/registers", "chain", "none", "", "",
                        1, 0, "ok", "", 1.1 * drift, rest)
            for kind, row in cells:
                failed = failing > 0 and place == 0 and row["allocator"] != "none"
                failing -= failed
                ns = self.cost(0, row["allocator"] if row["allocator"] in self.allocators else "none",
                               row["parameter_value"] or 1, row["threads"]) * drift
                number = self.sample(
                    place, row["block"], "timed", row["workload"], row["variant"], row["allocator"],
                    row["parameter"], row["parameter_value"], row["threads"], row["oversubscribed"],
                    "crashed" if failed else "ok", self.detail if failed else "", ns, rest)
                if failed:
                    (self.folder / "logs" / f"{number}.log").write_text(self.log)
                elif number % self.readings_every == 0:
                    self.side_rows(kind, row, number, ns)

    def sample(self, place: int, block: str, kind: str, workload: str, variant: str, allocator: str,
               parameter: str, value: object, threads: int, over: int, status: str, detail: str,
               ns: float, rest: str) -> int:
        stream: TextIO = self.samples_stream  # type: ignore[attr-defined]
        number, self.number = self.number, self.number + 1
        quoted = '"' + detail.replace('"', '""') + '"' if detail else ""
        measured = f"{ns:.6g}" if status == "ok" else ""
        stream.write(f"{number},{place},{block},0,{kind},{workload.split('/')[0]},{workload},{variant},"
                     f"{allocator},{parameter},{value},{threads},0,{over},{status},{quoted},7,10,1000,"
                     f"{measured}{rest}\n")
        return number

    def side_rows(self, kind: Kind, row: dict[str, Any], number: int, ns: float) -> None:
        if "latency" in kind.roles:
            # 10^6 operations: of each decade a tenth takes three times as long.
            count, lower = 900_000, ns
            lines = []
            while count:
                lines.append(f"{number},malloc,{lower:.6g},{1.01 * lower:.6g},{count}\n")
                count, lower = count // 10, 3 * lower
            self.latency_stream.write("".join(lines))  # type: ignore[attr-defined]
        if "memory-timeline" in kind.roles:
            height = int(ns * 1e6)
            self.timeline_stream.write("".join(  # type: ignore[attr-defined]
                f"{number},{10 * i + number % 7},{int(height * min(1, i / 20, 2 - i / 40))},"
                f"{'grow' if i < 20 else 'freed'}\n" for i in range(40)))

    def write_derived(self) -> None:
        self.add_metrics()
        for name, rows in (("summary", self.summary), ("comparisons", self.comparisons),
                           ("scaling", self.scaling_rows()), ("twins", self.twin_rows()),
                           ("claims", CLAIMS), ("claim_tests", self.claim_tests())):
            write_csv(self.folder / f"{name}.csv", known.columns(f"{name}.csv"), rows)

    def claim_tests(self) -> list[dict[str, Any]]:
        return [CLAIM_TEST] if any(kind.name == CLAIM_TEST["workload"] for kind in self.kinds) else []

    def add_metrics(self) -> None:
        for kind, row in list(self.cells()):
            if "latency" in kind.roles:
                for metric, times in QUANTILES.items():
                    if metric in kind.metrics:
                        continue
                    self.add_metric(row, metric, float(row["estimate"]) * times)
            if self.all_metrics:
                for metric in known.metrics().values():
                    if metric.kind != "text" and metric.name not in {*kind.metrics, *QUANTILES}:
                        self.add_metric(row, metric.name, 1000.0 + len(self.summary) % 977)

    def add_metric(self, row: dict[str, Any], metric: str, value: float) -> None:
        unit = known.metrics()[metric].unit
        self.summary.append({**row, "metric": metric, "unit": unit, "estimate": repr(value),
                             "lower": repr(value * 0.97), "upper": repr(value * 1.03)})

    def scaling_rows(self) -> list[dict[str, Any]]:
        return [{**{name: row[name] for name in ("block", "suite", "workload", "variant", "allocator",
                                                 "parameter", "parameter_value", "threads")},
                 **dict(zip(SCALING_ROW, (1.8, 1.7, 1.9, 0.9, 0.85, 0.95))), "samples": self.rounds,
                 "not_fitted": "2 thread counts, and 6 are needed"}
                for _, row in self.cells() if 1 < row["threads"] <= self.cpus]

    def twin_rows(self) -> list[dict[str, Any]]:
        firsts = {row["block"]: row for _, row in self.cells()}
        return [{**{name: row[name] for name in ("block", "suite", "workload", "variant", "allocator",
                                                 "parameter", "parameter_value", "threads")},
                 "metric": "ns_per_op", "rounds": self.rounds, "ratio": 1.02 if differs else 1.001,
                 "lower": 1.01 if differs else 0.99, "upper": 1.03 if differs else 1.01,
                 "differs": int(differs)}
                for place, row in enumerate(firsts.values())
                for differs in [place % DIFFERING_TWIN == 0]]

    def run_json(self) -> dict[str, Any]:
        info = super().run_json()
        blocks = list(dict.fromkeys(row["block"] for row in self.summary))
        cells = {block: len({(r["variant"], r["allocator"], r["threads"]) for r in self.summary
                             if r["block"] == block}) for block in blocks} if len(blocks) < 400 else {}
        return {
            "seed": 7, "calibration": None, "command_line": ["stackheap", "run", "--label", "a b"],
            "plan": {"hash": "0123456789abcdef", "cells": sum(cells.values()),
                     "blocks": [{"block": block, "cells": count, "rounds": self.rounds}
                                for block, count in cells.items()]},
            "doctor": [{"severity": "warning", "subject": "turbo", "what": "it is on", "why": "noise",
                        "mend": "echo 1 > no_turbo"},
                       {"severity": "ok", "subject": "SMT", "what": "off", "why": "", "mend": ""}],
            "instrumented": {"missing": [{"metric": "cycles", "reason": "no PMU"}]},
            "build": {"compiler": "gcc 12.2.0", "worker": {"sha256": "ab" * 32}},
            **info,
            "workloads": [*info["workloads"], {
                "name": "anchor/registers", "anchor": True, "variants": [{"name": "chain"}],
                "baseline_variant": "chain"}],
        }


def large(folder: Path, samples: int) -> Path:
    """As many cells as the profile full has on a large machine, with every metric."""
    made = [Kind(f"{suite}/work-{number}", roles, parameter=("size", "B"), values=(16, 256, 4096),
                 metrics=metrics)
            for suite, roles, metrics in (
                ("heap", ("scaling", "ratio"), ("ns_per_op", "ops_per_second", "peak_rss_bytes")),
                ("crowd", ("contention",), (*CONTENTION, "peak_rss_bytes")),
                ("wait", ("latency",), ("ns_per_op",)),
                ("room", ("memory-timeline",), ("peak_live_bytes", "peak_rss_bytes")))
            for number in range(12)]
    threads = (1, 2, 4, 8, 16)
    allocators = ("glibc", "jemalloc", "mimalloc", "tcmalloc", "tbbmalloc", "scudo")
    cells = len(made) * 3 * len(threads) * len(allocators)
    return ReportRun(folder, allocators, threads, cpus=8, rounds=max(1, round(samples / cells)),
                     kinds=made, all_metrics=True, readings_every=4, failing=500).write()


if __name__ == "__main__":
    print(large(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000))
