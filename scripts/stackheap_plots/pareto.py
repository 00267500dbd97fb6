"""pareto: time against memory. The first panel takes the geometric mean over cells, since ratios
multiply; it has no interval and claims nothing. The cells it is made of follow, with theirs.
"""

from __future__ import annotations

import math
from typing import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .axis import intervals, ratio_axis
from .cells import Planned, joined, parameter_text
from .load import Run
from .page import Page, note_page, panel_title
from .pairs import allocator_pairs, baseline_notes
from .sheet import sheet
from .style import GREY, METRIC_TITLES, Look, looks, threads_text

NAME = "pareto"
ROLE = "pareto"
TIME = "ns_per_op"
MEMORY = "peak_rss_bytes"
PANEL = (2.9, 2.6)
PANELS_PER_PAGE = 9
CELL = ["block", "workload", "parameter_value", "candidate_variant", "threads"]


def pairs_of(run: Run) -> pd.DataFrame:
    """One row per cell and allocator, with both ratios and their bounds."""
    keep = [*CELL, "candidate_allocator", "ratio", "lower", "upper"]
    pairs = [
        table[(table["baseline_allocator"] == run.baseline)
              & (table["candidate_variant"]
                 == table["workload"].map(lambda name: run.workloads[name].baseline_variant))][keep]
        for table in (allocator_pairs(run, ROLE, TIME), allocator_pairs(run, ROLE, MEMORY))
    ]
    return pairs[0].merge(pairs[1], on=[*CELL, "candidate_allocator"], suffixes=("_time", "_memory"))


def plan(run: Run) -> list[Planned]:
    if not run.with_role(ROLE):
        return []
    pairs = pairs_of(run)
    if pairs.empty:
        return [Planned(NAME, lambda: nothing(run))]
    cells = [rows for _, rows in pairs.groupby(CELL, sort=False, dropna=False)]
    return [Planned(NAME, lambda: draw(run, cells))]


def nothing(run: Run) -> list[Figure]:
    return note_page(run, "Time against memory", "",
                     f"comparisons.csv has no allocator with ratios to {run.baseline} of both "
                     f"{TIME} and {MEMORY}. {' '.join(baseline_notes(run))}")


def geometric_means(run: Run, cells: Sequence[pd.DataFrame]) -> tuple[pd.DataFrame, list[str]]:
    """Means over all cells; an allocator that lacks some of them has none, and is named."""
    every = pd.concat(cells)
    means, partial = [], []
    for name in run.others:
        rows = every[every["candidate_allocator"] == name]
        if len(rows) == len(cells):
            means.append((name, *(math.exp(sum(map(math.log, rows[column])) / len(rows))
                                  for column in ("ratio_time", "ratio_memory"))))
        elif len(rows):
            partial.append(f"{name} ({len(rows)})")
    notes = [f"Not in the mean, having less than its {len(cells)} cells: {', '.join(partial)}."]
    table = pd.DataFrame(means, columns=["candidate_allocator", "ratio_time", "ratio_memory"])
    for column in ("lower_time", "upper_time", "lower_memory", "upper_memory"):
        table[column] = math.nan
    return table, notes if partial else []


def draw(run: Run, cells: Sequence[pd.DataFrame]) -> list[Figure]:
    panels: list[pd.DataFrame | None] = [None, *cells] if len(cells) > 1 else [*cells]
    look_of = looks(run.allocators)
    means, notes = geometric_means(run, cells)
    mark = 1.2 * sheet().mark
    shown = pd.concat([means if rows is None else rows for rows in panels])
    there = set(shown["candidate_allocator"])
    legend = [(Line2D([], [], color=look_of[name].colour, marker=look_of[name].marker, markersize=mark,
                      linestyle="none"), name if name != run.baseline else f"{name} (baseline)")
              for name in run.allocators if name in there or name == run.baseline]
    legend.append((Line2D([], [], color=GREY, linestyle=(0, (3, 2)), linewidth=1),
                   "front"))
    titles = [f"Geometric mean of {len(cells)} cells" if rows is None else heading(run, rows)
              for rows in panels]
    bounded = shown[["lower_time", "lower_memory"]].notna().any(axis=None)
    lines = ("Lines: intervals of the ratios; the geometric mean has none and claims nothing."
             if bounded else "Rounds are too few for intervals: nothing is claimed.")
    page = Page(run, "Time against memory",
                f"Ratios to {run.baseline}, log scales: left is faster, down is smaller; nothing is "
                f"better in both than what is on the front. {lines}",
                len(panels), 3, PANEL, left=0.8, titles=titles, legend=legend,
                notes=[*notes, *baseline_notes(run)], most=PANELS_PER_PAGE)
    for axes, rows, title in zip(page.axes, panels, titles):
        draw_panel(axes, means if rows is None else rows, look_of, look_of[run.baseline])
        axes.set_xlabel(f"{METRIC_TITLES[TIME]} (ratio)")
        axes.set_ylabel(f"{METRIC_TITLES[MEMORY]} (ratio)")
        panel_title(axes, title)
    return page.figures


def heading(run: Run, rows: pd.DataFrame) -> str:
    first = rows.iloc[0]
    workload = run.workloads[first["workload"]]
    return f"{workload.name}\n" + joined(
        parameter_text(workload, first["parameter_value"]), threads_text(first["threads"]))


def draw_panel(axes: Axes, rows: pd.DataFrame, look_of: dict[str, Look], baseline: Look) -> None:
    mark = 1.2 * sheet().mark
    for row in rows.itertuples():
        look = look_of[row.candidate_allocator]
        intervals(axes, [row.ratio_memory], [row.lower_time], [row.upper_time], look,
                  horizontal=True)
        intervals(axes, [row.ratio_time], [row.lower_memory], [row.upper_memory], look)
        axes.plot([row.ratio_time], [row.ratio_memory], color=look.colour, marker=look.marker,
                  linestyle="none", markersize=mark, zorder=5)
    axes.plot([1], [1], color=baseline.colour, marker=baseline.marker, markersize=mark,
              linestyle="none", zorder=5)
    points = [(1.0, 1.0), *zip(rows["ratio_time"], rows["ratio_memory"])]
    steps = front(points)
    axes.plot([x for x, _ in steps], [y for _, y in steps], color=GREY, linestyle=(0, (3, 2)),
              linewidth=1, drawstyle="steps-post", zorder=2, label="_front")
    for which in ("time", "memory"):
        ratio_axis(axes, "x" if which == "time" else "y",
                   [*rows[f"ratio_{which}"], *rows[f"lower_{which}"], *rows[f"upper_{which}"]], 5)


def front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points that no other one beats in both, from the fastest on."""
    kept: list[tuple[float, float]] = []
    for x, y in sorted(points):
        if not kept or y < kept[-1][1]:
            kept.append((x, y))
    return kept
