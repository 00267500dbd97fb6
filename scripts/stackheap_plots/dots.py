"""Horizontal dots with intervals, one row per name: for costs that differ by orders of magnitude,
where a bar's length from zero says nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .axis import dodge, intervals, log_values
from .load import Run
from .page import Page, leave_note, literal, panel_title, room_above, text_width
from .style import Look


@dataclass(frozen=True)
class Dot:
    row: str
    estimate: float
    lower: float
    upper: float
    look: Look
    series: str = ""  # in the legend; dots of one row that differ in this stand above each other


Panel = tuple[str, str, str, Sequence[Dot]]  # title, axis title, unit, dots (may be empty)


def dot_panels(run: Run, title: str, subtitle: str, panels: Sequence[Panel], notes: Sequence[str],
               width: float = 3.3) -> Figure:
    """All panels share the rows, in the order in which they first appear."""
    rows = list(dict.fromkeys(dot.row for _, _, _, dots in panels for dot in dots))
    series = list(dict.fromkeys(dot.series for _, _, _, dots in panels for dot in dots))
    look_of = {dot.series: dot.look for _, _, _, dots in panels for dot in dots}
    legend = [(Line2D([], [], color=look_of[name].colour, marker=look_of[name].marker,
                      linestyle="none", markersize=5), name) for name in series if name]
    names = max((text_width(name, 8) for name in rows), default=1.0)
    step = max(0.24, 0.1 + 0.085 * len(series))
    page = Page(run, title, subtitle, len(panels), 2, (width, step * max(len(rows), 3)),
                left=names + 0.2, legend=legend, notes=notes,
                above=room_above((heading for heading, _, _, _ in panels), width))
    for axes, (heading, label, unit, dots) in zip(page.axes, panels):
        panel_title(axes, heading)
        if not dots:
            leave_note(axes, f"{heading}: no cell has a value.")
            axes.set_title("")
            continue
        draw_panel(axes, rows, series, dots)
        log_values(axes, "x", [value for dot in dots for value in (dot.estimate, dot.lower, dot.upper)],
                   unit, most=6)
        axes.set_xlabel(f"{label}, log scale")
    return page.figure


def draw_panel(axes: Axes, rows: list[str], series: list[str], dots: Sequence[Dot]) -> None:
    place_of = {name: place for place, name in enumerate(rows)}
    for dot in dots:
        y = place_of[dot.row] + dodge(series.index(dot.series), len(series), 0.8 * (1 - 1 / len(series)))
        intervals(axes, [y], [dot.lower], [dot.upper], dot.look, horizontal=True)
        axes.plot([dot.estimate], [y], color=dot.look.colour, marker=dot.look.marker,
                  linestyle="none", markersize=5, zorder=4)
    for place in range(0, len(rows), 2):
        axes.axhspan(place - 0.5, place + 0.5, color="#F6F6F6", zorder=0)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks(range(len(rows)), [literal(name) for name in rows])
    axes.tick_params(axis="y", length=0)
