"""timeline.csv: resident memory over time, of each cell the median over its rounds.

Rounds grow at their own pace and were read at their own instants, so they cannot be averaged row by
row: each is laid on one grid of times that counts from the mark they share.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from .journal import CELL, read_journal, timed_samples
from .load import Run, Workload
from .table import Converter, count, number, text

END = "end"  # the phase after a workload's return
STEP_MS = 10.0
TIMELINE: dict[str, Converter] = {"sample": count, "elapsed_ms": number, "resident_bytes": number,
                                  "phase": text}
WANTED_BY = "workloads with a timeline"


@dataclass(frozen=True)
class Course:
    """A cell's memory over time; NaN after the end of more than half of its rounds."""

    variant: str
    allocator: str
    threads: int
    parameter_value: float  # NaN: the workload has none
    rounds: int
    seconds: np.ndarray  # from the mark
    resident_bytes: np.ndarray
    least_bytes: np.ndarray  # of any round
    most_bytes: np.ndarray


def courses_of(run: Run, workload: Workload, mark: str) -> list[Course]:
    """By variant, threads and parameter; time 0 is the first reading in phase `mark`, and what comes
    after that phase is left out. Where a workload has no such phase: all of it, from its start."""
    samples = timed_samples(run, workload.name, WANTED_BY)
    readings = read_journal(run, "timeline.csv", TIMELINE, WANTED_BY)
    readings = readings[readings["phase"] != END].merge(samples, on="sample")
    return [course(key, rows, mark) for key, rows in readings.groupby(CELL, dropna=False, sort=True)]


def course(key: tuple[str, str, int, float], rows: pd.DataFrame, mark: str) -> Course:
    rounds = []
    for _, one in rows.groupby("sample"):
        marked = one.loc[one["phase"] == mark, "elapsed_ms"]
        origin = one["elapsed_ms"].min() if marked.empty else marked.min()
        if not marked.empty:
            one = one[one["elapsed_ms"] <= marked.max()]
        rounds.append(((one["elapsed_ms"] - origin).to_numpy(), one["resident_bytes"].to_numpy()))
    first = min(times[0] for times, _ in rounds)
    last = max(times[-1] for times, _ in rounds)
    grid = np.arange(np.floor(first / STEP_MS), np.ceil(last / STEP_MS) + 1) * STEP_MS
    # Before its first reading a process is as small as it was then.
    values = np.array([np.interp(grid, times, resident, right=np.nan)
                       for times, resident in rounds])
    enough = 2 * np.isfinite(values).sum(axis=0) >= len(rounds)
    median, least, most = np.full((3, len(grid)), np.nan)
    median[enough] = np.nanmedian(values[:, enough], axis=0)
    least[enough] = np.nanmin(values[:, enough], axis=0)
    most[enough] = np.nanmax(values[:, enough], axis=0)
    variant, allocator, threads, value = key
    return Course(str(variant), str(allocator), int(threads), float(value), len(rounds),
                  grid / 1000, median, least, most)
