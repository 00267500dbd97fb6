"""samples.csv and the files beside it, as figures read them: only some columns, once for all
figures."""

from __future__ import annotations

import pandas as pd

from .load import Run
from .table import Converter, PlotError, count, number, read_columns, text

REMEDY = "restore it from a copy of the run"
SAMPLES: dict[str, Converter] = {
    "sample": count, "kind": text, "workload": text, "variant": text, "allocator": text,
    "threads": count, "parameter_value": number,
}
CELL = ["variant", "allocator", "threads", "parameter_value"]


def read_journal(run: Run, name: str, columns: dict[str, Converter], wanted_by: str) -> pd.DataFrame:
    """`wanted_by`: what of the run needs the file, should it be missing."""
    key = f"{name}: {', '.join(columns)}"
    if key not in run.cache:
        path = run.folder / name
        try:
            run.cache[key] = read_columns(path, columns, REMEDY, torn=run.partial)
        except FileNotFoundError:
            raise PlotError(f"{path}: no such file, though the run has {wanted_by}; "
                            f"{REMEDY}.") from None
    table: pd.DataFrame = run.cache[key]
    return table


def timed_samples(run: Run, workload: str, wanted_by: str) -> pd.DataFrame:
    samples = read_journal(run, "samples.csv", SAMPLES, wanted_by)
    return samples[(samples["workload"] == workload) & (samples["kind"] == "timed")]
