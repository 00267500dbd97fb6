"""A figure's frame: title, panels, legend, notes and the footer that says where the numbers are from.

Everything is placed in inches from measured text. matplotlib's automatic layouts know nothing of a
legend or a footer outside the axes, and cut off a name of sixty characters.
"""

from __future__ import annotations

import math
from typing import Any, Iterable, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .lettering import line_height, literal, put, shorten, text_width, wrap
from .load import Run
from .origin import Origin, origin_of
from .sheet import sheet
from .style import GREY

TITLE_LEADING = 1.31  # a title line's height, in the size of its text
MINIMUM_WIDTH = 6.4
PAGE = " · page {} of {}"
ALARM = "#A50F15"


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


def legend_line() -> float:
    return 1.71 * sheet().legend / 72


def panel_width(wanted: float, left: float, right: float) -> float:
    """What a panel gets: on a sheet of a fixed width all that its margins leave."""
    size = sheet()
    return size.width - size.edge - left - right if size.width else wanted


class Frame:
    """All texts around the panels, wrapped to the figure's width, and the room they take."""

    def __init__(self, origin: Origin, title: str, subtitle: str, notes: Sequence[str],
                 legend: Sequence[tuple[Any, str]], width: float) -> None:
        size = sheet()
        room = width - 2 * size.edge
        self.width = width
        self.titles = wrap(title, room, size.title, bold=True)
        self.alarms = wrap(origin.alarm, room, size.subtitle, bold=True)
        self.subtitles = wrap(subtitle, room, size.subtitle)
        self.notes = [line for note in notes for line in wrap(note, room, size.note)]
        self.footer = wrap(origin.footer, room, size.footer)
        handle = 0.075 * size.legend
        self.legend = [(key, shorten(label, room - handle, size.legend)) for key, label in legend]
        entry = max((text_width(label, size.legend) for _, label in self.legend), default=0)
        fit = max(1, min(len(legend), int(room / (entry + handle))))
        # As few rows as fit, and then as few columns: the last ones are not left half empty.
        self.columns = max(1, math.ceil(len(legend) / max(1, math.ceil(len(legend) / fit))))

    @property
    def head(self) -> float:
        size = sheet()
        return (size.edge + TITLE_LEADING * size.title / 72 * len(self.titles)
                + line_height(size.subtitle) * (len(self.alarms) + len(self.subtitles))
                + 0.1 * size.room)

    @property
    def footer_top(self) -> float:
        """From the figure's lower edge up, like the next two."""
        return sheet().edge * 0.6 + line_height(sheet().footer) * len(self.footer)

    @property
    def notes_top(self) -> float:
        notes = line_height(sheet().note) * len(self.notes)
        return self.footer_top + (notes + 0.05 if self.notes else 0.0)

    @property
    def foot(self) -> float:
        rows = math.ceil(len(self.legend) / self.columns)
        return self.notes_top + (legend_line() * rows + 0.16 if rows else 0.0) + 0.08

    def draw(self, figure: Figure) -> None:
        size = sheet()
        height = figure.get_size_inches()[1]
        top = height - size.edge
        put(figure, size.edge, top, self.titles, size=size.title, weight="bold")
        top -= TITLE_LEADING * size.title / 72 * len(self.titles)
        put(figure, size.edge, top, self.alarms, size=size.subtitle, weight="bold", color=ALARM)
        top -= line_height(size.subtitle) * len(self.alarms)
        put(figure, size.edge, top, self.subtitles, size=size.subtitle, color="#333333")
        put(figure, size.edge, self.footer_top, self.footer, size=size.footer, color=GREY)
        put(figure, size.edge, self.notes_top, self.notes, size=size.note)
        if self.legend:
            figure.legend(
                [handle for handle, _ in self.legend],
                [literal(label) for _, label in self.legend],
                loc="lower left",
                bbox_to_anchor=(size.edge / self.width, (self.notes_top + 0.1) / height),
                ncol=self.columns,
                fontsize=size.legend,
                borderpad=0,
                borderaxespad=0,
                handlelength=2.6,
                handletextpad=0.6,
                columnspacing=1.2,
                labelspacing=0.45,
            )


