"""The numbers behind the figures, column by column: what the page's scripts read.

Only what is shown is put in, rounded to more digits than a screen tells apart. What does not fit is
left out by whole metrics, least compared first, and named on the page.
"""

from __future__ import annotations

import math
from typing import Any, Iterable, Sequence

import numpy as np
import pandas as pd

from stackheap_plots import style
from stackheap_plots.load import Workload

from . import known
from .folder import PLACE, Folder
from .latency import tails
from .own_error import twins_by_time
from .timeline import timelines

# About 13 bytes of the file each.
MOST_ESTIMATES = 350_000
MOST_RATIOS = 150_000
MOST_ANCHORS = 300
# What the figures of other sections than a workload's own draw.
DRAWN = ("ns_per_op", "peak_rss_bytes", "thread_ns_per_op", "cpu_ns_per_op", "run_queue_ns_per_op",
         "blocked_ns_per_op", "p50", "p90", "p99", "p999", "p9999", "wall_seconds", "peak_live_bytes")
VERDICTS = ("faster", "slower", "lower", "higher", "equivalent", "unresolved")
# plotly's name of each of matplotlib's markers.
SYMBOLS = {"o": "circle", "s": "square", "^": "triangle-up", "D": "diamond", "v": "triangle-down",
           "P": "cross", "X": "x", "<": "triangle-left", ">": "triangle-right", "p": "pentagon",
           "h": "hexagon", "*": "star"}


def digits(values: Iterable[float], count: int) -> list[float | None]:
    """NaN, which JSON does not have, as null; whole numbers without a point."""
    rounded: list[float | None] = []
    for value in values:
        if value is None or math.isnan(value):
            rounded.append(None)
            continue
        short = float(f"{value:.{count}g}")
        rounded.append(int(short) if short.is_integer() and abs(short) < 1e15 else short)
    return rounded


def payload(folders: Sequence[Folder], baseline: str) -> dict[str, Any]:
    shown = {metric for folder in folders
             for metric in folder.tables["summary.csv"]["metric"].unique()}
    allocators = list(dict.fromkeys(name for folder in folders for name in folder.allocators))
    return {
        "metrics": {name: {"unit": metric.unit, "better": metric.better, "meaning": metric.meaning}
                    for name, metric in known.metrics().items() if name in shown},
        "allocators": allocators,
        "baseline": baseline,
        "palette": palette(),
        "verdicts": VERDICTS,
        "runs": [run_payload(folder) for folder in folders],
    }


def palette() -> dict[str, Any]:
    """As scripts/plot draws: place in the list of allocators decides colour, marker and line."""
    looks = [style.look_at(place) for place in range(math.lcm(len(style.COLOURS), len(style.MARKERS)))]
    return {"colours": list(style.COLOURS), "symbols": [SYMBOLS[look.marker] for look in looks],
            "dashes": [dash(line) for line in style.LINES]}


def dash(line: Any) -> str:
    return "solid" if line == "-" else ",".join(f"{1.6 * part:g}px" for part in line[1])


class CellIndex:
    """Numbers the cells of a run."""

    def __init__(self, folder: Folder) -> None:
        samples = folder.samples
        timed = samples[samples["kind"] == "timed"]
        both = pd.concat([folder.tables["summary.csv"][[*PLACE, "oversubscribed"]],
                          timed[[*PLACE, "oversubscribed"]].astype({"workload": "object",
                                                                    "variant": "object",
                                                                    "allocator": "object"})])
        both = both[~both["workload"].isin(folder.hidden_workloads)]
        self.table = both.drop_duplicates(PLACE).reset_index(drop=True)
        self.number = {key: place for place, key in enumerate(keys_of(self.table))}

    def of(self, rows: pd.DataFrame, columns: Sequence[str] = PLACE) -> list[int]:
        return [self.number.get(key, -1) for key in keys_of(rows, columns)]

    def of_samples(self, folder: Folder) -> np.ndarray:
        """By number of the sample, of timed ones that ended ok; else -1."""
        samples = folder.samples
        kept = samples[(samples["kind"] == "timed") & (samples["status"] == "ok")]
        numbers = np.full(int(samples["sample"].max()) + 1 if len(samples) else 0, -1, dtype="int32")
        if not kept.empty:
            group = kept.groupby(PLACE, dropna=False, observed=True, sort=False).ngroup()
            firsts = kept[~group.duplicated()]
            by_group = dict(zip(group[~group.duplicated()], self.of(firsts)))
            numbers[kept["sample"].to_numpy()] = group.map(by_group).to_numpy()
        return numbers


def keys_of(rows: pd.DataFrame, columns: Sequence[str] = PLACE) -> list[tuple[Any, ...]]:
    """NaN is unlike itself, so that a missing parameter is None."""
    workload, variant, allocator, value, threads = (rows[name].tolist() for name in columns)
    return [(w, v, a, None if p != p else p, t)
            for w, v, a, p, t in zip(workload, variant, allocator, value, threads)]


