"""Scales and ticks. matplotlib's own log axis labels a range of 1.1 to 1.8 with nothing at all."""

from __future__ import annotations

import math
from typing import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter, NullLocator

from .lettering import text_width
from .page import width_of
from .sheet import sheet
from .style import BLACK, Look, plain, tick_text


def span(values: Iterable[float]) -> tuple[float, float]:
    """Smallest and largest of the positive numbers among them; (1, 1) where there is none."""
    known = [value for value in values if math.isfinite(value) and value > 0]
    return (min(known), max(known)) if known else (1.0, 1.0)


def log_ticks(low: float, high: float, most: int, unit: str = "") -> list[float]:
    """Round numbers inside [low, high], at most about `most` of them."""
    if unit == "B":
        return powers_of_two(low, high, most) or [low]
    if high / low < 4:
        # No steps of 2.5: three digits would label 1.975 as 1.98.
        ticks = MaxNLocator(most, steps=[1, 2, 5, 10]).tick_values(low, high)
        return [tick for tick in ticks if low <= tick <= high and tick > 0]
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for digits in ((1, 2, 5), (1, 3), (1,)):
        ticks = [d * 10.0**e for e in range(first, last + 1) for d in digits]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) <= most:
            return ticks
    return ticks[:: math.ceil(len(ticks) / most)]


def log_values(axes: Axes, which: str, values: Iterable[float], unit: str, most: int = 7) -> None:
    """A log axis ("x" or "y") for measured values, with room around them."""
    low, high = span(values)
    room = max((high / low) ** 0.07, 1.04)
    low, high = low / room, high * room
    axis: Axis = axes.xaxis if which == "x" else axes.yaxis
    (axes.set_xscale if which == "x" else axes.set_yscale)("log")
    (axes.set_xlim if which == "x" else axes.set_ylim)(low, high)
    fix_ticks(axis, log_ticks(low, high, most, unit), unit)
    axes.grid(True, axis=which)  # type: ignore[arg-type]


def fix_ticks(axis: Axis, ticks: Sequence[float], unit: str) -> None:
    axis.set_major_locator(FixedLocator(list(ticks)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: tick_text(value, unit)))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def powers_of_two(low: float, high: float, most: int) -> list[float]:
    """1 among them, evenly apart, as close as `most` allows."""
    step = 0
    ticks: list[float] = []
    while not ticks or len(ticks) > most:
        step += 1
        first, last = math.ceil(math.log2(low) / step), math.floor(math.log2(high) / step)
        ticks = [2.0 ** (step * k) for k in range(first, last + 1)]
    return ticks


def ratio_text(value: float) -> str:
    """0.00391 would be unreadable, and is not 1/256."""
    return f"1/{1 / value:,.0f}×" if value < 0.1 else f"{plain(value)}×"


def ratio_axis(axes: Axes, which: str, values: Iterable[float], most: int = 7) -> None:
    """A log2 axis around 1, with a line at 1."""
    low, high = span([*values, 1.0])
    room = max((high / low) ** 0.06, 1.03)
    low, high = low / room, high * room
    if high / low < 4:
        ticks = log_ticks(low, high, most)
    else:
        ticks = powers_of_two(low, high, most)
    if which == "x":
        axes.set_xscale("log", base=2)
        axes.set_xlim(low, high)
        axes.axvline(1, color=BLACK, linewidth=0.9, zorder=1)
    else:
        axes.set_yscale("log", base=2)
        axes.set_ylim(low, high)
        axes.axhline(1, color=BLACK, linewidth=0.9, zorder=1)
    axis: Axis = axes.xaxis if which == "x" else axes.yaxis
    fix_ticks(axis, ticks, "1")
    axis.set_major_formatter(FuncFormatter(lambda value, _: ratio_text(value)))
    axes.grid(True, axis=which)  # type: ignore[arg-type]


def positions(values: Sequence[float]) -> dict[float, float]:
    """Where a parameter's or thread count's values stand on the x axis: at their logarithm where
    all are positive, else one after the other."""
    ordered = sorted(set(values))
    if ordered and ordered[0] > 0:
        return {value: math.log2(value) for value in ordered}
    return {value: float(place) for place, value in enumerate(ordered)}


def position_axis(axes: Axes, where: dict[float, float], unit: str) -> None:
    """Ticks at the values themselves; where they would overlap, fewer."""
    places = list(where.values())
    low, high = min(places), max(places)
    margin = max(0.5 if low == high else 0.1, (high - low) * 0.06)
    axes.set_xlim(low - margin, high + margin)
    inch = width_of(axes) / (high - low + 2 * margin)
    ticks: list[tuple[float, str]] = []
    end = -math.inf
    for value, place in where.items():
        label = tick_text(value, unit)
        half = text_width(label, sheet().tick) / 2
        if place * inch - half >= end:
            ticks.append((place, label))
            end = place * inch + half + 0.01 * sheet().tick
    axes.set_xticks([place for place, _ in ticks], [label for _, label in ticks])


def dodge(index: int, count: int, room: float) -> float:
    """Offset of one of several marks that share a place, so that their intervals stay apart."""
    return 0.0 if count < 2 else room * (index / (count - 1) - 0.5)


def intervals(
    axes: Axes,
    at: Sequence[float],
    lower: Sequence[float],
    upper: Sequence[float],
    look: Look,
    horizontal: bool = False,
) -> None:
    """One line per interval that exists; an estimate of a single round has none."""
    known = np.isfinite(np.asarray(lower)) & np.isfinite(np.asarray(upper))
    if not known.any():
        return
    draw = axes.hlines if horizontal else axes.vlines
    lines = draw(np.asarray(at)[known], np.asarray(lower)[known], np.asarray(upper)[known],
                 color=look.colour, linewidth=0.93 * sheet().line, zorder=3)
    lines.set_label("_interval")
