"""resident-per-live-<workload>: resident bytes per live byte, a row for each value of the parameter,
a dot for each allocator."""

from __future__ import annotations

import math
from typing import Any

from matplotlib.figure import Figure

from .cells import Planned, parameter_text, slug, subtitle
from .dots import Dot, Panel, dot_panels
from .load import NO_ALLOCATOR, Run, Workload
from .page import interval_note, note_page, sample_notes
from .style import BLACK, axis_title, looks, no_heap_look, threads_text

NAME = "resident-per-live"
ROLE = "resident-per-live"
METRIC = "rss_per_live_byte"


def plan(run: Run) -> list[Planned]:
    return [Planned(f"{NAME}-{slug(workload.name)}", lambda workload=workload: draw(run, workload))
            for workload in run.with_role(ROLE)]


def draw(run: Run, workload: Workload) -> list[Figure]:
    title = f"{workload.name}: resident bytes per live byte"
    rows = run.values(workload, METRIC)
    if rows.empty:
        return note_page(run, title, subtitle(workload), f"No cell has a value of {METRIC}: it needs "
                         "4 MiB live.")
    look_of = {**looks(run.allocators), NO_ALLOCATOR: no_heap_look(0)}
    order = {name: place for place, name in enumerate(look_of)}
    variants = rows["variant"].nunique() > 1
    rows = rows.assign(
        place=rows["allocator"].map(order),
        declared=[workload.variant_order(name) for name in rows["variant"]],
    ).sort_values(["parameter_value", "declared", "place"], kind="stable")
    panels: list[Panel] = []
    for threads in sorted(rows["threads"].unique()):
        part = rows[rows["threads"] == threads]
        over = " (more than CPUs)" if part["oversubscribed"].any() else ""
        dots = [Dot(row_name(workload, row, variants), row.estimate, row.lower, row.upper,
                    look_of[row.allocator], row.allocator) for row in part.itertuples()]
        panels.append((f"{threads_text(threads)}{over}", axis_title(METRIC, "1"), "1", dots))
    figures = dot_panels(run, title, subtitle(workload, "1 is perfect."), panels,
                         [interval_note(rows), *sample_notes(rows)], width=4.6)
    for axes in (axes for figure in figures for axes in figure.axes):
        axes.axvline(1, color=BLACK, linewidth=0.9, zorder=1)
    return figures


def row_name(workload: Workload, row: Any, variants: bool) -> str:
    """Of what differs between rows: the parameter, the variant; else the workload itself."""
    parts = [row.variant if variants else "",
             "" if math.isnan(row.parameter_value) else parameter_text(workload, row.parameter_value)]
    return " · ".join(part for part in parts if part) or workload.name
