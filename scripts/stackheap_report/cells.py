"""Cells as a reader sees them: "size 64 B · 2 threads", "jemalloc", "malloc on jemalloc"."""

from __future__ import annotations

import math

from stackheap_plots.load import NO_ALLOCATOR, Workload
from stackheap_plots.style import plain, prefixed, quantity, threads_text

from .folder import Folder
from .markup import Cell, Markup, element

BARE = ("", "1", "count")  # units that a reader does not miss
BYTES = ("B", "KiB", "MiB", "GiB", "TiB")


def is_number(value: float | None) -> bool:
    return value is not None and not math.isnan(value)


def value_text(workload: Workload, value: float) -> str:
    return quantity(value, workload.parameter_unit) if is_number(value) else ""


def place_text(folder: Folder, name: str, value: float, threads: float) -> str:
    """Where in a workload: its parameter's value and the threads."""
    workload = folder.workloads[name]
    parts = [f"{workload.parameter} {value_text(workload, value)}"] if is_number(value) else []
    if is_number(threads):
        over = folder.cpus is not None and threads > folder.cpus
        parts.append(threads_text(int(threads)) + (" (more than CPUs)" if over else ""))
    return " · ".join(parts)


def choice_text(variant: str, allocator: str) -> str:
    return variant if allocator in (NO_ALLOCATOR, "") else f"{variant} on {allocator}"


def plural(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def workload_link(name: str) -> Markup:
    return element("a", name, href=f"#{workload_id(name)}")


def workload_id(name: str) -> str:
    """An address: letters, digits and hyphens only."""
    return "workload-" + "".join(c if c.isalnum() and c.isascii() else "-" for c in name)


def number_text(value: float, unit: str = "1") -> str:
    """Three significant digits with a unit that a reader knows."""
    if not is_number(value):
        return ""
    if value == 0:
        return "0" if unit in BARE else f"0 {unit}"
    if unit == "B":
        return prefixed(value, 1024, BYTES)
    if unit == "1/s":
        return prefixed(value, 1000, ("/s", "k/s", "M/s", "G/s"))
    if unit in BARE:
        return plain(value)
    if unit == "ns":
        return prefixed(value, 1000, ("ns", "µs", "ms", "s"))
    return f"{plain(value)} {unit}"


def interval_text(estimate: float, lower: float, upper: float, unit: str = "1") -> str:
    """"12.4 ns (11.9 – 13.8)": no number without its interval, or a word on why there is none."""
    if not is_number(estimate):
        return ""
    if not (is_number(lower) and is_number(upper)):
        return f"{number_text(estimate, unit)} (no interval)"
    return f"{number_text(estimate, unit)} ({number_text(lower, unit)} – {number_text(upper, unit)})"


def interval_cell(estimate: float, lower: float, upper: float, unit: str = "1") -> Cell:
    known = is_number(estimate)
    return Cell(interval_text(estimate, lower, upper, unit), estimate if known else None)
