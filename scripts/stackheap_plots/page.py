"""A figure's frame: title, panels, legend, notes and the footer that says where the numbers are from.

Everything is placed in inches from measured text. matplotlib's automatic layouts know nothing of a
legend or a footer outside the axes, and cut off a name of sixty characters.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, Iterable, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font

from .load import Run
from .style import GREY

EDGE = 0.18
SMALL = 7.5
LINE = 0.145  # height of a line of SMALL text, inches
LEGEND_LINE = 0.19
MINIMUM_WIDTH = 6.4


@lru_cache(maxsize=4096)
def text_width(text: str, size: float, bold: bool = False) -> float:
    """Inches that a line of text takes."""
    font = get_font(findfont(FontProperties(family="DejaVu Sans",
                                            weight="bold" if bold else "normal")))
    font.set_size(size, 72)
    font.set_text(text, 0.0)
    return float(font.get_width_height()[0]) / 64 / 72


def wrap(text: str, width: float, size: float, bold: bool = False) -> list[str]:
    """Lines no wider than that many inches; a word that is wider by itself is broken."""
    lines: list[str] = []
    current = ""
    for word in text.split():
        joined = f"{current} {word}".strip()
        if text_width(joined, size, bold) <= width:
            current = joined
            continue
        if current:
            lines.append(current)
        while text_width(word, size, bold) > width:
            fits = max(1, int(len(word) * width / text_width(word, size, bold)) - 1)
            lines.append(word[:fits])
            word = word[fits:]
        current = word
    return [*lines, current] if current else lines


def literal(text: str) -> str:
    """Text that matplotlib shall not read as a formula."""
    return text.replace("$", r"\$")


def put(figure: Figure, x: float, top: float, lines: Iterable[str], **how: Any) -> None:
    """Text whose upper left corner is at (x, top) inches from the figure's lower left corner."""
    width, height = figure.get_size_inches()
    figure.text(x / width, top / height, literal("\n".join(lines)), ha="left", va="top",
                linespacing=1.25, **how)


def machine_line(run: Run) -> str:
    """The footer; run.json is read with care, since what is captured differs between machines."""

    def environment(*path: str) -> str:
        node: Any = run.info.get("environment")
        for key in path:
            node = node.get(key) if isinstance(node, dict) else None
        return node if isinstance(node, str) else ""

    cpu = environment("cpu", "model") or environment("cpu") or "unknown CPU"
    kernel = environment("kernel", "release") or environment("kernel")
    rounds = run.info.get("rounds")
    profile = run.info.get("profile")
    return " · ".join(
        part
        for part in (
            "PARTIAL: this run was not finished" if run.partial else "",
            " ".join(cpu.split()),
            f"{run.cpus} CPU{'s' if run.cpus != 1 else ''}" if run.cpus else "",
            f"Linux {kernel}" if kernel else "",
            str(run.info.get("started", ""))[:10],
            f"profile {profile}" if profile else "",
            f"{rounds} round{'s' if rounds != 1 else ''}" if rounds else "",
            f"stackheap {run.info.get('stackheap_version', '')}".strip(),
        )
        if part
    )


def interval_note(rows: pd.DataFrame) -> str:
    """The note of figures that draw a cell's own median; too few rounds have no interval."""
    known = rows["lower"].notna() & rows["upper"].notna()
    if not known.any():
        return ("Points: one round, without an interval." if rows["samples"].max() == 1 else
                "Points: median over rounds, which are too few for an interval.")
    some = "" if known.all() else ", where there are rounds enough"
    return (f"Points: median over rounds, with its interval{some} (descriptive only; where it is "
            "not seen, it is smaller than the mark).")


def sample_notes(rows: pd.DataFrame) -> list[str]:
    """Cells that have fewer samples than planned: they are never dropped silently."""
    cells = rows.drop_duplicates(["block", "variant", "allocator", "threads"])
    short = cells[cells["samples"] < cells["planned"]]
    named = [
        f"{row.variant} {row.allocator}"
        f"{'' if math.isnan(row.parameter_value) else f' {row.parameter} {row.parameter_value:g}'}"
        f" at {row.threads}: {row.samples} of {row.planned}"
        for row in short.itertuples()
    ]
    if not named:
        return []
    more = f"; and {len(named) - 4} more" if len(named) > 4 else ""
    return [f"Fewer samples ended ok than were planned: {'; '.join(named[:4])}{more}."]


