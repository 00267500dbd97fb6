"""ratio: allocators side by side against the baseline, one row each, with interval and verdict.

A bar chart of times would hide what was compared: these are medians of ratios paired by round, and
only they carry a verdict. Pages are split by suite where one would be taller than a sheet.
"""

from __future__ import annotations

import math
from typing import Iterator

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .axis import intervals, ratio_axis
from .cells import Planned, joined, parameter_text, present
from .load import Run
from .lettering import axis_names, literal, shorten, text_width
from .page import Page, note_page, sample_notes, width_of
from .pairs import allocator_pairs, baseline_notes
from .sheet import sheet
from .style import METRIC_TITLES, Look, looks, plain, threads_text

NAME = "ratio"
ROLE = "ratio"
METRIC = "ns_per_op"
ROW = 0.155  # inches
UNRESOLVED = "unresolved"


Group = tuple[str, pd.DataFrame]  # what its heading says, its rows in the allocators' order


def groups_of(run: Run, pairs: pd.DataFrame) -> Iterator[tuple[str, Group]]:
    """(suite, group) for each block, variant and thread count, as comparisons.csv orders them."""
    over = run.summary[run.summary["oversubscribed"].astype(bool)]
    oversubscribed = set(zip(over["block"], over["threads"]))
    order = {name: place for place, name in enumerate(run.allocators)}
    keys = ["block", "candidate_variant", "threads", "baseline_allocator"]
    for (block, variant, threads, baseline), rows in pairs.groupby(keys, sort=False):
        workload = run.workloads[rows["workload"].iloc[0]]
        heading = joined(
            workload.name,
            variant,
            parameter_text(workload, rows["parameter_value"].iloc[0]),
            threads_text(threads)
            + (" (more than CPUs)" if (block, threads) in oversubscribed else ""),
            f"against {baseline}" if baseline != run.baseline else "",
        )
        ordered = rows.sort_values("candidate_allocator", key=lambda names: names.map(order))
        yield workload.name.split("/")[0], (heading, ordered)


def split(groups: list[Group]) -> list[list[Group]]:
    """Pages of as many lines as a sheet has; a group that is larger has a page of its own."""
    pages: list[list[Group]] = [[]]
    lines = 0
    for group in groups:
        size = len(group[1]) + 2
        if pages[-1] and lines + size > sheet().rows:
            pages.append([])
            lines = 0
        pages[-1].append(group)
        lines += size
    return pages


def plan(run: Run) -> list[Planned]:
    if not run.with_role(ROLE):
        return []
    found = list(groups_of(run, allocator_pairs(run, ROLE, METRIC)))
    if not found:
        return [Planned(NAME, lambda: nothing(run))]
    everything = [group for _, group in found]
    if len(split(everything)) == 1:
        return [Planned(NAME, lambda: draw(run, everything, ""))]
    planned = []
    for suite in dict.fromkeys(suite for suite, _ in found):
        pages = split([group for of, group in found if of == suite])
        for place, page in enumerate(pages):
            name = f"{NAME}-{suite}" + (f"-{place + 1}" if place else "")
            title = suite + (f", page {place + 1} of {len(pages)}" if len(pages) > 1 else "")
            planned.append(
                Planned(name, lambda page=page, title=title: draw(run, page, title)))
    return planned


def nothing(run: Run) -> list[Figure]:
    others = present(run.others, run.summary["allocator"])
    why = (" ".join([f"comparisons.csv has no ratio of {METRIC} to {run.baseline}.",
                     *baseline_notes(run)]) if others else
           f"{run.baseline} is the only allocator of this run: there is nothing to compare it with.")
    return note_page(run, f"Allocators against {run.baseline}", "", why)


def verdict_text(row: pd.Series) -> str:
    bounds = ("" if sheet().brief or math.isnan(row["lower"]) or math.isnan(row["upper"])
              else f" [{fixed(row['lower'])}, {fixed(row['upper'])}]")
    return f"{fixed(row['ratio'])}{bounds}  {row['verdict']}"


