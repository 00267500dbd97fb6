"""latency-<workload>: how long the slowest operations take: time over the share of operations that took
no longer, on the logarithm of 1 - q, so that each further nine has the same room.

A mean, or a bar at the 99 % quantile, would hide what the figure is for: where allocators part.
"""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .axis import dodge, intervals, log_values
from .cells import (Planned, at_parameter, joined, parameter_text, parameter_values, present, slug,
                    subtitle)
from .load import NO_ALLOCATOR, Run, Workload
from .page import Page, note_page, panel_title, sample_notes
from .sheet import sheet
from .style import GREY, Look, looks, no_heap_look, plain, threads_text
from .tail import EVERY, Tail, tails_of

NAME = "latency"
ROLE = "latency"
QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999, "p9999": 0.9999}
TIMER = "timer_ns_p50"
PANEL = (3.4, 2.7)
DODGE = 0.12  # of an axis on which each further nine takes 1

Place = tuple[float, int, str]  # parameter value, threads, operation


def plan(run: Run) -> list[Planned]:
    return [Planned(f"{NAME}-{slug(workload.name)}", lambda workload=workload: draw(run, workload))
            for workload in run.with_role(ROLE)]


def draw(run: Run, workload: Workload) -> list[Figure]:
    title = f"{workload.name}: how long single operations take"
    rows = run.values(workload, *QUANTILES, TIMER)
    tails = tails_of(run, workload)
    if not tails:
        return note_page(run, title, subtitle(workload),
                         "latency.csv has no histogram of a sample that ended ok.")
    look_of = series_looks(run, workload, tails)
    kinds = list(dict.fromkeys(tail.operation for tail in tails))
    if len(kinds) == 2:  # of one kind there is nothing to add up
        kinds.remove(EVERY)
    values = parameter_values(pd.DataFrame({"parameter_value": [t.parameter_value for t in tails]}))
    places = [(value, threads, kind) for value in values
              for threads in sorted({tail.threads for tail in tails}) for kind in kinds]
    timer = rows.loc[rows["metric"] == TIMER, "estimate"]
    page = Page(run, title, subtitle(workload, about(rows, timer)), len(places), min(3, len(kinds)),
                PANEL, left=0.82, titles=[heading(workload, place, kinds) for place in places],
                legend=legend(look_of, timer), notes=[*line_notes(tails, rows),
                                                      *sample_notes(rows)])
    for axes, place in zip(page.axes, places):
        panel_title(axes, heading(workload, place, kinds))
        draw_panel(axes, at_place(tails, place), quantiles_at(rows, place, kinds), look_of, timer)
    return page.figures


def at_place(tails: list[Tail], place: Place) -> list[Tail]:
    value, threads, kind = place
    return [tail for tail in tails if (tail.threads, tail.operation) == (threads, kind)
            and (tail.parameter_value == value or math.isnan(value))]


def quantiles_at(rows: pd.DataFrame, place: Place, kinds: list[str]) -> pd.DataFrame:
    """summary.csv has quantiles of all kinds of operation together, and of no single kind."""
    value, threads, kind = place
    if kind != kinds[0]:
        return rows.iloc[:0]
    rows = rows[rows["metric"].isin(list(QUANTILES))]
    return at_parameter(rows[rows["threads"] == threads], value)


def series_looks(run: Run, workload: Workload, tails: list[Tail]) -> dict[tuple[str, str], Look]:
    """By variant and allocator, in the order of the legend."""
    styled = looks(run.allocators)
    found = {(tail.variant, tail.allocator) for tail in tails}
    variants = sorted({variant for variant, _ in found}, key=workload.variant_order)
    names = present(run.allocators, pd.Series([allocator for _, allocator in found]))
    keyed = {(variant, name): styled[name] for variant in variants for name in names
             if (variant, name) in found}
    bare = [variant for variant in variants if (variant, NO_ALLOCATOR) in found]
    return {**keyed, **{(variant, NO_ALLOCATOR): no_heap_look(place)
                        for place, variant in enumerate(bare)}}


def heading(workload: Workload, place: Place, kinds: list[str]) -> str:
    value, threads, kind = place
    which = f"each {kind}" if kind != EVERY else "all operations"
    return joined(which if len(kinds) > 1 else "", parameter_text(workload, value),
                  threads_text(threads))


