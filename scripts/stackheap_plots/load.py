"""A run folder: what run.json says of it, with the tables that the figures are drawn from."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from .table import Converter, PlotError, count, flag, number, read_table, refuse_repeats, text

NO_ALLOCATOR = "none"


@dataclass(frozen=True)
class Variant:
    name: str
    description: str
    uses_heap: bool


@dataclass(frozen=True)
class Workload:
    name: str
    summary: str
    operation: str
    variants: tuple[Variant, ...]
    baseline_variant: str
    parameter: str  # empty: it has none
    parameter_unit: str
    roles: frozenset[str]

    def variant_order(self, name: str) -> int:
        names = [variant.name for variant in self.variants]
        return names.index(name) if name in names else len(names)

    def uses_heap(self, name: str) -> bool:
        return all(variant.uses_heap for variant in self.variants if variant.name == name)


@dataclass(frozen=True)
class Run:
    folder: Path
    info: dict[str, Any]  # run.json
    workloads: dict[str, Workload]
    allocators: tuple[str, ...]  # the run's own baseline first, the others sorted
    baseline: str  # what figures compare with: the run's own, unless the user names another
    cpus: int | None
    summary: pd.DataFrame
    comparisons: pd.DataFrame
    # What is odd about the files and changes no figure.
    remarks: list[str] = field(default_factory=list, compare=False)
    cache: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def partial(self) -> bool:
        """It was killed or interrupted before its last round, or is still going on."""
        result = self.info.get("result")
        interrupted = isinstance(result, dict) and bool(result.get("interrupted"))
        return interrupted or not self.info.get("finished")

    def with_role(self, role: str) -> list[Workload]:
        """Workloads of that role which have rows, in the order of summary.csv."""
        return [
            self.workloads[name]
            for name in self.summary["workload"].unique()
            if role in self.workloads[name].roles
        ]

    @property
    def others(self) -> tuple[str, ...]:
        return tuple(name for name in self.allocators if name != self.baseline)

    def values(self, workload: Workload, *metrics: str) -> pd.DataFrame:
        """The summary's rows of a workload and some metrics that have an estimate."""
        table = self.summary
        rows = table[(table["workload"] == workload.name) & table["metric"].isin(metrics)]
        return rows[rows["estimate"].notna()]


SUMMARY_COLUMNS: dict[str, Converter] = {
    "block": text,
    "suite": text,
    "workload": text,
    "variant": text,
    "allocator": text,
    "parameter": text,
    "parameter_value": number,
    "threads": count,
    "oversubscribed": flag,
    "metric": text,
    "unit": text,
    "estimate": number,
    "lower": number,
    "upper": number,
    "samples": count,
    "planned": count,
}
COMPARISON_COLUMNS: dict[str, Converter] = {
    "block": text,
    "workload": text,
    "parameter": text,
    "parameter_value": number,
    "threads": count,
    "metric": text,
    "baseline_variant": text,
    "baseline_allocator": text,
    "candidate_variant": text,
    "candidate_allocator": text,
    "ratio": number,
    "lower": number,
    "upper": number,
    "confidence": number,
    "verdict": text,
}
COMPARISONS_ALSO = ("family", "rounds", "rounds_needed")  # written, and not read here
SUMMARY_KEY = ["block", "variant", "allocator", "threads", "metric"]
COMPARISON_KEY = [
    "block",
    "threads",
    "metric",
    "baseline_variant",
    "baseline_allocator",
    "candidate_variant",
    "candidate_allocator",
]


def read_workload(entry: dict[str, Any]) -> Workload:
    parameter = entry.get("parameter") or {}
    return Workload(
        name=entry["name"],
        summary=entry.get("summary", ""),
        operation=entry.get("operation", ""),
        variants=tuple(
            Variant(variant["name"], variant.get("description", ""), variant.get("uses_heap", True))
            for variant in entry["variants"]
        ),
        baseline_variant=entry["baseline_variant"],
        parameter=parameter.get("name", ""),
        parameter_unit=parameter.get("unit", ""),
        roles=frozenset(entry.get("roles", [])),
    )


