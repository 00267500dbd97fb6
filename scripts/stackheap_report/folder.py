"""One run's folder: run.json and the tables that a report is made of; what it shares with a folder of
`stackheap stress`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Iterator, Sequence

import pandas as pd

from stackheap_plots.load import COMPARISON_KEY, NO_ALLOCATOR, SUMMARY_KEY, Workload
from stackheap_plots.load import read_info, read_workload
from stackheap_plots.table import Converter, PlotError, count, flag, number, refuse_repeats, text

from . import known
from .tables import read_big, read_small

CELL: dict[str, Converter] = {"workload": text, "variant": text, "allocator": text,
                              "parameter_value": number, "threads": count}
PLACE = list(CELL)  # what identifies a cell
SAMPLES: dict[str, Converter] = {
    "sample": count, "round": count, "block": text, "kind": text, **CELL, "oversubscribed": flag,
    "status": text, "detail": text, "ns_per_op": number}
SUMMARY: dict[str, Converter] = {
    "block": text, **CELL, "oversubscribed": flag, "metric": text, "unit": text, "estimate": number,
    "lower": number, "upper": number, "samples": count, "planned": count}
COMPARISONS: dict[str, Converter] = {
    "block": text, "family": text, "workload": text, "parameter_value": number, "threads": count,
    "metric": text, "baseline_variant": text, "baseline_allocator": text, "candidate_variant": text,
    "candidate_allocator": text, "ratio": number, "lower": number, "upper": number,
    "confidence": number, "rounds": count, "verdict": text, "rounds_needed": number}
SCALING: dict[str, Converter] = {
    **CELL, **{f"{what}{end}": number for what in ("speedup", "efficiency", "sigma", "kappa",
                                                  "peak_threads") for end in ("", "_lower", "_upper")},
    "samples": count, "not_fitted": text}
TWINS: dict[str, Converter] = {
    **CELL, "metric": text, "ratio": number, "lower": number, "upper": number, "rounds": count,
    "differs": number}
CLAIMS: dict[str, Converter] = {
    "claim": count, "statement": text, "tested_as": text, "verdict": text, "tests": count,
    "held": count, "failed": count, "unresolved": count, "workloads": text, "effect_of": text,
    "effect": number, "lower": number, "upper": number, "unit": text, "sentence": text}
CLAIM_TESTS: dict[str, Converter] = {
    "claim": count, "kind": text, "workload": text, "parameter": text, "parameter_value": number,
    "threads": number, "metric": text, "candidate_variant": text, "candidate_allocator": text,
    "baseline_variant": text, "baseline_allocator": text, "baseline_value": number,
    "effect": number, "lower": number, "upper": number, "unit": text, "samples": count,
    "expectation": text, "outcome": text}
DERIVED = {"summary.csv": SUMMARY, "comparisons.csv": COMPARISONS, "scaling.csv": SCALING,
           "twins.csv": TWINS, "claims.csv": CLAIMS, "claim_tests.csv": CLAIM_TESTS}
# A finished run has these; of side files and derived ones an older release may lack some.
REQUIRED = ("samples.csv", "summary.csv", "comparisons.csv")
FAILURES = ("failed_check", "crashed", "timeout", "out_of_memory", "not_injected")
# In the description of an allocator that marks a floor and is not to be chosen (DESIGN.md 7).
FLOOR = "never a recommendation"


@dataclass
class ResultsFolder:
    path: Path
    name: str  # how the page calls the run; unlike that of any other run on it
    address: str  # the same within the page's links: letters, digits and hyphens
    info: dict[str, Any]  # run.json, or stress.json

    def get(self, *path: str) -> Any:
        """A member of `info`, None where it is not there: what is captured differs between machines
        and releases."""
        node: Any = self.info
        for key in path:
            node = node.get(key) if isinstance(node, dict) else None
        return node

    def entries(self, *path: str) -> list[dict[str, Any]]:
        """A list of objects in `info`."""
        found = self.get(*path)
        return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


@dataclass
class Folder(ResultsFolder):
    workloads: dict[str, Workload]
    tables: dict[str, pd.DataFrame]
    absent: list[str]  # files that are not there
    samples: pd.DataFrame
    allocators: list[str] = field(default_factory=list)  # the baseline first
    baseline: str = NO_ALLOCATOR

    @property
    def finished(self) -> bool:
        result = self.info.get("result")
        interrupted = isinstance(result, dict) and bool(result.get("interrupted"))
        return bool(self.info.get("finished")) and not interrupted

    @property
    def cpus(self) -> int | None:
        found = self.get("topology", "usable_cpus")
        return found if isinstance(found, int) else None

    @cached_property
    def floors(self) -> set[str]:
        return {str(one.get("name")) for one in self.entries("allocators")
                if FLOOR in str(one.get("description", ""))}

    @cached_property
    def ranked_by(self) -> dict[str, str]:
        return {str(one.get("name")): str(one.get("ranked_by") or "ns_per_op")
                for one in self.entries("workloads")}

    @cached_property
    def hidden_workloads(self) -> set[str]:
        """Anchors show the machine and compare nothing."""
        return {str(one.get("name")) for one in self.entries("workloads") if one.get("anchor")}

    @cached_property
    def measured(self) -> list[str]:
        """The workloads that it has samples or estimates of, without anchors, in the order of its
        files."""
        names = dict.fromkeys((*self.tables["summary.csv"]["workload"].unique(),
                               *self.samples["workload"].unique()))
        return [name for name in names
                if name in self.workloads and name not in self.hidden_workloads]

    @cached_property
    def short_cells(self) -> dict[str, tuple[int, int]]:
        """Of each workload the cells that have its ranking metric, and those of them with fewer samples
        than planned."""
        rows = self.tables["summary.csv"]
        rows = rows[rows["metric"] == rows["workload"].map(self.ranked_by)]
        short = (rows["samples"] < rows["planned"]).groupby(rows["workload"])
        return {name: (int(cells), int(few))
                for name, cells, few in zip(short.groups, short.count(), short.sum())}

    def planned_blocks(self) -> Iterator[tuple[str, int, int]]:
        """Of each block its name, runnable cells and rounds."""
        for one in self.entries("plan", "blocks"):
            if isinstance(one.get("cells"), int) and isinstance(one.get("rounds"), int):
                yield str(one.get("block")), one["cells"], one["rounds"]


def read_folder(path: Path, name: str, address: str) -> Folder:
    if not path.is_dir():
        raise PlotError(f"{path}: no such folder; give the results folder of a run, as 'stackheap run' "
                        "printed it.")
    if not (path / "run.json").is_file():
        calibration = (path / "calibration.json").is_file()
        raise PlotError(f"{path}: not a run folder, it has no run.json"
                        + (" (it is a calibration: 'scripts/plot' draws those)" if calibration else "")
                        + "; give the results folder of a run, as 'stackheap run' or 'stackheap "
                        "stress' printed it.")
    info = read_info(path / "run.json")
    try:
        workloads = {entry["name"]: read_workload(entry) for entry in info["workloads"]}
        names = sorted({str(entry["name"]) for entry in info["allocators"]})
    except (KeyError, TypeError, AttributeError) as error:
        raise PlotError(f"{path / 'run.json'}: 'workloads' or 'allocators' lacks {error}; restore it "
                        "from a copy of the run.") from None
    folder = Folder(path, name, address, info, workloads, {}, [], pd.DataFrame())
    folder.samples = read_samples(folder)
    for file, columns in DERIVED.items():
        folder.tables[file] = read_derived(folder, file, columns)
    check_consistent(folder)
    choose_baseline(folder, names)
    return folder


def exists(folder: Folder, file: str) -> bool:
    if (folder.path / file).is_file():
        return True
    folder.absent.append(file)
    if folder.finished and file in REQUIRED:
        raise PlotError(f"{folder.path / file}: no such file, though the run is finished; restore it "
                        "from a copy of the run" + (
                            f", or 'stackheap summarize {folder.path}'." if file in DERIVED else "."))
    return False


def read_samples(folder: Folder) -> pd.DataFrame:
    if not exists(folder, "samples.csv"):
        return pd.DataFrame({name: [] for name in SAMPLES})
    return read_big(folder.path / "samples.csv", SAMPLES, torn=not folder.finished)


def read_derived(folder: Folder, file: str, columns: dict[str, Converter]) -> pd.DataFrame:
    if not exists(folder, file):
        return pd.DataFrame({name: [] for name in (*columns, "line")})
    table = read_small(folder.path / file, columns)
    keys = {"summary.csv": SUMMARY_KEY, "comparisons.csv": COMPARISON_KEY}
    if file in keys:
        refuse_repeats(table, keys[file], folder.path / file)
    return table


def check_consistent(folder: Folder) -> None:
    """Derived files of another run would put its numbers under this one's name."""
    for file, table in folder.tables.items():
        if "workload" not in table or table.empty:
            continue
        strange = table[~table["workload"].isin(list(folder.workloads))]
        if not strange.empty:
            row = strange.iloc[0]
            raise PlotError(f"{folder.path / file}:{row['line']}: workload '{row['workload']}' is not "
                            "in run.json; the files are of different runs.")


