"""stack-kinds-<workload>: what a switch, a creation and a destruction cost on each kind of stack."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from .cells import (Planned, on_one_allocator, parameter_text, parameter_values, at_parameter, slug,
                    subtitle)
from .dots import Dot, Panel, dot_panels
from .load import NO_ALLOCATOR, Run, Workload
from .page import interval_note, note_page, sample_notes
from .style import METRIC_TITLES, axis_title, looks, threads_text

NAME = "stack-kinds"
ROLE = "stack-kinds"
METRICS = ("switch_ns", "create_ns", "destroy_ns")
FALLBACK = "ns_per_op"  # of a workload whose operation is itself the switch or the creation
MOST_ROWS = 60


def plan(run: Run) -> list[Planned]:
    return [Planned(f"{NAME}-{slug(workload.name)}", lambda workload=workload: draw(run, workload))
            for workload in run.with_role(ROLE)]


def rows_of(run: Run, workload: Workload) -> tuple[pd.DataFrame, list[str]]:
    """The rows to draw, and notes. All allocators where they fit, since stacks may come from the
    heap; else the baseline."""
    rows = run.values(workload, *METRICS)
    if rows.empty:
        rows = run.values(workload, FALLBACK)
    kinds = rows.drop_duplicates(["variant", "allocator"])
    if len(kinds) <= MOST_ROWS:
        return rows, []
    return on_one_allocator(run, rows), [
        f"Heap variants on {run.baseline} only: the run has {len(kinds)} pairs of variant and "
        "allocator, all of them in summary.csv."
    ]


def draw(run: Run, workload: Workload) -> Figure:
    title = f"{workload.name}: cost by kind of stack"
    rows, notes = rows_of(run, workload)
    if rows.empty:
        return note_page(run, title, subtitle(workload),
                         f"No cell has a value of {', '.join(METRICS)} or {FALLBACK}.")
    order = {name: place for place, name in enumerate((NO_ALLOCATOR, *run.allocators))}
    rows = rows.assign(
        row=[variant if allocator == NO_ALLOCATOR else f"{variant} on {allocator}"
             for variant, allocator in zip(rows["variant"], rows["allocator"])],
        place=[(workload.variant_order(variant), order[allocator])
               for variant, allocator in zip(rows["variant"], rows["allocator"])],
    ).sort_values("place", kind="stable")
    values = parameter_values(rows)
    look_of = dict(zip(values, looks([str(value) for value in values]).values()))
    metrics = [name for name in (*METRICS, FALLBACK) if name in set(rows["metric"])]
    panels: list[Panel] = []
    for metric in metrics:
        for threads in sorted(rows["threads"].unique()):
            part = rows[(rows["metric"] == metric) & (rows["threads"] == threads)]
            unit = rows.loc[rows["metric"] == metric, "unit"].iloc[0]
            over = " (more than CPUs)" if part["oversubscribed"].any() else ""
            dots = [
                Dot(row.row, row.estimate, row.lower, row.upper, look_of[value],
                    parameter_text(workload, value))
                for value in values
                for row in at_parameter(part, value).itertuples()
            ]
            panels.append((f"{METRIC_TITLES[metric]} · {threads_text(threads)}{over}",
                           axis_title(metric, unit), unit, dots))
    panels = [(heading, label, unit, sorted(dots, key=lambda dot: first_place(rows, dot)))
              for heading, label, unit, dots in panels]
    return dot_panels(run, title, subtitle(workload), panels,
                      [interval_note(rows), *notes, *sample_notes(rows)])


def first_place(rows: pd.DataFrame, dot: Dot) -> tuple[int, int]:
    return rows.loc[rows["row"] == dot.row, "place"].iloc[0]
