"""contention-<workload>: where a thread's time goes: on a CPU, waiting for one, asleep.

Allocators wait in different ways (a futex, a spin, a yield), so that no single column is "the
contention"; stacked, the three columns add up to the thread's time per operation.
"""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from .axis import intervals
from .cells import (Planned, at_parameter, joined, no_heap_variants, pages_of, parameter_text,
                    parameter_values, present, slug, subtitle)
from .load import NO_ALLOCATOR, Run, Workload
from .lettering import axis_names, literal
from .page import Page, leave_note, note_page, panel_title, sample_notes
from .sheet import sheet
from .style import BASELINE_LOOK, BLACK, axis_title, threads_text, tick_text

NAME = "contention"
ROLE = "contention"
TOTAL = "thread_ns_per_op"
PARTS = (  # metric, what the legend calls it, colour, hatch
    ("cpu_ns_per_op", "on a CPU", "#56B4E9", ""),
    ("run_queue_ns_per_op", "ready, waiting for a CPU (run queue)", "#F0C04A", "////"),
    ("blocked_ns_per_op", "asleep (lock, page or futex)", "#B2182B", "...."),
)
METRICS = tuple(metric for metric, _, _, _ in PARTS)
ROW = 0.24


def plan(run: Run) -> list[Planned]:
    return [
        Planned(f"{NAME}-{slug(workload.name)}{suffix}",
                lambda workload=workload, variant=variant: draw(run, workload, variant))
        for workload in run.with_role(ROLE)
        for suffix, variant in pages_of(run, workload, *METRICS)
    ]


def draw(run: Run, workload: Workload, variant: str) -> list[Figure]:
    title = f"{workload.name}: where the threads' time goes" + (f" · {variant}" if variant else "")
    every = run.values(workload, *METRICS, TOTAL)
    if not set(METRICS) & set(every["metric"]):
        return note_page(run, title, subtitle(workload),
                         f"No cell has a value of {', '.join(METRICS)}.")
    rows = every[(every["variant"] == variant) | (every["allocator"] == NO_ALLOCATOR)]
    names = present(run.allocators, rows["allocator"])
    bars = [(name, rows[(rows["allocator"] == name) & (rows["variant"] == variant)])
            for name in names]
    bars += [(f"{name} (no heap)", rows[(rows["allocator"] == NO_ALLOCATOR)
                                        & (rows["variant"] == name)])
             for name in no_heap_variants(workload, rows)]
    cells = [(value, threads) for value in parameter_values(rows)
             for threads in sorted(at_parameter(rows, value)["threads"].unique())]
    absent = [name for name in METRICS if name not in set(rows["metric"])]
    notes = [f"Not available in this run: {', '.join(absent)}."] if absent else []
    if rows["oversubscribed"].any():
        notes.append("With more threads than CPUs the run queue is the sharing of CPUs, not "
                     "contention for memory.")
    legend: list[tuple[object, str]] = [
        (Patch(facecolor=colour, hatch=hatch, edgecolor="white", linewidth=0), label)
        for metric, label, colour, hatch in PARTS if metric not in absent
    ]
    if TOTAL in set(rows["metric"]):
        bounded = rows.loc[rows["metric"] == TOTAL, "lower"].notna().any()
        legend.append((Line2D([], [], color=BLACK, linewidth=1.3, marker="|",
                              markersize=1.6 * sheet().mark),
                       "thread time per operation" + (", with its interval" if bounded else "")))
    called, labels = axis_names(name for name, _ in bars)
    titles = [heading(workload, rows, value, threads) for value, threads in cells]
    page = Page(run, title, subtitle(workload), len(cells), 2, (3.3, ROW * max(3, len(bars))),
                names=labels, titles=titles, legend=legend,
                notes=[*notes, *sample_notes(rows)])
    unit = rows["unit"].iloc[0]
    for axes, title, (value, threads) in zip(page.axes, titles, cells):
        panel_title(axes, title)
        draw_panel(axes, [(called[name], at_parameter(bar[bar["threads"] == threads], value))
                          for name, bar in bars])
        axes.set_xlabel(axis_title(TOTAL, unit))
    return page.figures


def heading(workload: Workload, rows: pd.DataFrame, value: float, threads: int) -> str:
    over = at_parameter(rows[rows["threads"] == threads], value)["oversubscribed"].any()
    return joined(parameter_text(workload, value),
                  threads_text(threads) + (" (more than CPUs)" if over else ""))


def draw_panel(axes: Axes, bars: list[tuple[str, pd.DataFrame]]) -> None:
    if all(rows.empty for _, rows in bars):
        leave_note(axes, "No values here.")
        return
    # A small negative remainder is kept, and drawn to the left of zero.
    ends = [(0.0, 0.0) for _ in bars]
    for metric, _, colour, hatch in PARTS:
        widths, lefts = [], []
        for place, (_, rows) in enumerate(bars):
            found = rows.loc[rows["metric"] == metric, "estimate"]
            width = float(found.iloc[0]) if not found.empty else math.nan
            low, high = ends[place]
            widths.append(width)
            lefts.append(low if width < 0 else high)
            if width > 0:
                ends[place] = (low, high + width)
            elif width < 0:
                ends[place] = (low + width, high)
        known = [place for place, width in enumerate(widths) if not math.isnan(width)]
        if known:
            axes.barh(known, [widths[p] for p in known], left=[lefts[p] for p in known],
                      height=0.68, color=colour, hatch=hatch, edgecolor="white", linewidth=0.3,
                      zorder=2)
    highest = max(high for _, high in ends)
    for place, (_, rows) in enumerate(bars):
        total = rows[rows["metric"] == TOTAL]
        if rows.empty:
            axes.text(0, place, " not measured", va="center", size=sheet().note,
                      color="#777777")
        if total.empty:
            continue
        row = total.iloc[0]
        highest = max(highest, row["estimate"],
                      row["estimate"] if math.isnan(row["upper"]) else row["upper"])
        intervals(axes, [place], [row["lower"]], [row["upper"]], BASELINE_LOOK, horizontal=True)
        axes.plot([row["estimate"]], [place], color=BLACK, marker="|",
                  markersize=1.8 * sheet().mark,
                  linestyle="none", zorder=4)
    axes.set_ylim(len(bars) - 0.4, -0.6)
    axes.set_yticks(range(len(bars)), [literal(name) for name, _ in bars])
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(min(low for low, _ in ends) * 1.05, highest * 1.06 or 1)
    axes.xaxis.set_major_formatter(lambda value, _: tick_text(value, "ns"))
    axes.axvline(0, color="#444444", linewidth=0.8, zorder=3)
    axes.grid(True, axis="x")
