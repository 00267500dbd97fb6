"""The figure of a calibration: how often verdicts err on this machine, and how small a slowdown they
find. From calibration.csv and calibration.json alone."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .origin import Origin
from .page import Page, leave_note, panel_title
from .sheet import sheet
from .style import BLACK, COLOURS, GREY, PALE
from .table import Converter, PlotError, count, number, read_table, text

NAME = "calibration"
FILE = "calibration.csv"
COLUMNS: dict[str, Converter] = {"design": text, "what": text, "rule": text, "threads": text,
                                 "n": count, "value": number, "lower": number, "upper": number}
PANEL = (2.9, 2.7)
EXPECTED = 0.05
SLOWDOWN = "detectable slowdown, 9 of 10 trials"
# Drawn in this order, each with what it is called.
RATES = (
    ("a/a", "false positives", "12 rounds", "equal pairs, 12 rounds"),
    ("a/a", "false positives", "adaptive to 3 %", "equal pairs, adaptive to 3 %"),
    ("a/a", "false positives", "adaptive to 1 %", "equal pairs, adaptive to 1 %"),
    ("family of 6", "false positives", "12 rounds", "family of 6, 12 rounds"),
    ("family of 6", "false positives", "adaptive to 3 %", "family of 6, adaptive to 3 %"),
    ("family of 6", "false positives", "adaptive to 1 %", "family of 6, adaptive to 1 %"),
    ("load beside one side", "false positives", "12 rounds", "one side disturbed"),
)
THREADS = {"1": ("1 thread", COLOURS[0], "o"), "all": ("all CPUs", COLOURS[1], "s")}


def is_calibration(folder: Path) -> bool:
    return (folder / FILE).is_file() and not (folder / "run.json").exists()


def draw(folder: Path) -> list[Figure]:
    remedy = f"write it again with 'stackheap calibrate --evaluate --out {folder}'"
    figures = read_table(folder / FILE, COLUMNS, remedy=remedy)
    try:
        facts = json.loads((folder / "calibration.json").read_text(encoding="utf-8"))
        machine = facts["machine"]
        origin = Origin(f"{machine['processor']} · {machine['cpus']} CPUs · Linux "
                        f"{machine['kernel']} · {facts['sessions']} sessions · {facts['when'][:10]}")
        way = "in turns" if facts["turns"] else "one after the other"
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PlotError(f"{folder / 'calibration.json'}: it cannot be read ({error}); {remedy}."
                        ) from None
    page = Page(origin, "How far verdicts can be believed on this machine",
                f"Sides whose truth is known, measured {way} and judged as a run is. Grey: what is "
                "asked of the rates, 3 to 7 %.", 2, 2, PANEL, left=2.0, legend=legend(figures),
                notes=["Lines and bands: 95 % intervals."])
    draw_rates(page.axes[0], figures)
    draw_resolution(page.axes[1], figures)
    return page.figures


def legend(figures: pd.DataFrame) -> list[tuple[Line2D, str]]:
    """Of the slowdowns; the rates are of all threads together."""
    there = set(figures.loc[figures["what"] == SLOWDOWN, "threads"])
    return [(Line2D([], [], color=colour, marker=marker, markersize=sheet().mark), name)
            for threads, (name, colour, marker) in THREADS.items() if threads in there]


def draw_rates(axes: Axes, figures: pd.DataFrame) -> None:
    panel_title(axes, "Equal programs called different")
    size = sheet()
    axes.axvspan(3, 7, color=PALE, zorder=0)
    axes.axvline(100 * EXPECTED, color=GREY, linewidth=0.8)
    names = []
    for design, what, rule, name in RATES:
        found = figures[(figures["design"] == design) & (figures["what"] == what)
                        & (figures["rule"] == rule) & (figures["n"] > 0)]
        if found.empty:
            continue
        row = found.iloc[0]
        y = len(names)
        axes.plot([100 * row["lower"], 100 * row["upper"]], [y, y], color=BLACK, linewidth=0.9 * size.line)
        axes.plot([100 * row["value"]], [y], color=BLACK, marker="o", markersize=size.mark)
        names.append(f"{name}\n(n = {int(row['n']):,})")
    if not names:
        return leave_note(axes, "Too few trials of equal sides.")
    axes.set_yticks(range(len(names)), names, fontsize=size.value)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.set_xlabel("% of trials, 95 % interval")


def draw_resolution(axes: Axes, figures: pd.DataFrame) -> None:
    panel_title(axes, "Slowdown found in 9 of 10 trials")
    rows = figures[figures["what"] == SLOWDOWN].copy()
    rows["seconds"] = rows["rule"].str.extract(r"^([\d.]+) s a pair$", expand=False).astype(float)
    for threads, (_, colour, marker) in THREADS.items():
        own = rows[rows["threads"] == threads].sort_values("seconds")
        if own.empty:
            continue
        axes.fill_between(own["seconds"], 100 * own["lower"], 100 * own["upper"], color=colour,
                          alpha=0.15, linewidth=0)
        axes.vlines(own["seconds"], 100 * own["lower"], 100 * own["upper"], color=colour,
                    linewidth=0.9 * sheet().line)
        axes.plot(own["seconds"], 100 * own["value"], color=colour, marker=marker,
                  markersize=sheet().mark)
    if rows.empty:
        return leave_note(axes, "Too few trials of a slowdown.")
    axes.set_xscale("log")
    axes.set_yscale("log")
    ticks = sorted(set(rows["seconds"]))
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    low, high = 100 * rows["lower"].min(), 100 * rows["upper"].max()
    marks = [mark for mark in (0.1, 0.2, 0.3, 0.5, 0.7, 1, 2, 3, 5, 10) if low / 1.3 <= mark <= high * 1.3]
    axes.set_yticks(marks, [f"{mark:g}" for mark in marks])
    axes.grid(True)
    axes.set_xlabel("seconds of a pair's processes")
    axes.set_ylabel("slowdown (%)")
