"""Drawing what was planned, on all CPUs, and writing the files: all of them or none.

Each figure takes about a quarter of a second in three formats, and a standard run has more than a
hundred. Processes share nothing but the plan, which a fork hands over; threads would wait for each
other in matplotlib, which is not made for them.
"""

from __future__ import annotations

import io
import multiprocessing
import os
import shutil
import string
import tempfile
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Callable, Iterator, Sequence

from matplotlib.backends import _backend_pdf_ps
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
PNG = {"compress_level": 3}  # a tenth larger than the default, in half of the time

COMMON = string.ascii_letters + string.digits + string.punctuation + " ·×−–…σκµ"

# What a forked process inherits; a plan holds functions, which cannot be sent.
_work: tuple[Sequence[Planned], Sequence[str], Path] = ((), (), Path())


def draw_all(planned: Sequence[Planned], formats: Sequence[str], out: Path) -> list[Path]:
    """Drawn elsewhere and moved at the end: a damaged file shall not leave half a set."""
    global _work
    with tempfile.TemporaryDirectory(prefix="stackheap-figures-") as folder, fonts_cut_once():
        _work = (planned, formats, Path(folder))
        cpus = len(os.sched_getaffinity(0))
        if cpus == 1 or len(planned) < FEWEST_TO_SHARE:
            names = [draw_one(index) for index in range(len(planned))]
        else:
            with ProcessPoolExecutor(min(cpus, len(planned)),
                                     multiprocessing.get_context("fork")) as pool:
                names = list(pool.map(draw_one, range(len(planned))))
        return move([name for of_figure in names for name in of_figure], Path(folder), out)


@lru_cache(maxsize=16)
def font_subset(cut: Callable[[str, str], io.BytesIO], font: str, characters: str) -> bytes:
    return cut(font, characters).getvalue()


@contextmanager
def fonts_cut_once() -> Iterator[None]:
    """matplotlib cuts its fonts down to the characters of each PDF anew, which takes two thirds of the
    time to write one. With all of ASCII added to them most files ask for the same. Where another
    matplotlib has no such function nothing is changed."""
    cut = getattr(_backend_pdf_ps, "get_glyphs_subset", None)
    if cut is None:
        yield
        return

    def cached(font: str, characters: str) -> io.BytesIO:
        wanted = "".join(sorted({*characters, *COMMON}))
        return io.BytesIO(font_subset(cut, str(font), wanted))

    _backend_pdf_ps.get_glyphs_subset = cached
    try:
        yield
    finally:
        _backend_pdf_ps.get_glyphs_subset = cut


def draw_one(index: int) -> list[str]:
    """Names of the files of one planned figure."""
    planned, formats, folder = _work
    return [file for name, figure in planned[index].pages()
            for file in save(figure, name, formats, folder)]


def save(figure: Figure, name: str, formats: Sequence[str], folder: Path) -> list[str]:
    names = []
    for kind in formats:
        figure.savefig(folder / f"{name}.{kind}", metadata=METADATA[kind],
                       **({"pil_kwargs": PNG} if kind == "png" else {}))
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
