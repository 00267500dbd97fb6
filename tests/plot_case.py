"""What the tests of figures share: drawing a made-up run, and reading what is on its axes."""

from __future__ import annotations

import csv
import sys
import tempfile
import unittest
import warnings
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

SOURCE = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(SOURCE / "scripts"), str(SOURCE / "tests")]

from matplotlib.axes import Axes  # noqa: E402
from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: E402
from matplotlib.collections import LineCollection  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.lines import Line2D  # noqa: E402
from matplotlib.text import Text  # noqa: E402

from stackheap_plots.command import plan_figures  # noqa: E402
from stackheap_plots.load import load_run  # noqa: E402
from stackheap_plots.sheet import drawn_for  # noqa: E402
from synthetic_run import CONTENTION, Kind, Synthetic  # noqa: E402

SWAP = Kind("crowd/swap", ("scaling", "ratio", "contention"), metrics=CONTENTION)


def marked(axes: Axes) -> list[Line2D]:
    """What carries marks of series, without the helpers of the drawing."""
    return [line for line in axes.get_lines()
            if line.get_marker() not in ("None", None, "", " ")
            and line.get_label() not in ("_tail", "_oversubscribed")]


def labelled(axes: Axes, label: str) -> list[Line2D]:
    return [line for line in axes.get_lines() if line.get_label() == label]


def segments(axes: Axes) -> list[Any]:
    return [segment for collection in axes.collections if isinstance(collection, LineCollection)
            for segment in collection.get_segments()]


def rounded(values: Any) -> list[float]:
    return sorted(float(f"{value:.9g}") for value in values)


def ys(lines: list[Line2D]) -> list[float]:
    return rounded(value for line in lines for value in line.get_ydata())


def xs(lines: list[Line2D]) -> list[float]:
    return rounded(value for line in lines for value in line.get_xdata())


def words(figure: Figure) -> str:
    """All running text, unwrapped."""
    return " ".join(" ".join(text.get_text() for text in figure.findobj(Text)).split())


def drawn_texts(figure: Figure) -> list[Text]:
    """All but empty ones and the labels of ticks outside an axis's limits."""
    found = [*figure.texts, *(text for legend in figure.legends for text in legend.get_texts())]
    for axes in figure.axes:
        found += axes.texts
        found += axes.get_legend().get_texts() if axes.get_legend() else []
        if not axes.axison:
            continue
        found += [axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label]
        for one in (axes.xaxis, axes.yaxis):
            low, high = sorted(one.get_view_interval())
            found += [label for place, label in zip(one.get_majorticklocs(), one.get_majorticklabels())
                      if low <= place <= high]
    return [text for text in found if text.get_visible() and text.get_text().strip()]


def assert_text_fits(case: unittest.TestCase, drawn: dict[str, Figure]) -> None:
    for name, figure in drawn.items():
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        for text in drawn_texts(figure):
            box = text.get_window_extent(canvas.get_renderer())
            where = f"{name}: {text.get_text()!r}"
            case.assertGreaterEqual(box.x0, -1, where)
            case.assertLessEqual(box.x1, figure.bbox.width + 1, where)
            case.assertGreaterEqual(box.y0, -1, where)
            case.assertLessEqual(box.y1, figure.bbox.height + 1, where)


class PlotCase(unittest.TestCase):
    seen: dict[tuple[str, str, str], dict[str, Figure]] = {}  # by all tests of the process

    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory(prefix="stackheap-")
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name) / "run"
        self.written = ""  # what is in it, if write() made it

    def write(self, kinds: list[Kind], **options: Any) -> None:
        Synthetic(self.folder, kinds=kinds, **options).write()
        self.written = repr((kinds, sorted(options.items())))

    def figures(self, kinds: list[Kind], **options: Any) -> dict[str, Figure]:
        """All figures of a made-up run; a warning of pandas or matplotlib is a failure."""
        self.write(kinds, **options)
        return self.drawn()

    def drawn(self, style: str = "screen", compared_with: str = "") -> dict[str, Figure]:
        """All figures of the run that was written, pages by their names. Drawn once: tests look."""
        known = (self.written, style, compared_with)
        if self.written and known in self.seen:
            return self.seen[known]
        with warnings.catch_warnings(), drawn_for(style):
            warnings.simplefilter("error")
            drawn = dict(page for one in plan_figures(load_run(self.folder, compared_with), [])
                         for page in one.pages())
            for figure in drawn.values():
                FigureCanvasAgg(figure).draw()
        if self.written:
            self.seen[known] = drawn
        return drawn

    def rows(self, name: str, **wanted: Any) -> list[dict[str, str]]:
        with (self.folder / name).open(newline="") as stream:
            found = [row for row in csv.DictReader(stream)
                     if all(row[key] == str(value) for key, value in wanted.items())]
        self.assertTrue(found)
        return found

    def column(self, name: str, column: str, **wanted: Any) -> list[float]:
        return rounded(float(row[column]) for row in self.rows(name, **wanted))
