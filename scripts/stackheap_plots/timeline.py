"""timeline.csv: resident memory over time, of each cell the median over its rounds.

Rounds grow at their own pace and were read at their own instants, so they cannot be averaged row by
row: each is laid on one grid of times that counts from the mark they share.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from .load import Run, Workload
from .table import PlotError, refuse_spreadsheet

START, END = "start", "end"  # the phases before a workload's first mark and after its return
STEP_MS = 10.0
TIMELINE = {"sample": "int64", "elapsed_ms": "float64", "resident_bytes": "float64",
            "phase": "string"}
CELL = ["variant", "allocator", "threads", "parameter_value"]
SAMPLES = {"sample": "int64", "round": "int64", "kind": "string", "workload": "string",
           "variant": "string", "allocator": "string", "threads": "int64",
           "parameter_value": "float64"}


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


def read_columns(path: Path, columns: dict[str, str]) -> pd.DataFrame:
    text = {name: kind for name, kind in columns.items() if kind == "string"}
    try:
        refuse_spreadsheet(path, "restore it from a copy of the run")
        # Only an empty field is a gap: an allocator may be called "NA".
        table = pd.read_csv(path, usecols=list(columns), dtype=text, keep_default_na=False,
                            na_values={name: [""] for name in columns if name not in text})
        return table.astype(columns)
    except FileNotFoundError:
        raise PlotError(f"{path}: no such file, though the run has workloads with a timeline; "
                        "restore it from a copy of the run.") from None
    except (ValueError, UnicodeDecodeError, pd.errors.ParserError) as error:
        reason = " ".join(str(error).split())
        raise PlotError(f"{path}: {reason}; was it edited? Restore it from a copy of the "
                        "run.") from None


def courses_of(run: Run, workload: Workload, mark: str) -> list[Course]:
    """By variant, threads and parameter; time 0 is the first reading in phase `mark`, and what comes
    after that phase is left out. Where a workload has no such phase: all of it, from its start."""
    samples = read_columns(run.folder / "samples.csv", SAMPLES)
    samples = samples[(samples["workload"] == workload.name) & (samples["kind"] == "timed")]
    readings = read_columns(run.folder / "timeline.csv", TIMELINE)
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
    median = np.full(len(grid), np.nan)
    median[enough] = np.nanmedian(values[:, enough], axis=0)
    variant, allocator, threads, value = key
    return Course(str(variant), str(allocator), int(threads), float(value), len(rounds),
                  grid / 1000, median)