def about(rows: pd.DataFrame, timer: pd.Series) -> str:
    if timer.empty:
        return ""
    return f"Times have the timer's own cost in them, {plain(float(timer.median()))} ns."


def legend(look_of: dict[tuple[str, str], Look], timer: pd.Series) -> list[tuple[Line2D, str]]:
    heap = {variant for variant, allocator in look_of if allocator != NO_ALLOCATOR}
    entries = []
    for (variant, allocator), look in look_of.items():
        label = f"{variant} (no heap)" if allocator == NO_ALLOCATOR else allocator
        if allocator != NO_ALLOCATOR and len(heap) > 1:
            label = f"{allocator} · {variant}"
        entries.append((Line2D([], [], color=look.colour, marker=look.marker, linestyle=look.line,
                               markersize=sheet().mark, linewidth=sheet().line), label))
    if not timer.empty:
        entries.append((Line2D([], [], color=GREY, linestyle=":", linewidth=1.2),
                        "timer alone (median)"))
    return entries


def line_notes(tails: list[Tail], rows: pd.DataFrame) -> list[str]:
    rounds = max(tail.rounds for tail in tails)
    lines = (f"Lines: median over {rounds} rounds of each round's histogram" if rounds > 1 else
             "Lines: the histogram of one round")
    told = [f"{lines}; they end where fewer than 100 operations took longer."]
    quantiles = rows[rows["metric"].isin(list(QUANTILES))]
    if quantiles["lower"].notna().any():
        told.append("Marks: quantiles of summary.csv with their intervals over rounds (descriptive "
                    "only).")
    elif not quantiles.empty:
        told.append("Marks: quantiles of summary.csv; the rounds are too few for intervals.")
    return told


def nines(q: float) -> float:
    return -math.log10(1 - q)


def draw_panel(axes: Axes, tails: list[Tail], quantiles: pd.DataFrame,
               look_of: dict[tuple[str, str], Look], timer: pd.Series) -> None:
    keys = list(look_of)
    times: list[float] = [float(timer.median())] if not timer.empty else []
    last = 1.0
    for tail in tails:
        look = look_of[tail.variant, tail.allocator]
        place = keys.index((tail.variant, tail.allocator))
        # Marks of the lines themselves only where there are no quantiles to mark.
        step = max(1, len(tail.nines) // 5)
        every = None if not quantiles.empty else (place * step // len(keys), step)
        axes.plot(tail.nines, tail.nanoseconds, color=look.colour, linestyle=look.line,
                  linewidth=sheet().line, zorder=3, label="_tail",
                  marker=look.marker if every else None, markersize=0.8 * sheet().mark,
                  markevery=every)
        times += [value for value in tail.nanoseconds if value > 0]
        last = max(last, float(tail.nines[-1]))
    for place, key in enumerate(keys):
        rows = quantiles[(quantiles["variant"] == key[0]) & (quantiles["allocator"] == key[1])]
        if rows.empty:
            continue
        look = look_of[key]
        x = [nines(QUANTILES[name]) + dodge(place, len(keys), DODGE) for name in rows["metric"]]
        axes.plot(x, rows["estimate"], color=look.colour, marker=look.marker, linestyle="none",
                  markersize=sheet().mark, zorder=4)
        intervals(axes, x, rows["lower"].to_list(), rows["upper"].to_list(), look)
        times += [value for name in ("estimate", "lower", "upper") for value in rows[name]]
        last = max(last, *x)
    log_values(axes, "y", times, "ns")
    if not timer.empty:
        axes.axhline(float(timer.median()), color=GREY, linestyle=":", linewidth=1.2, zorder=1)
    ticks = [*(nines(q) for q in QUANTILES.values()), 5.0, 6.0, 7.0]
    ticks = [tick for tick in ticks if tick <= last + 0.05]
    axes.set_xticks(ticks, [percent(tick) for tick in ticks])
    axes.set_xlim(-0.1, last + 0.15)
    axes.grid(True, axis="both")
    axes.set_xlabel("share of operations that took no longer (log of 1 − q)")
    axes.set_ylabel("time of one operation (ns)")


def percent(nines_of: float) -> str:
    """2 is 99 %, 3 is 99.9 %."""
    digits = max(0, round(nines_of) - 2)
    return f"{100 * (1 - 10 ** -nines_of):.{digits}f} %"
