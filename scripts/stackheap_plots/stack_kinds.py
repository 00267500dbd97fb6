"""stack-kinds-<workload>: what each kind of stack costs: a switch, a creation and a destruction, what it
takes of memory and of mappings, how many fit, and how deep one is."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from .cells import (Planned, on_one_allocator, parameter_text, parameter_values, at_parameter, slug,
                    subtitle)
from .dots import Dot, Panel, dot_panels
from .journal import CELL, SAMPLES, read_journal
from .load import NO_ALLOCATOR, Run, Workload
from .page import interval_note, note_page, sample_notes
from .sheet import sheet
from .style import METRIC_TITLES, axis_title, looks, threads_text
from .table import text

NAME = "stack-kinds"
ROLE = "stack-kinds"
METRICS = ("switch_ns", "create_ns", "destroy_ns", "rss_per_stack_bytes", "regions_per_stack",
           "max_live", "usable_stack_bytes")
FALLBACK = "ns_per_op"  # of a workload whose operation is itself the switch or the creation
# Metrics of words that say how a number came about; they are in samples.csv alone.
REASONS = {"max_live": "limit_reason", "usable_stack_bytes": "overflow"}
NO_REASON = "none"  # all that were asked for were made


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
    if len(kinds) <= sheet().rows - 12:  # the rest is for the frame
        return rows, []
    return on_one_allocator(run, rows), [
        f"Heap variants on {run.baseline} only: the run has {len(kinds)} pairs of variant and "
        "allocator, all of them in summary.csv."
    ]


def reasons_of(run: Run, workload: Workload, metric: str) -> dict[tuple[Any, ...], str]:
    """By cell: what its samples say, "cap" or "cap or no memory" where rounds differ."""
    column = REASONS.get(metric)
    if column is None or run.values(workload, metric).empty:
        return {}
    rows = read_journal(run, "samples.csv", {**SAMPLES, column: text}, f"values of {metric}")
    rows = rows[(rows["workload"] == workload.name) & (rows["kind"] == "timed")
                & ~rows[column].isin(["", NO_REASON])]
    said = rows.groupby(CELL, dropna=False)[column].unique()
    return {key_of(*cell): " or ".join(sorted(words)).replace("_", " ")
            for cell, words in said.items()}


def key_of(variant: str, allocator: str, threads: int, value: float) -> tuple[Any, ...]:
    """NaN is no key: it does not equal itself."""
    return variant, allocator, threads, None if pd.isna(value) else value


def draw(run: Run, workload: Workload) -> list[Figure]:
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
    panels: list[Panel] = []
    for metric in [name for name in (*METRICS, FALLBACK) if name in set(rows["metric"])]:
        reasons = reasons_of(run, workload, metric)
        of_metric = rows[rows["metric"] == metric]
        for threads in sorted(of_metric["threads"].unique()):
            part = of_metric[of_metric["threads"] == threads]
            over = " (more than CPUs)" if part["oversubscribed"].any() else ""
            dots = [
                (row.place, Dot(row.row, row.estimate, row.lower, row.upper, look_of[value],
                                parameter_text(workload, value),
                                reasons.get(key_of(row.variant, row.allocator, threads, value), "")))
                for value in values
                for row in at_parameter(part, value).itertuples()
            ]
            unit = of_metric["unit"].iloc[0]
            panels.append((f"{METRIC_TITLES[metric]} · {threads_text(threads)}{over}",
                           axis_title(metric, unit), unit,
                           [dot for _, dot in sorted(dots, key=lambda placed: placed[0])]))
    return dot_panels(run, title, subtitle(workload), panels,
                      [interval_note(rows), *notes, *sample_notes(rows)])
