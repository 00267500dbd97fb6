"""timeline.csv for the figure: of each cell the median over its rounds, with the lowest and the highest.

Rounds are read at instants of their own, so readings are laid into bins of time that count from the
moment when everything was freed. A run of a million samples has as many points here as a short one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from stackheap_plots.table import Converter, count, number, text

from .folder import Folder
from .tables import read_big

COLUMNS: dict[str, Converter] = {"sample": count, "elapsed_ms": number, "resident_bytes": number,
                                 "phase": text}
FREED = "freed"  # the phase that begins when nothing is live any more
END = "end"  # after the workload has returned
BINS = 160
# The driver reads about every 10 ms: each round has a reading in each bin.
NARROWEST_MS = 20


def timelines(folder: Folder, cell_of_sample: np.ndarray) -> list[dict[str, Any]]:
    """`cell_of_sample`: by number of the sample, -1 where it is not shown."""
    path = folder.path / "timeline.csv"
    if not path.is_file():
        return []
    readings = read_big(path, COLUMNS, torn=not folder.finished)
    readings = readings[(readings["phase"] != END)
                        & (readings["sample"] < len(cell_of_sample))].copy()
    readings["cell"] = cell_of_sample[readings["sample"].to_numpy()]
    readings = readings[readings["cell"] >= 0]
    if readings.empty:
        return []
    readings = from_the_mark(readings)
    return [course(int(cell), rows) for cell, rows in readings.groupby("cell", sort=True)]


def from_the_mark(readings: pd.DataFrame) -> pd.DataFrame:
    """Adds `ms`, counted from when everything was freed, where a sample has that moment; else from its
    start. What comes after the phase is left out."""
    in_phase = readings[readings["phase"] == FREED].groupby("sample")["elapsed_ms"]
    begins, ends = in_phase.min(), in_phase.max()
    start = readings.groupby("sample")["elapsed_ms"].transform("min")
    origin = readings["sample"].map(begins).fillna(start)
    last = readings["sample"].map(ends).fillna(np.inf)
    kept = readings["elapsed_ms"] <= last
    return readings.assign(ms=readings["elapsed_ms"] - origin)[kept]


def course(cell: int, rows: pd.DataFrame) -> dict[str, Any]:
    span = rows["ms"].max() - rows["ms"].min()
    step = max(NARROWEST_MS, 10 * int(np.ceil(span / BINS / 10)))
    rounds = rows["sample"].nunique()
    bins = rows["resident_bytes"].groupby(np.floor(rows["ms"] / step + 0.5).astype("int64"))
    table = bins.agg(["median", "min", "max", "count"])
    # Beyond the end of most rounds a median would be that of the few slow ones.
    table = table[2 * table["count"] >= rounds]
    return {
        "cell": cell,
        "rounds": rounds,
        "readings": len(rows),
        "step_ms": step,
        "seconds": [round(float(place) * step / 1000, 3) for place in table.index],
        "median": [int(v) for v in table["median"]],
        "low": [int(v) for v in table["min"]],
        "high": [int(v) for v in table["max"]],
        "marked": bool((rows["phase"] == FREED).any()),
    }
