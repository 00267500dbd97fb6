"""scaling-<workload>: throughput over threads, one line per allocator.

Points with more threads than CPUs are hollow and hang on a dotted line: they say how an allocator
copes, not how it scales. Where scaling.csv has a fitted law, a thin line shows it.
"""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from .axis import dodge, intervals, log_values, position_axis, positions
from .cells import (Planned, at_parameter, no_heap_variants, pages_of, parameter_text,
                    parameter_values, present, slug, subtitle)
from .load import NO_ALLOCATOR, Run, Workload
from .page import Page, interval_note, leave_note, note_page, panel_title, sample_notes
from .scaling_law import Laws, read_laws, read_scaling
from .sheet import sheet
from .style import GREY, PALE, Look, axis_title, looks, no_heap_look

NAME = "scaling"
ROLE = "scaling"
METRICS = ("ops_per_second", "ns_per_op")  # the first that the workload has
LAW_OF = "ops_per_second"  # what the law is fitted to
LAW_WIDTH = 0.8
PANEL = (3.5, 2.6)

Series = tuple[str, pd.DataFrame, Look]


def plan(run: Run) -> list[Planned]:
    if run.with_role(ROLE):
        read_scaling(run)
    return [
        Planned(f"{NAME}-{slug(workload.name)}{suffix}",
                lambda workload=workload, variant=variant: draw(run, workload, variant))
        for workload in run.with_role(ROLE)
        for suffix, variant in pages_of(run, workload, *METRICS)
    ]


def draw(run: Run, workload: Workload, variant: str) -> list[Figure]:
    title = f"{workload.name} over threads" + (f" · {variant}" if variant else "")
    every = run.values(workload, *METRICS)
    metric = next((name for name in METRICS if name in set(every["metric"])), None)
    if metric is None:
        return note_page(run, title, subtitle(workload),
                         f"No cell has a value of {' or '.join(METRICS)}.")
    rows = every[every["metric"] == metric]
    bare = rows[rows["allocator"] == NO_ALLOCATOR]
    heap = rows[(rows["variant"] == variant) & (rows["allocator"] != NO_ALLOCATOR)]
    allocators = present(run.allocators, heap["allocator"])
    look_of = looks(run.allocators)
    series: list[Series] = [(name, heap[heap["allocator"] == name], look_of[name])
                            for name in allocators]
    series += [(f"{name} (no heap)", bare[bare["variant"] == name], no_heap_look(place))
               for place, name in enumerate(no_heap_variants(workload, bare))]
    drawn = pd.concat([heap, bare])
    values = parameter_values(heap if variant else bare)

    legend = [(Line2D([], [], color=look.colour, marker=look.marker, linestyle=look.line,
                      markersize=sheet().mark, linewidth=sheet().line), name)
              for name, _, look in series]
    if drawn["oversubscribed"].any():
        legend.append((Patch(facecolor="#F1F1F1", edgecolor=PALE), "more threads than CPUs"))
    laws = read_laws(run, drawn) if metric == LAW_OF else Laws()
    if laws.of_cell:
        legend.append((Line2D([], [], color=GREY, linewidth=LAW_WIDTH), "fitted law"))
    unit = drawn["unit"].iloc[0]
    page = Page(run, title, subtitle(workload), len(values), 3, PANEL, legend=legend,
                notes=[interval_note(drawn), *laws.notes(workload), *sample_notes(drawn)])
    for axes, value in zip(page.axes, values):
        panel = [(at_parameter(part, value).sort_values("threads"), look)
                 for _, part, look in series]
        draw_panel(axes, [(part, look) for part, look in panel if not part.empty], unit, laws)
        if axes.axison:
            axes.set_ylabel(axis_title(metric, unit))
        panel_title(axes, parameter_text(workload, value))
    return page.figures


def draw_panel(axes: Axes, series: list[tuple[pd.DataFrame, Look]], unit: str, laws: Laws) -> None:
    if not series:
        leave_note(axes, "No values here.")
        return
    rows = pd.concat([part for part, _ in series])
    size = sheet()
    where = positions(list(rows["threads"]))
    room = 0.5 if len(where) == 1 else 0.1
    for place, (part, look) in enumerate(series):
        x = part["threads"].map(where) + dodge(place, len(series), room)
        y = part["estimate"]
        over = part["oversubscribed"].astype(bool)
        axes.plot(x[~over], y[~over], color=look.colour, marker=look.marker, linewidth=size.line,
                  linestyle="none" if (law := laws.curve(part)) else look.line,
                  markersize=size.mark, zorder=4)
        if law:
            axes.plot([math.log2(n) for n in law[0]], law[1], color=look.colour,
                      linestyle=look.line, linewidth=LAW_WIDTH, zorder=3, label="_law")
        if over.any():
            tail = over | (x == x[~over].max())
            axes.plot(x[tail], y[tail], color=look.colour, linestyle=":", linewidth=0.8 * size.line, zorder=2,
                      label="_tail")
            axes.plot(x[over], y[over], color=look.colour, marker=look.marker, linestyle="none",
                      markerfacecolor="white", markersize=size.mark, zorder=4, label="_oversubscribed")
        intervals(axes, x.to_list(), part["lower"].to_list(), part["upper"].to_list(), look)
    log_values(axes, "y", [*rows["estimate"], *rows["lower"], *rows["upper"]], unit)
    position_axis(axes, where, "")
    alone = ": one only, nothing to scale over" if len(where) == 1 else ""
    axes.set_xlabel(f"threads (count){alone}")
    shade(axes, rows, where)


def shade(axes: Axes, rows: pd.DataFrame, where: dict[float, float]) -> None:
    """Greys the part of the axis where there are more threads than CPUs."""
    over = rows.loc[rows["oversubscribed"].astype(bool), "threads"]
    if over.empty:
        return
    fits = rows.loc[~rows["oversubscribed"].astype(bool), "threads"]
    low, high = axes.get_xlim()
    start = (where[fits.max()] + where[over.min()]) / 2 if not fits.empty else low
    axes.axvspan(start, high, color="#F1F1F1", zorder=0)
    axes.set_xlim(low, high)
