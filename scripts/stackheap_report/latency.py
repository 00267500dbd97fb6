"""latency.csv for the figure: of each cell and kind of operation the share that took longer, by time.

The histograms of all rounds are added up: the curve shows all operations together and has no interval.
Intervals stand at the quantiles of summary.csv, which come from rounds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from stackheap_plots.table import Converter, count, number, text

from .folder import Folder
from .tables import read_chunks

COLUMNS: dict[str, Converter] = {"sample": count, "operation": text, "upper_ns": number,
                                 "count": count}
ROWS = 2_000_000  # at a time
POINTS = 90
# As for the quantiles of samples.csv: of fewer operations a share says nothing.
FEWEST_BEYOND = 100
EVERY = ""  # all kinds of operation together
KEY = ["cell", "operation", "upper_ns"]


def tails(folder: Folder, cell_of_sample: np.ndarray) -> list[dict[str, Any]]:
    path = folder.path / "latency.csv"
    if not path.is_file():
        return []
    sums: pd.DataFrame | None = None
    for chunk in read_chunks(path, COLUMNS, ROWS, torn=not folder.finished):
        chunk = chunk[chunk["sample"] < len(cell_of_sample)]
        chunk = chunk.assign(cell=cell_of_sample[chunk["sample"].to_numpy()])
        added = add_up(chunk[chunk["cell"] >= 0])
        sums = added if sums is None else add_up(pd.concat([sums, added]))
    if sums is None or sums.empty:
        return []
    every = sums.groupby(["cell", "upper_ns"], as_index=False)["count"].sum()
    every["operation"] = EVERY
    whole = pd.concat([every, sums]).sort_values(KEY)
    # Arrays, cut where the key changes: a group of pandas' for each of thousands of curves is slow.
    cell, operation = whole["cell"].to_numpy(), whole["operation"].to_numpy()
    times, counts = whole["upper_ns"].to_numpy(), whole["count"].to_numpy()
    begins = np.flatnonzero((cell[1:] != cell[:-1]) | (operation[1:] != operation[:-1])) + 1
    return [{"cell": int(cell[first]), "operation": str(operation[first]),
             **curve(times[first:end], counts[first:end])}
            for first, end in zip((0, *begins), (*begins, len(cell)))]


def add_up(rows: pd.DataFrame) -> pd.DataFrame:
    added = rows.groupby(KEY, as_index=False, observed=True)["count"].sum()
    return added.astype({"operation": "object"})


def curve(times: np.ndarray, counts: np.ndarray) -> dict[str, Any]:
    """`times`: upper bounds of the buckets, ascending."""
    total = int(counts.sum())
    longer = total - counts.cumsum()
    known = longer >= FEWEST_BEYOND
    share, times = longer[known] / total, times[known]
    # Evenly over the logarithm: the tail is what the figure is for.
    place = np.floor(-np.log10(share) / max(1e-9, -np.log10(share[-1])) * POINTS) if len(share) else share
    first = np.unique(place, return_index=True)[1]
    return {"operations": total, "longer": [float(f"{share[i]:.4g}") for i in first],
            "ns": [float(f"{times[i]:.5g}") for i in first]}
