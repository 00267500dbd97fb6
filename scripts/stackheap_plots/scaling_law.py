"""The universal scalability law where scaling.csv has one: the curve beside a cell's points.

The file holds the law's shape, sigma and kappa, and not the throughput of one thread that was fitted
with them; so the curve is laid through the middle of the cell's points.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from .cells import parameter_text
from .load import NO_ALLOCATOR, Run, Workload
from .style import plain
from .table import Converter, count, number, read_table, text

COLUMNS: dict[str, Converter] = {
    "block": text, "variant": text, "allocator": text, "parameter_value": number, "threads": count,
    "sigma": number, "sigma_lower": number, "sigma_upper": number, "kappa": number,
    "kappa_lower": number, "kappa_upper": number, "not_fitted": text,
}
ALSO = ("suite", "workload", "parameter", "speedup", "speedup_lower", "speedup_upper",
        "efficiency", "efficiency_lower", "efficiency_upper", "samples", "peak_threads",
        "peak_threads_lower", "peak_threads_upper")
CELL = ["block", "variant", "allocator"]
POINTS = 60


@dataclass
class Laws:
    """`of_cell`: a row of scaling.csv for each cell that has a law."""

    of_cell: dict[tuple[str, str, str], pd.Series] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)  # why other cells have none

    def curve(self, rows: pd.DataFrame) -> tuple[list[float], list[float]] | None:
        """Threads and throughput of the law of one cell's rows, up to as many threads as CPUs."""
        law = self.of_cell.get(tuple(rows[CELL].iloc[0])) if not rows.empty else None
        rows = rows[~rows["oversubscribed"].astype(bool)]
        if law is None or rows.empty:
            return None
        threads = rows["threads"].to_numpy(float)
        through = float(np.median(rows["estimate"] / self.shape(law, threads)))
        drawn = np.geomspace(threads.min(), threads.max(), POINTS)
        return list(drawn), list(through * self.shape(law, drawn))

    @staticmethod
    def shape(law: pd.Series, n: np.ndarray) -> np.ndarray:
        """Gunther 2007; 1 at one thread."""
        return n / (1 + law["sigma"] * (n - 1) + law["kappa"] * n * (n - 1))

    def notes(self, workload: Workload) -> list[str]:
        if not self.of_cell:
            reasons = sorted(set(self.reasons))
            return [f"No scalability law is fitted: {'; '.join(reasons[:2])}."] if reasons else []
        told = []
        for (_, variant, allocator), law in self.of_cell.items():
            place = parameter_text(workload, law["parameter_value"])
            name = variant if allocator == NO_ALLOCATOR else allocator
            told.append(f"{name}{f' at {place}' if place else ''} {bounded(law, 'sigma')}, "
                        f"{bounded(law, 'kappa')}")
        return ["Thin line: universal scalability law N / (1 + σ(N − 1) + κN(N − 1)), fitted up to as "
                f"many threads as CPUs and laid through the points. σ (contention) and κ (coherence): "
                f"{'; '.join(told)}."]


def bounded(law: pd.Series, name: str) -> str:
    low, high = law[f"{name}_lower"], law[f"{name}_upper"]
    interval = "" if math.isnan(low) or math.isnan(high) else f" [{short(low)}, {short(high)}]"
    return short(law[name]) + interval


def short(value: float) -> str:
    return plain(value) if value == 0 or abs(value) >= 1e-4 else f"{value:.1e}"


def read_scaling(run: Run) -> pd.DataFrame:
    """A run made before there was a scaling.csv has no laws."""
    if "scaling" not in run.cache:
        path = run.folder / "scaling.csv"
        run.cache["scaling"] = (read_table(path, COLUMNS, ALSO, run.remarks) if path.is_file()
                                else pd.DataFrame(columns=[*COLUMNS]))
    table: pd.DataFrame = run.cache["scaling"]
    return table


def read_laws(run: Run, rows: pd.DataFrame) -> Laws:
    """Those of the cells of these rows."""
    table = read_scaling(run)
    if table.empty:
        return Laws()
    cells = set(zip(*(rows[name] for name in CELL)))
    table = table[[key in cells for key in zip(*(table[name] for name in CELL))]]
    laws = Laws(reasons=[reason for reason in table["not_fitted"] if reason])
    for key, of_cell in table[table["sigma"].notna()].groupby(CELL, sort=False):
        laws.of_cell[key] = of_cell.iloc[0]
    return laws
