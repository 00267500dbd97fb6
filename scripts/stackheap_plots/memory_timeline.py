"""memory-timeline-<workload>: resident memory over time, one line per allocator, around the moment
when everything was freed."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from .axis import fix_ticks
from .cells import Planned, at_parameter, joined, parameter_text, slug, subtitle
from .load import Run, Workload
from .lettering import text_width
from .page import Page, note_page, panel_title, sample_notes, width_of
from .sheet import sheet
from .style import BLACK, GREY, Look, looks, no_heap_look, threads_text
from .timeline import Course, courses_of

NAME = "memory-timeline"
ROLE = "memory-timeline"
FREED = "freed"  # the phase that begins when nothing is live any more
MARK = "everything freed"
PANEL = (4.0, 2.7)
MOST_TICKS = 6


def plan(run: Run) -> list[Planned]:
    return [Planned(f"{NAME}-{slug(workload.name)}", lambda workload=workload: draw(run, workload))
            for workload in run.with_role(ROLE)]


def draw(run: Run, workload: Workload) -> list[Figure]:
    title = f"{workload.name}: resident memory over time"
    courses = courses_of(run, workload, FREED)
    if not courses:
        return note_page(run, title, subtitle(workload),
                         "timeline.csv has no reading of a sample that ended ok.")
    order = {name: place for place, name in enumerate(run.allocators)}
    courses.sort(key=lambda course: order.get(course.allocator, len(order)))
    panels: dict[tuple[int, str, int, float], list[Course]] = {}
    for course in courses:
        value = course.parameter_value
        place = (workload.variant_order(course.variant), course.variant, course.threads,
                 -1.0 if math.isnan(value) else value)
        panels.setdefault(place, []).append(course)
    styled = {**looks(run.allocators)}
    look_of = {course.allocator: styled.get(course.allocator, no_heap_look(0)) for course in courses}
    live = run.values(workload, "peak_live_bytes")
    legend = [(Line2D([], [], color=look.colour, linestyle=look.line,
                      linewidth=sheet().line, marker=look.marker, markersize=0.8 * sheet().mark),
               name)
              for name, look in look_of.items()]
    if not live.empty:
        legend.append((Line2D([], [], color=GREY, linestyle=":", linewidth=1.2), "requested"))
    most = max(course.rounds for course in courses)
    rounds = (f"median over {most} rounds; bands: from the least to the most of them" if most > 1
              else "one round")
    page = Page(run, title, subtitle(workload), len(panels), 2, PANEL, legend=legend,
                titles=[heading(workload, group) for group in panels.values()],
                notes=[f"Lines: {rounds}; time 0 is the first of the readings, 10 ms apart, after "
                       "everything was freed.",
                       *sample_notes(run.values(workload, "peak_rss_bytes"))])
    top = max(float(np.nanmax(course.most_bytes)) for course in courses)
    for axes, (_, variant, threads, value) in zip(page.axes, sorted(panels)):
        group = panels[(workload.variant_order(variant), variant, threads, value)]
        parameter = group[0].parameter_value
        draw_panel(axes, group, look_of, requested(live, variant, threads, parameter), top)
        panel_title(axes, heading(workload, group))
    return page.figures


def heading(workload: Workload, group: list[Course]) -> str:
    return joined(group[0].variant, threads_text(group[0].threads),
                  parameter_text(workload, group[0].parameter_value))


def requested(live: pd.DataFrame, variant: str, threads: int, value: float) -> float:
    """What the workload had live at its peak; NaN where it does not say."""
    rows = at_parameter(live[(live["variant"] == variant) & (live["threads"] == threads)], value)
    return float(rows["estimate"].max()) if not rows.empty else math.nan


def draw_panel(axes: Axes, courses: list[Course], look_of: dict[str, Look], live: float,
               top: float) -> None:
    for place, course in enumerate(courses):
        look = look_of[course.allocator]
        if course.rounds > 1:
            axes.fill_between(course.seconds, course.least_bytes, course.most_bytes,
                              color=look.colour, alpha=0.13, linewidth=0, zorder=2)
        axes.plot(course.seconds, course.resident_bytes, color=look.colour, linestyle=look.line,
                  linewidth=sheet().line, marker=look.marker, markersize=0.8 * sheet().mark,
                  markevery=marks(len(course.seconds), place, len(courses)), zorder=3)
    first = min(float(course.seconds[0]) for course in courses)
    last = max(float(course.seconds[-1]) for course in courses)
    if math.isfinite(live):
        axes.hlines(live, first, 0, color=GREY, linestyle=":", linewidth=1.2, zorder=2)
    axes.axvline(0, color=BLACK, linewidth=0.9, zorder=1)
    axes.set_xlim(first, last)
    label_mark(axes, first, last)
    axes.xaxis.set_major_locator(MaxNLocator(MOST_TICKS, steps=[1, 2, 5, 10]))
    byte_axis(axes, top)
    axes.grid(True, axis="both")
    axes.set_xlabel("time since everything was freed (s)")
    axes.set_ylabel("resident memory")


def label_mark(axes: Axes, first: float, last: float) -> None:
    """To the right of the mark, or where that side is too narrow to its left."""
    fits = text_width(MARK, sheet().value) + 0.06 < width_of(axes) * last / (last - first)
    right = fits or last >= -first
    axes.annotate(MARK, (0, 1), xycoords=("data", "axes fraction"), xytext=(3 if right else -3, -2),
                  textcoords="offset points", ha="left" if right else "right", va="top",
                  size=sheet().value, color="#444444", zorder=6,
                  bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.8})


def marks(readings: int, place: int, courses: int) -> tuple[int, int]:
    """First reading with a mark and the step to the next: few, and not at the same instants for
    lines that lie on each other. Without them two of seven lines would look alike in print."""
    step = max(1, readings // 6)
    return (place * step // courses, step)


def byte_axis(axes: Axes, top: float) -> None:
    """From 0, with ticks at multiples of a power of two."""
    room = max(top, 1.0) * 1.12
    step = 2.0 ** math.ceil(math.log2(room / MOST_TICKS))
    axes.set_ylim(0, room)
    fix_ticks(axes.yaxis, [step * k for k in range(int(room / step) + 1)], "B")
