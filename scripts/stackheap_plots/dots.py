"""Horizontal dots with intervals, one row per name: for costs that differ by orders of magnitude,
where a bar's length from zero says nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .axis import dodge, intervals, log_values
from .lettering import axis_names, literal
from .load import Run
from .page import Page, leave_note, panel_title
from .sheet import sheet
from .style import Look


@dataclass(frozen=True)
class Dot:
    row: str
    estimate: float
    lower: float
    upper: float
    look: Look
    series: str = ""  # in the legend; dots of one row that differ in this stand above each other
    remark: str = ""  # beside the dot


Panel = tuple[str, str, str, Sequence[Dot]]  # title, axis title, unit, dots (may be empty)


def dot_panels(run: Run, title: str, subtitle: str, panels: Sequence[Panel], notes: Sequence[str],
               width: float = 3.3) -> list[Figure]:
    """All panels share the rows, in the order in which they first appear."""
    rows = list(dict.fromkeys(dot.row for _, _, _, dots in panels for dot in dots))
    series = list(dict.fromkeys(dot.series for _, _, _, dots in panels for dot in dots))
    look_of = {dot.series: dot.look for _, _, _, dots in panels for dot in dots}
    legend = [(Line2D([], [], color=look_of[name].colour, marker=look_of[name].marker,
                      linestyle="none", markersize=sheet().mark), name) for name in series if name]
    called, names = axis_names(rows)
    step = max(0.24, 0.1 + 0.085 * len(series))
    page = Page(run, title, subtitle, len(panels), 2, (width, step * max(len(rows), 3)),
                names=names, legend=legend, notes=notes,
                titles=[heading for heading, _, _, _ in panels])
    for axes, (heading, label, unit, dots) in zip(page.axes, panels):
        panel_title(axes, heading)
        if not dots:
            leave_note(axes, f"{heading}: no cell has a value.")
            axes.set_title("", loc="left")
            continue
        draw_panel(axes, rows, called, series, dots)
        values = [value for dot in dots for value in (dot.estimate, dot.lower, dot.upper)]
        log_values(axes, "x", values, unit, most=4 if sheet().width else 6)
        # Beside long names an axis may be narrower than its title, which may reach below them.
        axes.set_xlabel(f"{label}, log scale", loc="right" if sheet().width else "center")
        write_remarks(axes, rows, series, dots)
    return page.figures


def place_of(dot: Dot, rows: list[str], series: list[str]) -> float:
    count = len(series)
    return rows.index(dot.row) + dodge(series.index(dot.series), count, 0.8 * (1 - 1 / count))


def draw_panel(axes: Axes, rows: list[str], called: dict[str, str], series: list[str],
               dots: Sequence[Dot]) -> None:
    for dot in (dot for dot in dots if dot.estimate > 0):
        y = place_of(dot, rows, series)
        intervals(axes, [y], [dot.lower], [dot.upper], dot.look, horizontal=True)
        axes.plot([dot.estimate], [y], color=dot.look.colour, marker=dot.look.marker,
                  linestyle="none", markersize=sheet().mark, zorder=4)
    for place in range(0, len(rows), 2):
        axes.axhspan(place - 0.5, place + 0.5, color="#F6F6F6", zorder=0)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks(range(len(rows)), [literal(called[name]) for name in rows])
    axes.tick_params(axis="y", length=0)


def write_remarks(axes: Axes, rows: list[str], series: list[str], dots: Sequence[Dot]) -> None:
    """On the side of the dot that has more room, once for dots of a row that say the same. A value
    of 0 has no place on a logarithmic axis, and is written at its edge."""
    low, high = axes.get_xlim()
    for name in dict.fromkeys(dot.row for dot in dots if dot.estimate <= 0):
        axes.annotate("0", (0, rows.index(name)), xycoords=("axes fraction", "data"),
                      xytext=(3, 0), textcoords="offset points", va="center", size=sheet().value,
                      color="#444444")
    written = set()
    for dot in (dot for dot in dots if dot.estimate > 0):
        if not dot.remark or (dot.row, dot.remark) in written:
            continue
        same = [other for other in dots if other.estimate > 0
                and (other.row, other.remark) == (dot.row, dot.remark)]
        written.add((dot.row, dot.remark))
        first = min(other.estimate for other in same)
        last = max(other.estimate for other in same)
        right = high / last > first / low
        axes.annotate(literal(dot.remark), (last if right else first, rows.index(dot.row)),
                      xytext=(6 if right else -6, 0), textcoords="offset points", va="center",
                      ha="left" if right else "right", size=sheet().value, color="#444444",
                      zorder=6)
