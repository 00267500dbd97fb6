"""Choosing and naming cells: what several figures need to know of rows and workloads."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Callable, Sequence

import pandas as pd
from matplotlib.figure import Figure

from .load import NO_ALLOCATOR, Run, Workload
from .style import quantity


@dataclass(frozen=True)
class Planned:
    """A figure that the run has data for; drawn only when it is wanted."""

    name: str  # of the file, without its ending; -2, -3 and so on follow on further pages
    draw: Callable[[], list[Figure]]

    def pages(self) -> list[tuple[str, Figure]]:
        return [(self.name + (f"-{place + 1}" if place else ""), figure)
                for place, figure in enumerate(self.draw())]


def slug(name: str) -> str:
    return name.replace("/", "-")


def parameter_text(workload: Workload, value: float) -> str:
    """ "size 64 B", or nothing for a workload without a parameter."""
    return "" if math.isnan(value) else f"{workload.parameter} {quantity(value, workload.parameter_unit)}"


def parameter_title(workload: Workload) -> str:
    unit = {"B": "bytes", "": "", "count": "count"}.get(workload.parameter_unit,
                                                       workload.parameter_unit)
    return f"{workload.parameter} ({unit})" if unit else workload.parameter


def joined(*parts: str) -> str:
    return " · ".join(part for part in parts if part)


def operation_text(workload: Workload) -> str:
    return f"One operation: {workload.operation.rstrip('.')}." if workload.operation else ""


def subtitle(workload: Workload, *more: str) -> str:
    parts = [f"{workload.summary.rstrip('.')}." if workload.summary else "",
             operation_text(workload), *more]
    return " ".join(part for part in parts if part)


def parameter_values(rows: pd.DataFrame) -> list[float]:
    """Sorted; [NaN] for a workload without a parameter."""
    return sorted(rows["parameter_value"].unique())


def at_parameter(rows: pd.DataFrame, value: float) -> pd.DataFrame:
    column = rows["parameter_value"]
    return rows[column.isna() if math.isnan(value) else column == value]


def variants_in(workload: Workload, rows: pd.DataFrame) -> list[str]:
    """The baseline variant first, the others as the workload declares them."""
    return sorted(
        rows["variant"].unique(),
        key=lambda name: (name != workload.baseline_variant, workload.variant_order(name), name),
    )


def heap_variants(workload: Workload, rows: pd.DataFrame) -> list[str]:
    return variants_in(workload, rows[rows["allocator"] != NO_ALLOCATOR])


def no_heap_variants(workload: Workload, rows: pd.DataFrame) -> list[str]:
    return variants_in(workload, rows[rows["allocator"] == NO_ALLOCATOR])


def present(order: Sequence[str], names: pd.Series) -> list[str]:
    there = set(names)
    return [name for name in order if name in there]


def on_one_allocator(run: Run, rows: pd.DataFrame) -> pd.DataFrame:
    """Of each variant the rows of one allocator: none, else the baseline, else the first it has."""
    order = {name: place for place, name in enumerate((NO_ALLOCATOR, *run.allocators))}
    place = rows["allocator"].map(order)
    return rows[place == place.groupby(rows["variant"]).transform("min")]


def pages_of(run: Run, workload: Workload, *metrics: str) -> list[tuple[str, str]]:
    """One page for each heap variant: what follows the workload in the file's name, and the
    variant. The baseline variant's page has no suffix; a workload without heap variants has one
    page, with no variant."""
    variants = heap_variants(workload, run.values(workload, *metrics))
    return [("" if place == 0 else f"-{slug(name)}", name)
            for place, name in enumerate(variants)] or [("", "")]
