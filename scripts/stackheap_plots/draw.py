"""Drawing what was planned, on all CPUs, and writing the files: all of them or none.

Each figure takes about a quarter of a second in three formats, and a standard run has more than a
hundred. Processes share nothing but the plan, which a fork hands over; threads would wait for each
other in matplotlib, which is not made for them.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Sequence

from matplotlib.figure import Figure

from .cells import Planned
from .table import PlotError

FORMATS = ("svg", "png", "pdf")
# Without these a file would change with every drawing of the same run.
METADATA: dict[str, dict[str, Any]] = {
    "svg": {"Date": None},
    "png": {},
    "pdf": {"CreationDate": None},
}
FEWEST_TO_SHARE = 4

# What a forked process inherits; a plan holds functions, which cannot be sent.
_work: tuple[Sequence[Planned], Sequence[str], Path] = ((), (), Path())


def draw_all(planned: Sequence[Planned], formats: Sequence[str], out: Path) -> list[Path]:
    """Drawn elsewhere and moved at the end: a damaged file shall not leave half a set."""
    global _work
    with tempfile.TemporaryDirectory(prefix="stackheap-figures-") as folder:
        _work = (planned, formats, Path(folder))
        cpus = len(os.sched_getaffinity(0))
        if cpus == 1 or len(planned) < FEWEST_TO_SHARE:
            names = [draw_one(index) for index in range(len(planned))]
        else:
            with ProcessPoolExecutor(min(cpus, len(planned)),
                                     multiprocessing.get_context("fork")) as pool:
                names = list(pool.map(draw_one, range(len(planned))))
        return move([name for of_figure in names for name in of_figure], Path(folder), out)


def draw_one(index: int) -> list[str]:
    """Names of the files of one planned figure."""
    planned, formats, folder = _work
    return [file for name, figure in planned[index].pages()
            for file in save(figure, name, formats, folder)]


def save(figure: Figure, name: str, formats: Sequence[str], folder: Path) -> list[str]:
    names = []
    for kind in formats:
        figure.savefig(folder / f"{name}.{kind}", metadata=METADATA[kind])
        names.append(f"{name}.{kind}")
    return names


def move(names: Sequence[str], folder: Path, out: Path) -> list[Path]:
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name in names:
            shutil.move(folder / name, out / name)
    except OSError as error:
        raise PlotError(f"{error.filename or out}: {error.strerror}; choose another folder with "
                        "--out.") from None
    return [out / name for name in names]
