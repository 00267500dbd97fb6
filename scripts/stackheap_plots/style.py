"""How things look: colours that survive colour blindness (Okabe and Ito, 2008) and, since colours
do not survive a black-and-white printer, a marker, a line style and a hatch with each.

An allocator looks the same in every figure of a run: its style comes from its place in the sorted
list, the baseline first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Sequence

BLACK = "#000000"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6D1F")
MARKERS = ("s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "*")
LINES: tuple[Any, ...] = (
    "-",
    (0, (5, 1.5)),
    (0, (5, 1.5, 1, 1.5)),
    (0, (2, 1)),
    (0, (7, 1.5, 1, 1.5, 1, 1.5)),
)
HATCHES = ("", "////", "....", "xxxx", "\\\\\\\\", "++++")
GREY = "#666666"
PALE = "#DDDDDD"

RC: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "axes.labelsize": 8.5,
    "axes.titlesize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#444444",
    "axes.linewidth": 0.8,
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.7,
    "hatch.linewidth": 0.5,
    "legend.frameon": False,
    "pdf.fonttype": 42,  # journals refuse Type 3 fonts
    "svg.hashsalt": "stackheap",  # the same run gives the same file
    "savefig.dpi": 200,
}

# What an axis says of a metric; a metric that is not here is called by its column name.
METRIC_TITLES = {
    "ns_per_op": "time per operation",
    "thread_ns_per_op": "thread time per operation",
    "ops_per_second": "throughput",
    "peak_rss_bytes": "peak resident memory",
    "rss_per_live_byte": "resident per live byte",
    "switch_ns": "switch, one way",
    "create_ns": "create",
    "destroy_ns": "destroy",
    "rss_per_stack_bytes": "resident memory per stack",
    "regions_per_stack": "mappings per stack",
    "max_live": "most alive at once",
    "usable_stack_bytes": "usable bytes of a stack",
}
UNIT_TITLES = {"1/s": "operations / s", "1": "", "B": "bytes"}


@dataclass(frozen=True)
class Look:
    colour: str
    marker: str
    line: Any
    hatch: str = ""


BASELINE_LOOK = Look(BLACK, "o", "-")
NO_HEAP_MARKERS = ("1", "2", "3", "4")


def look_at(index: int) -> Look:
    """Look of the index-th of several; the periods are coprime, so that hundreds differ."""
    return Look(
        COLOURS[index % len(COLOURS)],
        MARKERS[index % len(MARKERS)],
        LINES[index % len(LINES)],
        HATCHES[index % len(HATCHES)],
    )


def looks(names: Sequence[str]) -> dict[str, Look]:
    """The first is the baseline: black circles, solid line."""
    return {name: look_at(i - 1) if i else BASELINE_LOOK for i, name in enumerate(names)}


def no_heap_look(index: int) -> Look:
    return Look(GREY, NO_HEAP_MARKERS[index % len(NO_HEAP_MARKERS)], LINES[3])


def axis_title(metric: str, unit: str) -> str:
    title = METRIC_TITLES.get(metric, metric)
    said = UNIT_TITLES.get(unit, unit)
    return f"{title} ({said})" if said else title


def plain(value: float) -> str:
    """Three significant digits, whole numbers as they are; thousands separated, no exponent."""
    if value == int(value) and abs(value) < 1_000_000:
        return f"{int(value):,}"
    digits = 2 - math.floor(math.log10(abs(value)))
    rounded = round(value, digits)
    return f"{rounded:,.{max(0, digits)}f}".rstrip("0").rstrip(".") if digits > 0 else f"{rounded:,.0f}"


def prefixed(value: float, step: float, prefixes: Sequence[str]) -> str:
    power = 0
    while abs(value) >= step * 0.9995 and power < len(prefixes) - 1:
        value /= step
        power += 1
    prefix = prefixes[power]
    return f"{plain(value)} {prefix}" if prefix else plain(value)


def tick_text(value: float, unit: str) -> str:
    """A number on an axis whose title names the unit; bytes and rates carry a prefix."""
    if unit == "B":
        return prefixed(value, 1024, ("B", "KiB", "MiB", "GiB", "TiB"))
    if unit == "1/s":
        return prefixed(value, 1000, ("", "k", "M", "G"))
    return plain(value)


def quantity(value: float, unit: str) -> str:
    """A number in running text."""
    if unit in ("", "1", "count", "B"):
        return tick_text(value, unit)
    return f"{plain(value)} {unit}"


def threads_text(threads: int) -> str:
    return "1 thread" if threads == 1 else f"{threads:,} threads"
