"""stack-against-heap-<workload>: time by size, one line per way to obtain the memory.

The allocator is held fixed (the baseline's), so that the lines differ only in the workload's
variant. Solid lines take no heap memory, broken ones do.
"""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .axis import intervals, log_values, position_axis, positions
from .cells import (Planned, on_one_allocator, parameter_title, slug, subtitle, variants_in)
from .dots import Dot, dot_panels
from .load import NO_ALLOCATOR, Run, Workload
from .page import Page, interval_note, note_page, panel_title, sample_notes
from .sheet import sheet
from .style import Look, axis_title, looks, threads_text

NAME = "stack-against-heap"
ROLE = "stack-against-heap"
METRIC = "ns_per_op"
PANEL = (3.4, 3.0)
BROKEN = ((0, (5, 1.5)), (0, (2, 1)), (0, (6, 1.5, 1, 1.5)))


def plan(run: Run) -> list[Planned]:
    return [Planned(f"{NAME}-{slug(workload.name)}", lambda workload=workload: draw(run, workload))
            for workload in run.with_role(ROLE)]


def label_of(run: Run, variant: str, allocator: str) -> str:
    return variant if allocator in (NO_ALLOCATOR, run.baseline) else f"{variant} ({allocator})"


def variant_looks(workload: Workload, variants: list[str]) -> dict[str, Look]:
    """By the order of declaration, so that a workload's figures of several runs look alike."""
    every = [workload.baseline_variant,
             *(v.name for v in workload.variants if v.name != workload.baseline_variant)]
    every += [name for name in variants if name not in every]
    styled = {}
    for place, (name, look) in enumerate(looks(every).items()):
        line = BROKEN[place % len(BROKEN)] if workload.uses_heap(name) else "-"
        styled[name] = Look(look.colour, look.marker, line)
    return styled


def draw(run: Run, workload: Workload) -> list[Figure]:
    title = f"{workload.name}: where the memory comes from"
    rows = on_one_allocator(run, run.values(workload, METRIC))
    if rows.empty:
        return note_page(run, title, subtitle(workload), f"No cell has a value of {METRIC}.")
    variants = variants_in(workload, rows)
    allocator_of = dict(zip(rows["variant"], rows["allocator"]))
    about = f"Heap variants on {run.baseline}." if set(allocator_of.values()) != {NO_ALLOCATOR} else ""
    thread_counts = sorted(rows["threads"].unique())
    unit = rows["unit"].iloc[0]
    notes = [f"Solid: no heap memory; broken: from the heap. {interval_note(rows)}", *sample_notes(rows)]
    look_of = variant_looks(workload, variants)
    if rows["parameter_value"].isna().all():
        panels = [
            (threads_text(threads), axis_title(METRIC, unit), unit,
             [Dot(label_of(run, row.variant, row.allocator), row.estimate, row.lower, row.upper,
                  look_of[row.variant])
              for row in rows[rows["threads"] == threads].itertuples()])
            for threads in thread_counts
        ]
        return dot_panels(run, title, subtitle(workload, about), panels, notes=[interval_note(rows), *notes[1:]])

    legend = [
        (Line2D([], [], color=look_of[name].colour, marker=look_of[name].marker,
                linestyle=look_of[name].line, linewidth=sheet().line, markersize=sheet().mark),
         label_of(run, name, allocator_of[name]))
        for name in variants
    ]
    page = Page(run, title, subtitle(workload, about), len(thread_counts), 3, PANEL, legend=legend,
                notes=notes)
    for axes, threads in zip(page.axes, thread_counts):
        panel = rows[rows["threads"] == threads]
        draw_panel(axes, panel, variants, look_of, workload)
        axes.set_ylabel(axis_title(METRIC, unit))
        over = " (more than CPUs)" if panel["oversubscribed"].any() else ""
        panel_title(axes, threads_text(threads) + over)
    return page.figures


def draw_panel(axes: Axes, rows: pd.DataFrame, variants: list[str], look_of: dict[str, Look],
               workload: Workload) -> None:
    where = positions([value for value in rows["parameter_value"] if not math.isnan(value)])
    for name in variants:
        part = rows[rows["variant"] == name].sort_values("parameter_value")
        if part.empty:
            continue
        look = look_of[name]
        x = part["parameter_value"].map(where)
        axes.plot(x, part["estimate"], color=look.colour, marker=look.marker, linestyle=look.line,
                  linewidth=sheet().line, markersize=sheet().mark, zorder=4)
        intervals(axes, x.to_list(), part["lower"].to_list(), part["upper"].to_list(), look)
    log_values(axes, "y", [*rows["estimate"], *rows["lower"], *rows["upper"]], "ns")
    position_axis(axes, where, workload.parameter_unit)
    axes.grid(True, axis="x")
    axes.set_xlabel(parameter_title(workload))
