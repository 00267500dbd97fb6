"""What each kind of stack costs and where it ends: a row for each kind, from all workloads about
stacks."""

from __future__ import annotations

from typing import Sequence

import pandas as pd

from stackheap_plots.load import NO_ALLOCATOR
from stackheap_plots.table import Converter, text

from .cells import choice_text, interval_cell, place_text, workload_link
from .folder import CELL, PLACE, SAMPLES, Folder
from .markup import Child, Field, Markup, element, paragraph, section, table
from .tables import read_big

ROLE = "stack-kinds"
# In this order; a column stands where a workload has it.
METRICS = ("switch_ns", "create_ns", "destroy_ns", "rss_per_stack_bytes", "regions_per_stack",
           "stacks_per_gib", "max_live", "usable_stack_bytes")
OUTCOMES = ("limit_reason", "overflow", "stack_growth")
FALLBACK = "ns_per_op"  # of a workload whose operation is itself the switch or the creation
MOST_ROWS = 600


def fibers(folders: Sequence[Folder]) -> Markup:
    parts: list[Child] = [paragraph(
        "Kinds of stack: what a switch, a creation and the memory of one cost, and where each ends. "
        "Variants that use the heap stand here on the baseline allocator; the figures of the workloads "
        "have all.")]
    for folder in folders:
        if len(folders) > 1:
            parts.append(element("h3", folder.name))
        parts += of_run(folder)
    return section("fibers", "Fibers and other stacks", parts)


def of_run(folder: Folder) -> list[Child]:
    summary = folder.tables["summary.csv"]
    about_stacks = [name for name, workload in folder.workloads.items() if ROLE in workload.roles]
    has_metric = summary[summary["metric"].isin(METRICS)]["workload"].unique()
    names = {*about_stacks, *has_metric}
    rows = summary[summary["workload"].isin(names) & summary["metric"].isin((*METRICS, FALLBACK))
                   & summary["allocator"].isin((NO_ALLOCATOR, folder.baseline))
                   & summary["estimate"].notna()]
    if rows.empty:
        return [paragraph("No workload of this run measures kinds of stacks.")]
    outcomes = outcomes_of(folder, names)
    parts: list[Child] = []
    for name in rows["workload"].unique():
        some = rows[rows["workload"] == name]
        parts.append(element("h4", workload_link(name)))
        parts.append(one_table(folder, some, outcomes))
    return parts


def outcomes_of(folder: Folder, names: set[str]) -> dict[tuple[object, ...], dict[str, str]]:
    """Of each cell what its samples said in words, with how many said it."""
    path = folder.path / "samples.csv"
    if not path.is_file():
        return {}
    columns: dict[str, Converter] = {"kind": SAMPLES["kind"], "status": text, **CELL,
                                     **{name: text for name in OUTCOMES}}
    samples = read_big(path, columns, torn=not folder.finished)
    samples = samples[(samples["kind"] == "timed") & (samples["status"] == "ok")
                      & samples["workload"].isin(names)]
    found: dict[tuple[object, ...], dict[str, str]] = {}
    for metric in OUTCOMES:
        said = samples[samples[metric] != ""]
        counts = said.groupby([*PLACE, metric], dropna=False, observed=True).size()
        for (*cell, outcome), times in counts.items():
            cell[3] = None if cell[3] != cell[3] else cell[3]
            entry = found.setdefault(tuple(cell), {})
            told = f"{outcome} in {times}"
            entry[metric] = f"{entry[metric]}, {told}" if metric in entry else told
    return found


def one_table(folder: Folder, rows: pd.DataFrame,
              outcomes: dict[tuple[object, ...], dict[str, str]]) -> Markup:
    metrics = [name for name in METRICS if name in set(rows["metric"])]
    metrics = metrics or [FALLBACK]
    rows = rows[rows["metric"].isin(metrics)]
    lines: dict[tuple[object, ...], dict[str, object]] = {}
    for row in rows.itertuples():
        value = None if row.parameter_value != row.parameter_value else row.parameter_value
        key = (row.workload, row.variant, row.allocator, value, row.threads)
        lines.setdefault(key, {"row": row})[row.metric] = row
    texts = [name for name in OUTCOMES if any(name in outcomes.get(key, {}) for key in lines)]
    body: list[list[Field]] = []
    for key, found in list(lines.items())[:MOST_ROWS]:
        row = found["row"]
        values: list[Field] = [
            interval_cell(found[name].estimate, found[name].lower, found[name].upper, found[name].unit)
            if name in found else "" for name in metrics]
        body.append([choice_text(row.variant, row.allocator),
                     place_text(folder, row.workload, row.parameter_value, row.threads), *values,
                     *(outcomes.get(key, {}).get(name, "") for name in texts)])
    caption = f"Kinds of stack in {rows['workload'].iloc[0]}"
    if len(lines) > MOST_ROWS:
        caption += f": the first {MOST_ROWS} of {len(lines)} rows; all are in summary.csv"
    return table(("kind", "where", *metrics, *(f"{name} (samples)" for name in texts)), body, caption)
