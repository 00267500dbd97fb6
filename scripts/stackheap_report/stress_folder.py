"""The folder of `stackheap stress`: stress.json, a row for each check-run, and what became of misuse."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from stackheap_plots.load import NO_ALLOCATOR, read_info
from stackheap_plots.table import (Converter, PlotError, count, cut_off_line, number, refuse_repeats,
                                   text)

from .folder import ResultsFolder
from .tables import read_small, remedy

CHECK_RUNS: dict[str, Converter] = {
    "check": text, "allocator": text, "threads": count, "seed": count, "operations": number,
    "verdict": text, "detail": text, "known": text, "deviations": text, "records": text,
    "peak_resident_bytes": number, "seconds": number, "budget_seconds": number, "pass": count,
    "command": text}
MISUSE: dict[str, Converter] = {
    "allocator": text, "misuse": text, "case": text, "outcome": text, "when": text, "how": text}
MISUSE_KEY = ["allocator", "misuse", "case"]
MISUSE_GROUP = "misuse/"
NONCONFORMING = "nonconforming"
KNOWN, NEW = f"{NONCONFORMING}, known", f"{NONCONFORMING}, new"


@dataclass
class StressFolder(ResultsFolder):
    """`check_runs` has `standing` besides: the verdict, and of a deviation whether it is known."""

    check_runs: pd.DataFrame
    misuse: pd.DataFrame
    lacks_misuse: bool  # such checks ran and the file was never written
    torn: bool  # its last row was cut off

    @property
    def checks(self) -> list[str]:
        return [str(name) for name in self.get("checks") or []]

    @property
    def allocators(self) -> list[str]:
        """Those that it asked for, and `none` where a check uses no heap."""
        names = [str(one.get("name")) for one in self.entries("allocators")]
        bare = (self.check_runs["allocator"] == NO_ALLOCATOR).any()
        return [*names, NO_ALLOCATOR] if bare and NO_ALLOCATOR not in names else names

    def unfinished(self) -> list[tuple[str, str]]:
        """Each check and allocator without a row of a full pass; the allocator is empty where no row
        says whether the check uses a heap."""
        full = self.check_runs[self.check_runs["pass"] > 0]
        done = set(zip(full["check"], full["allocator"]))
        bare = set(self.check_runs.loc[self.check_runs["allocator"] == NO_ALLOCATOR, "check"])
        seen = set(self.check_runs["check"])
        found = []
        for check in self.checks:
            wanted = [NO_ALLOCATOR] if check in bare else [
                name for name in self.allocators if name != NO_ALLOCATOR] if check in seen else [""]
            found += [(check, name) for name in wanted if (check, name) not in done]
        return found


def is_stress_folder(path: Path) -> bool:
    return not (path / "run.json").is_file() and any(
        (path / name).is_file() for name in ("stress.json", "stress.csv"))


def read_stress_folder(path: Path, name: str, address: str) -> StressFolder:
    for file in ("stress.json", "stress.csv"):
        if not (path / file).is_file():
            raise PlotError(f"{path / file}: no such file, though 'stackheap stress' begins with it; "
                            "restore it from a copy of the run.")
    info = read_info(path / "stress.json")
    for key in ("checks", "allocators"):
        if not isinstance(info.get(key), list):
            raise PlotError(f"{path / 'stress.json'}: no list '{key}'; restore it from a copy of the "
                            "run.")
    # No file says that the checks came to their end, so any last row may be torn.
    rows = read_small(path / "stress.csv", CHECK_RUNS, torn=True)
    # A column without a row has no type of its own.
    rows = rows.astype({key: "object" for key, convert in CHECK_RUNS.items() if convert is text})
    rows["standing"] = [standing_of(*pair) for pair in zip(rows["verdict"], rows["known"])]
    folder = StressFolder(path, name, address, info, rows, pd.DataFrame({key: [] for key in MISUSE}),
                          False, bool(cut_off_line(path / "stress.csv")))
    refuse_strangers(folder)
    add_misuse(folder)
    return folder


def standing_of(verdict: str, known: str) -> str:
    if verdict != NONCONFORMING:
        return verdict
    return NEW if known == "new" else KNOWN


def refuse_strangers(folder: StressFolder) -> None:
    """Rows of other checks or allocators than were asked for are of another run."""
    for column, names in (("check", folder.checks), ("allocator", folder.allocators)):
        strange = folder.check_runs[~folder.check_runs[column].isin(names)]
        if not strange.empty:
            row = strange.iloc[0]
            raise PlotError(f"{folder.path / 'stress.csv'}:{row['line']}: {column} '{row[column]}' is "
                            "not in stress.json; the files are of different runs.")


def add_misuse(folder: StressFolder) -> None:
    path = folder.path / "misuse.csv"
    rows = folder.check_runs
    recorded = rows[rows["check"].str.startswith(MISUSE_GROUP) & (rows["records"] != "")]
    if not path.is_file():
        folder.lacks_misuse = not recorded.empty
        return
    folder.misuse = read_small(path, MISUSE)
    refuse_repeats(folder.misuse, MISUSE_KEY, path, remedy(path))
    there = set(zip(recorded["check"], recorded["allocator"]))
    for row in folder.misuse.itertuples():
        if (MISUSE_GROUP + row.misuse, row.allocator) not in there:
            raise PlotError(f"{path}:{row.line}: {row.misuse} under {row.allocator} is not in stress.csv; "
                            "the files are of different runs.")