class Page:
    """A figure with a grid of panels; `axes` holds them row by row."""

    def __init__(
        self,
        run: Run,
        title: str,
        subtitle: str,
        panels: int,
        columns: int,
        panel: tuple[float, float],  # width and height of a panel's axes, inches
        left: float = 0.75,  # room for tick labels and axis title
        right: float = 0.25,
        below: float = 0.55,
        above: float = 0.3,  # room for a panel's title
        legend: Sequence[tuple[Any, str]] = (),
        notes: Sequence[str] = (),
    ) -> None:
        columns = max(1, min(columns, panels))
        rows = max(1, math.ceil(panels / columns))
        width = EDGE + columns * (left + panel[0] + right)
        if width < MINIMUM_WIDTH:
            panel = (panel[0] + (MINIMUM_WIDTH - width) / columns, panel[1])
            width = MINIMUM_WIDTH
        room = width - 2 * EDGE
        titles = wrap(title, room, 11.5, bold=True)
        subtitles = wrap(subtitle, room, SMALL + 0.5)
        noted = [line for note in notes for line in wrap(note, room, SMALL)]
        footer = wrap(machine_line(run), room, SMALL - 0.5)
        entry = max((text_width(label, 8) for _, label in legend), default=0) + 0.6
        legend_columns = max(1, min(len(legend), int(room / entry)))
        legend_rows = math.ceil(len(legend) / legend_columns)

        head = EDGE + 0.21 * len(titles) + 0.155 * len(subtitles) + 0.1
        foot = EDGE * 0.6 + LINE * len(footer)
        foot += 0.08 + LINE * len(noted) if noted else 0
        legend_bottom = foot + 0.1
        if legend:
            foot = legend_bottom + LEGEND_LINE * legend_rows + 0.06
        foot += 0.05
        height = head + rows * (above + panel[1] + below) + foot

        self.figure = Figure(figsize=(width, height))
        self.axes: list[Axes] = []
        for index in range(panels):
            row, column = divmod(index, columns)
            x = EDGE + left + column * (left + panel[0] + right)
            y = height - head - above - panel[1] - row * (above + panel[1] + below)
            self.axes.append(
                self.figure.add_axes([x / width, y / height, panel[0] / width, panel[1] / height])
            )
        put(self.figure, EDGE, height - EDGE, titles, size=11.5, weight="bold")
        put(self.figure, EDGE, height - EDGE - 0.21 * len(titles), subtitles, size=SMALL + 0.5,
            color="#333333")
        bottom = EDGE * 0.6 + LINE * len(footer)
        put(self.figure, EDGE, bottom, footer, size=SMALL - 0.5, color=GREY)
        if noted:
            put(self.figure, EDGE, bottom + 0.05 + LINE * len(noted), noted, size=SMALL)
        if legend:
            self.figure.legend(
                [handle for handle, _ in legend],
                [literal(label) for _, label in legend],
                loc="lower left",
                bbox_to_anchor=(EDGE / width, legend_bottom / height),
                ncol=legend_columns,
                fontsize=8,
                borderpad=0,
                borderaxespad=0,
                handlelength=2.6,
                handletextpad=0.6,
                columnspacing=1.2,
                labelspacing=0.45,
            )


def title_lines(text: str, width: float) -> list[str]:
    return [line for part in text.split("\n") for line in wrap(part, width, 9)]


def room_above(titles: Iterable[str], width: float) -> float:
    """Inches that the tallest of the panels' titles needs above a panel of that width."""
    return 0.16 + 0.14 * max((len(title_lines(title, width)) for title in titles), default=1)


def panel_title(axes: Axes, text: str) -> None:
    width = axes.get_position().width * axes.figure.get_size_inches()[0]
    axes.set_title(literal("\n".join(title_lines(text, width))), loc="left", pad=5)


def leave_note(axes: Axes, text: str) -> None:
    """Says why a panel shows nothing, in place of an empty axis."""
    axes.set_axis_off()
    width = axes.get_position().width * axes.figure.get_size_inches()[0]
    axes.text(0.5, 0.5, literal("\n".join(wrap(text, width * 0.9, 9))), ha="center", va="center",
              size=9, color=GREY, transform=axes.transAxes)


def note_page(run: Run, title: str, subtitle: str, note: str) -> Figure:
    page = Page(run, title, subtitle, 1, 1, (5.5, 1.2), left=0.2, below=0.1, above=0.1)
    leave_note(page.axes[0], note)
    return page.figure