def run_payload(folder: Folder) -> dict[str, Any]:
    cells = CellIndex(folder)
    sample_cells = cells.of_samples(folder)
    estimates, estimates_out = fitting(folder, "summary.csv", "estimate", MOST_ESTIMATES)
    ratios, ratios_out = fitting(folder, "comparisons.csv", "ratio", MOST_RATIOS)
    metrics = sorted({*estimates["metric"], *ratios["metric"]})
    place_of = {name: place for place, name in enumerate(metrics)}
    workloads = [name for name in dict.fromkeys(cells.table["workload"])]
    return {
        "name": folder.name,
        "address": folder.address,
        "cpus": folder.cpus,
        "baseline": folder.baseline,
        "allocators": folder.allocators,
        "floors": sorted(folder.floors),
        "metrics": metrics,
        "workloads": [workload_payload(folder, folder.workloads[name]) for name in workloads
                      if name in folder.workloads],
        "cells": cells_payload(cells.table),
        "estimates": estimates_payload(estimates, cells, place_of),
        "ratios": ratios_payload(ratios, cells, place_of),
        "timelines": timelines(folder, sample_cells),
        "tails": tails(folder, sample_cells),
        "twins": twins_payload(folder),
        "anchors": anchors_payload(folder),
        "left_out": sorted({*estimates_out, *ratios_out}),
    }


def fitting(folder: Folder, file: str, value: str, most: int) -> tuple[pd.DataFrame, list[str]]:
    """The rows with a value, and the metrics that were left out so that the page stays small: those
    that nothing ranks, draws or compares go first."""
    table = folder.tables[file]
    table = table[table[value].notna() & ~table["workload"].isin(folder.hidden_workloads)]
    counts = table["metric"].value_counts()
    ranked = set(folder.ranked_by.values())

    def rank(name: str) -> tuple[bool, bool, bool, str]:
        metric = known.metrics().get(name)
        return (name not in ranked, name not in DRAWN, metric is None or not metric.compared, name)

    kept, total = [], 0
    for name in sorted(counts.index, key=rank):
        total += int(counts[name])
        if total <= most:
            kept.append(name)
    return (table if len(kept) == len(counts) else table[table["metric"].isin(kept)],
            [name for name in counts.index if name not in kept])


def workload_payload(folder: Folder, workload: Workload) -> dict[str, Any]:
    return {
        "name": workload.name, "parameter": workload.parameter, "unit": workload.parameter_unit,
        "baseline": workload.baseline_variant, "ranked_by": folder.ranked_by[workload.name],
        "roles": sorted(workload.roles),
        "variants": [[variant.name, int(variant.uses_heap)] for variant in workload.variants],
    }


def cells_payload(table: pd.DataFrame) -> dict[str, Any]:
    names: dict[str, Any] = {}
    for column in ("workload", "variant", "allocator"):
        values = list(dict.fromkeys(table[column]))
        place = {name: at for at, name in enumerate(values)}
        names[column + "s"] = values
        names[column] = [place[name] for name in table[column]]
    return {**names, "value": digits(table["parameter_value"], 15),
            "threads": [int(t) for t in table["threads"]],
            "over": [int(o) for o in table["oversubscribed"]]}


def estimates_payload(rows: pd.DataFrame, cells: CellIndex, place_of: dict[str, int]) -> dict[str, Any]:
    return {"cell": cells.of(rows), "metric": [place_of[name] for name in rows["metric"]],
            "estimate": digits(rows["estimate"], 4), "lower": digits(rows["lower"], 4),
            "upper": digits(rows["upper"], 4), "samples": rows["samples"].tolist(),
            "planned": rows["planned"].tolist()}


def ratios_payload(rows: pd.DataFrame, cells: CellIndex, place_of: dict[str, int]) -> dict[str, Any]:
    def side(which: str) -> list[int]:
        return cells.of(rows, ["workload", f"{which}_variant", f"{which}_allocator",
                               "parameter_value", "threads"])

    place = {name: at for at, name in enumerate(VERDICTS)}
    return {"cell": side("candidate"), "baseline": side("baseline"),
            "metric": [place_of[name] for name in rows["metric"]],
            "of_variants": [int(name.startswith("variants")) for name in rows["family"]],
            "ratio": digits(rows["ratio"], 5), "lower": digits(rows["lower"], 5),
            "upper": digits(rows["upper"], 5), "confidence": digits(rows["confidence"], 5),
            "rounds": rows["rounds"].tolist(), "verdict": [place.get(v, -1) for v in rows["verdict"]],
            "needed": digits(rows["rounds_needed"], 6)}


def twins_payload(folder: Folder) -> dict[str, Any]:
    rows = twins_by_time(folder).sort_values("ratio")
    return {"name": [f"{row.workload} {row.variant} {row.allocator}" for row in rows.itertuples()],
            "threads": rows["threads"].tolist(), "value": digits(rows["parameter_value"], 15),
            "ratio": digits(rows["ratio"], 5), "lower": digits(rows["lower"], 5),
            "upper": digits(rows["upper"], 5), "differs": [int(d) for d in rows["differs"]]}


def anchors_payload(folder: Folder) -> list[dict[str, Any]]:
    """The anchors' times in the order of execution, as multiples of their median; of many, bins of
    equal numbers with their lowest and highest."""
    samples = folder.samples
    found = []
    anchors = samples[(samples["kind"] == "anchor") & samples["ns_per_op"].notna()]
    for name, rows in anchors.groupby("workload", observed=True, sort=True):
        relative = rows["ns_per_op"] / rows["ns_per_op"].median()
        per_bin = math.ceil(len(rows) / MOST_ANCHORS)
        bins = relative.groupby(np.arange(len(rows)) // per_bin)
        found.append({"name": str(name), "per_bin": per_bin,
                      "sample": rows["sample"].groupby(np.arange(len(rows)) // per_bin).min().tolist(),
                      "median": digits(bins.median(), 5), "low": digits(bins.min(), 5),
                      "high": digits(bins.max(), 5)})
    return found