def read_info(path: Path) -> dict[str, Any]:
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise PlotError(f"{path}: not JSON: {error}; restore it from a copy of the run.") from None
    if not isinstance(info, dict) or info.get("version") != 1:
        version = info.get("version") if isinstance(info, dict) else None
        raise PlotError(f"{path}: version {version!r} where these scripts read version 1; use the "
                        "scripts of the release that made the run.")
    return info


def require_files(folder: Path) -> None:
    if not folder.is_dir():
        raise PlotError(f"{folder}: no such folder; give the results folder of a run, as "
                        "'stackheap run' printed it.")
    if not (folder / "run.json").is_file():
        raise PlotError(f"{folder}: not a run folder, it has no run.json; give the results folder "
                        "of a run, as 'stackheap run' printed it.")
    for name in ("summary.csv", "comparisons.csv"):
        if not (folder / name).is_file():
            raise PlotError(f"{folder}: the run is not finished, it has no {name}; finish it with "
                            f"'stackheap run --resume {folder}', or draw what is there after "
                            f"'stackheap summarize {folder}'.")


def load_run(folder: Path, baseline: str = "") -> Run:
    """`baseline`: an allocator to compare with instead of the run's own."""
    require_files(folder)
    info = read_info(folder / "run.json")
    try:
        workloads = {entry["name"]: read_workload(entry) for entry in info["workloads"]}
        names = sorted({entry["name"] for entry in info["allocators"]})
    except (KeyError, TypeError, AttributeError) as error:
        raise PlotError(f"{folder / 'run.json'}: 'workloads' or 'allocators' lacks {error}; "
                        "restore it from a copy of the run.") from None
    path = folder / "summary.csv"
    remarks: list[str] = []
    summary = read_table(path, SUMMARY_COLUMNS, (), remarks)
    if summary.empty:
        raise PlotError(f"{path}: no rows: no cell of the run ended ok; see the statuses in "
                        f"{folder / 'samples.csv'}.")
    refuse_repeats(summary, SUMMARY_KEY, path)
    comparisons = read_table(folder / "comparisons.csv", COMPARISON_COLUMNS, COMPARISONS_ALSO,
                             remarks)
    refuse_repeats(comparisons, COMPARISON_KEY, folder / "comparisons.csv")
    unknown = summary[~summary["workload"].isin(list(workloads))]
    if not unknown.empty:
        row = unknown.iloc[0]
        raise PlotError(f"{path}:{row['line']}: workload '{row['workload']}' is not in run.json; "
                        "the files are of different runs.")

    for name in sorted(summary["allocator"].unique()):
        if name not in names and name != NO_ALLOCATOR:
            names.append(name)
    own = own_baseline(info, names, comparisons)
    if baseline and baseline not in names:
        near = difflib.get_close_matches(baseline, names, n=1)
        raise PlotError(f"--baseline {baseline}: this run has no such allocator; "
                        + (f"did you mean {near[0]}?" if near else f"it has {', '.join(names)}."))
    topology = info.get("topology")
    cpus = topology.get("usable_cpus") if isinstance(topology, dict) else None
    return Run(
        folder=folder,
        info=info,
        workloads=workloads,
        allocators=(own, *(n for n in names if n not in (own, NO_ALLOCATOR))),
        baseline=baseline or own,
        cpus=cpus if isinstance(cpus, int) else None,
        summary=summary,
        comparisons=comparisons,
        remarks=remarks,
    )


def own_baseline(info: dict[str, Any], names: list[str], comparisons: pd.DataFrame) -> str:
    options = info.get("options")
    named = options.get("baseline") if isinstance(options, dict) else None
    if named in names:
        return str(named)
    seen = comparisons["baseline_allocator"]
    seen = seen[seen != NO_ALLOCATOR]
    return str(seen.iloc[0]) if not seen.empty else (names[0] if names else NO_ALLOCATOR)