def choose_baseline(folder: Folder, names: list[str]) -> None:
    for table in (folder.tables["summary.csv"], folder.samples):
        names += [name for name in sorted(map(str, table["allocator"].unique()))
                  if name not in names and name != NO_ALLOCATOR]
    baseline = folder.get("options", "baseline")
    if baseline not in names:
        seen = folder.tables["comparisons.csv"]["baseline_allocator"]
        seen = seen[seen != NO_ALLOCATOR]
        baseline = seen.iloc[0] if not seen.empty else (names[0] if names else NO_ALLOCATOR)
    folder.baseline = baseline
    folder.allocators = [baseline, *(n for n in names if n not in (baseline, NO_ALLOCATOR))]


def names_of(paths: Sequence[Path], labels: Sequence[str]) -> list[str]:
    """A name for each run: its folder's, or its label where folders are named alike; numbered where
    even that leaves two the same."""
    names = [path.resolve().name for path in paths]
    if len(set(names)) < len(names):
        names = [f"{label} ({name})" if label else name for name, label in zip(names, labels)]
    return [f"{name} #{names[:place].count(name) + 1}" if names.count(name) > 1 else name
            for place, name in enumerate(names)]


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 22):
            digest.update(chunk)
    return digest.hexdigest()


def better_is_more(metric: str) -> bool:
    return known.better(metric) == "more"