def fixed(ratio: float) -> str:
    return f"{ratio:.3f}" if 0.1 <= ratio < 10 else plain(ratio)


def draw(run: Run, groups: list[Group], part: str) -> list[Figure]:
    rows = pd.concat([group for _, group in groups])
    look_of = looks(run.allocators)
    size = sheet()
    called, names = axis_names(rows["candidate_allocator"].unique())
    verdicts = max(text_width(verdict_text(row), size.value) for _, row in rows.iterrows())
    headings = max(text_width(heading, size.tick, bold=True) for heading, _ in groups)
    plot = max(3.2, headings - names - verdicts - 0.1)
    height = ROW * (len(rows) + 1.6 * len(groups) + 0.6)
    levels = sorted({f"{level * 100:.4g} %" for level in rows["confidence"].dropna()})
    held = f" {' or '.join(levels)}" if levels else ""
    lines = (f"; lines: its{held} interval, simultaneous over a group" if rows["lower"].notna().any()
             else "; the rounds are too few for intervals")
    page = Page(
        run,
        f"Allocators against {run.baseline}" + (f" · {part}" if part else ""),
        f"Ratio of {METRIC_TITLES[METRIC]} to {run.baseline}: right of 1 is slower. Points: median "
        f"of the ratios paired by round{lines}. Hollow: unresolved.",
        1, 1, (plot, height), names=names, right=verdicts + 0.2, above=0.05,
        notes=[*baseline_notes(run), *failures(rows, run)],
    )
    axes = page.axes[0]
    left = axes.get_position().x0 * axes.figure.get_size_inches()[0] - size.edge
    within = left + width_of(axes) + verdicts + 0.1
    places: list[float] = []
    labels: list[str] = []
    at = 0.2
    for number, (heading, group) in enumerate(groups):
        top, bottom = at, at + 1.6 + len(group)
        if number % 2 == 0:
            axes.axhspan(top, bottom, color="#F6F6F6", zorder=0)
        axes.annotate(literal(shorten(heading, within, size.tick, bold=True)), (0, top + 0.85),
                      xycoords=("axes fraction", "data"), xytext=(-left * 72, 0),
                      textcoords="offset points", va="center", size=size.tick, weight="bold", annotation_clip=False,
                      bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5, "alpha": 0.8})
        for place, (_, row) in enumerate(group.iterrows()):
            y = top + 1.9 + place
            draw_row(axes, y, row, look_of[row["candidate_allocator"]])
            places.append(y)
            labels.append(called[row["candidate_allocator"]])
        at = bottom
    axes.set_ylim(at + 0.2, 0)
    axes.set_yticks(places, [literal(label) for label in labels])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    ratio_axis(axes, "x", [*rows["ratio"], *rows["lower"], *rows["upper"]],
               4 if size.width else 7)
    baseline = literal(shorten(run.baseline, size.names / 2, size.tick))
    axes.set_xlabel(f"{METRIC_TITLES[METRIC]}, ratio to {baseline} (log scale)")
    return page.figures


def draw_row(axes: Axes, y: float, row: pd.Series, look: Look) -> None:
    hollow = row["verdict"] == UNRESOLVED
    intervals(axes, [y], [row["lower"]], [row["upper"]], look, horizontal=True)
    axes.plot([row["ratio"]], [y], color=look.colour, marker=look.marker, linestyle="none",
              markersize=sheet().mark, markerfacecolor="white" if hollow else look.colour, zorder=4)
    axes.annotate(verdict_text(row), (1, y), xycoords=("axes fraction", "data"), xytext=(6, 0),
                  textcoords="offset points", va="center", size=sheet().value, annotation_clip=False,
                  color="#777777" if hollow else "#222222")


def failures(rows: pd.DataFrame, run: Run) -> list[str]:
    summary = run.summary
    return sample_notes(summary[summary["block"].isin(rows["block"]) & (summary["metric"] == METRIC)
                                & (summary["allocator"].isin(rows["candidate_allocator"])
                                   | (summary["allocator"] == run.baseline))])
