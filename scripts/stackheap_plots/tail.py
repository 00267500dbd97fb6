"""latency.csv: of each cell the time of a single operation by quantile, the median over its rounds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from .journal import CELL, read_journal, timed_samples
from .load import Run, Workload
from .table import Converter, count, number, text

HISTOGRAMS: dict[str, Converter] = {"sample": count, "operation": text, "lower_ns": number,
                                    "upper_ns": number, "count": count}
WANTED_BY = "workloads that time single operations"
EVERY = ""  # all kinds of operation together
# As the worker: of fewer operations a quantile says nothing.
FEWEST_BEYOND = 100
PER_NINE = 25  # points of a line on each further nine


@dataclass(frozen=True)
class Tail:
    """A cell's times at rising quantiles, as far as half of its rounds reach."""

    variant: str
    allocator: str
    threads: int
    parameter_value: float  # NaN: the workload has none
    operation: str
    rounds: int
    nines: np.ndarray  # -log10(1 - q)
    nanoseconds: np.ndarray


def tails_of(run: Run, workload: Workload) -> list[Tail]:
    """All kinds together first, then each kind, as the file names them."""
    samples = timed_samples(run, workload.name, WANTED_BY)
    rows = read_journal(run, "latency.csv", HISTOGRAMS, WANTED_BY).merge(samples, on="sample")
    kinds = list(dict.fromkeys(rows["operation"]))
    tails = []
    for kind in (EVERY, *kinds):
        of_kind = rows if kind == EVERY else rows[rows["operation"] == kind]
        for cell, histograms in of_kind.groupby(CELL, dropna=False, sort=True):
            if (found := tail(cell, kind, histograms)) is not None:
                tails.append(found)
    return tails


def tail(cell: tuple[str, str, int, float], kind: str, rows: pd.DataFrame) -> Tail | None:
    grid = np.arange(0, 9 * PER_NINE + 1) / PER_NINE
    rounds = np.array([times(one, grid) for _, one in rows.groupby("sample")])
    enough = 2 * np.isfinite(rounds).sum(axis=0) >= len(rounds)
    if not enough.any():
        return None
    variant, allocator, threads, value = cell
    return Tail(str(variant), str(allocator), int(threads), float(value), kind, len(rounds),
                grid[enough], np.nanmedian(rounds[:, enough], axis=0))


def times(histogram: pd.DataFrame, grid: np.ndarray) -> np.ndarray:
    """At each quantile the middle of the bucket in which it lies; NaN where too few are beyond."""
    buckets = histogram.sort_values("lower_ns", kind="stable")
    seen = buckets["count"].cumsum().to_numpy()
    middle = (buckets["lower_ns"] + buckets["upper_ns"]).to_numpy() / 2
    total = seen[-1]
    # As the worker counts: the smallest rank that reaches the share, at least the first.
    rank = np.maximum(1, np.ceil((1 - 10**-grid) * total * (1 - 4e-16)))
    found = middle[np.searchsorted(seen, rank)]
    found[total - rank < FEWEST_BEYOND] = np.nan
    return found