class Page:
    """A grid of panels, on as many figures as a sheet's height asks for; `axes` holds all panels row
    by row. Sizes are the screen's: a sheet of a fixed width makes panels as wide as it can and
    scales what else there is."""

    def __init__(
        self,
        run: Run | Origin,
        title: str,
        subtitle: str,
        panels: int,
        columns: int,
        panel: tuple[float, float],  # width and height of a panel's axes, inches
        left: float = 0.75,  # room for tick labels and axis title
        right: float = 0.25,
        below: float = 0.55,
        above: float = 0.3,  # room for a panel's title
        titles: Sequence[str] = (),  # of the panels, instead of `above`
        names: float | None = None,  # inches that names on the axis take, instead of `left`
        legend: Sequence[tuple[Any, str]] = (),
        notes: Sequence[str] = (),
        most: int = 0,  # panels on a figure; 0: as many as fit
    ) -> None:
        size = sheet()
        left = left * size.room if names is None else names + 0.2 * size.room
        right = min(right, 0.12) if size.width and right < 0.3 else right
        below *= size.room
        columns = 1 if size.width else max(1, min(columns, panels))
        wide = panel_width(panel[0], left, right)
        width = size.width or size.edge + columns * (left + wide + right)
        if width < MINIMUM_WIDTH and not size.width:
            wide += (MINIMUM_WIDTH - width) / columns
            width = MINIMUM_WIDTH
        tall = panel[1] * size.room
        above = room_above(titles, wide) if titles else above * size.room
        step = above + tall + below

        def framed(title: str) -> tuple[Frame, int]:
            """With how many panels fit on a figure beside it."""
            frame = Frame(origin_of(run), title, subtitle, notes, legend, width)
            room = size.height - frame.head - frame.foot
            rows = panels if math.isinf(room) else max(1, int(room / step))
            return frame, max(1, min(rows * columns, most or panels))

        frame, share = framed(title)
        if panels > share:
            _, share = framed(title + PAGE.format(1, panels))  # which may take a line more
        self.figures: list[Figure] = []
        self.axes: list[Axes] = []
        pages = max(1, math.ceil(panels / share))
        for page in range(pages):
            if pages > 1:
                frame, _ = framed(title + PAGE.format(page + 1, pages))
            here = min(share, panels - page * share)
            height = frame.head + max(1, math.ceil(here / columns)) * step + frame.foot
            figure = Figure(figsize=(width, height))
            for index in range(here):
                row, column = divmod(index, columns)
                x = size.edge + left + column * (left + wide + right)
                y = height - frame.head - above - tall - row * step
                self.axes.append(
                    figure.add_axes([x / width, y / height, wide / width, tall / height]))
            frame.draw(figure)
            self.figures.append(figure)


def title_lines(text: str, width: float) -> list[str]:
    return [line for part in text.split("\n") for line in wrap(part, width, sheet().panel)]


def room_above(titles: Iterable[str], width: float) -> float:
    """Inches that the tallest of the panels' titles needs above a panel of that width."""
    lines = max((len(title_lines(title, width)) for title in titles), default=1)
    return 0.16 * sheet().room + 1.12 * sheet().panel / 72 * lines


def width_of(axes: Axes) -> float:
    return float(axes.get_position().width * axes.figure.get_size_inches()[0])


def panel_title(axes: Axes, text: str) -> None:
    axes.set_title(literal("\n".join(title_lines(text, width_of(axes)))), loc="left",
                   pad=5 * sheet().room)


def leave_note(axes: Axes, text: str) -> None:
    """Says why a panel shows nothing, in place of an empty axis."""
    axes.set_axis_off()
    size = sheet().panel
    axes.text(0.5, 0.5, literal("\n".join(wrap(text, width_of(axes) * 0.9, size))), ha="center",
              va="center", size=size, color=GREY, transform=axes.transAxes)


def note_page(run: Run, title: str, subtitle: str, note: str) -> list[Figure]:
    page = Page(run, title, subtitle, 1, 1, (5.5, 1.2), left=0.2, below=0.1, above=0.1)
    leave_note(page.axes[0], note)
    return page.figures
