"""Sections that are mostly figures, drawn by the page's scripts from the payload: what stands around
them, and what a reader has to know of them."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Callable, Sequence

from stackheap_plots.load import Workload

from .cells import (choice_text, interval_cell, place_text, workload_id, workload_link)
from .folder import Folder
from .markup import Cell, Child, Field, Markup, details, element, paragraph, section, table

MOST_ROWS = 2000  # of one table on the page
SPEEDUP = ("speedup", "speedup_lower", "speedup_upper")
EFFICIENCY = ("efficiency", "efficiency_lower", "efficiency_upper")


def figure(kind: str, workload: str = "") -> Markup:
    return element("div", class_="figure", data_figure=kind, data_workload=workload or None)


def measured(folders: Sequence[Folder]) -> list[Workload]:
    """The workloads that any of the runs has."""
    found: dict[str, Workload] = {}
    for folder in folders:
        for name in folder.measured:
            found.setdefault(name, folder.workloads[name])
    return list(found.values())


def workloads(folders: Sequence[Folder]) -> Markup:
    suites: dict[str, list[Workload]] = defaultdict(list)
    for workload in measured(folders):
        suites[workload.name.split("/")[0]].append(workload)
    parts: list[Child] = [paragraph(
        "Points are medians over rounds, with their intervals (95 %, of this cell alone; verdicts come "
        "from the ratios, which are taken within rounds). Hover, or open the table below a figure, for "
        "numbers; the names above a figure switch its lines on and off.")]
    for suite, members in suites.items():
        parts.append(section(f"suite-{workload_id(suite)[9:]}", suite, [
            one_workload(folders, workload) for workload in members], level=3))
    return section("workloads", "Workloads", parts)


def one_workload(folders: Sequence[Folder], workload: Workload) -> Markup:
    about = [f"{workload.summary.rstrip('.')}. " if workload.summary else "",
             f"One operation: {workload.operation.rstrip('.')}." if workload.operation else ""]
    short = [short_cells(folder, workload) for folder in folders]
    return section(workload_id(workload.name), workload.name, paragraph(about),
                   paragraph(short, class_="note") if any(short) else None,
                   figure("cells", workload.name), variants_list(workload), level=4,
                   class_="workload")


def variants_list(workload: Workload) -> Markup:
    return details("Variants", element("ul", [
        element("li", element("strong", variant.name), f": {variant.description}" if
                variant.description else "", "" if variant.uses_heap else " (no heap)",
                " (baseline)" if variant.name == workload.baseline_variant else "")
        for variant in workload.variants]))


def short_cells(folder: Folder, workload: Workload) -> str:
    """Cells with fewer samples than planned are never dropped silently."""
    cells, short = folder.short_cells.get(workload.name, (0, 0))
    if not short:
        return ""
    return (f"{folder.name}: {short} of {cells} cells have fewer samples than rounds were planned; hover, "
            "or the table, tells how many. ")


def with_role(folders: Sequence[Folder], role: str) -> list[Workload]:
    return [workload for workload in measured(folders) if role in workload.roles]


def contention(folders: Sequence[Folder]) -> Markup:
    found = with_role(folders, "contention")
    return section("contention", "Contention", paragraph(
        "Where a thread's time goes, per operation: on a CPU, ready and waiting for one (run queue), or "
        "asleep (blocked). The three add up to its time. Allocators wait in different ways, so that no "
        "part by itself is the contention. With more threads than CPUs the run queue is the sharing of "
        "CPUs."), *per_workload(found, "contention", "No workload of this run is about contention."))


def per_workload(found: Sequence[Workload], kind: str, none: str) -> list[Markup]:
    if not found:
        return [paragraph(none)]
    return [section(f"{kind}-{workload_id(workload.name)[9:]}", workload.name,
                    figure(kind, workload.name), level=3) for workload in found]


def scaling(folders: Sequence[Folder]) -> Markup:
    """Speed-up and efficiency, a column for each run: machines stand beside each other, and no number
    is made of two of them."""
    with_rows = [folder for folder in folders if not folder.tables["scaling.csv"].empty]
    if not with_rows:
        return section("scaling", "Scaling", paragraph(
            "No cell ran both with one thread and with more, up to as many as there are CPUs."))
    rows: dict[tuple[object, ...], dict[str, Any]] = side_by_side(
        with_rows, "scaling.csv", lambda row: (row.variant, row.allocator))
    header: list[Child] = ["workload", "choice", "where"]
    for folder in with_rows:
        name = f" · {folder.name}" if len(folders) > 1 else ""
        header += [f"speed-up{name}", f"efficiency{name}"]
    body = []
    for found in list(rows.values())[:MOST_ROWS]:
        first_folder, first = next(iter(found.values()))
        line: list[Field] = [workload_link(first.workload), choice_text(first.variant, first.allocator),
                             place_text(first_folder, first.workload, first.parameter_value,
                                        first.threads)]
        for folder in with_rows:
            row = found.get(folder.name, (folder, None))[1]
            line += [interval_cell(*(getattr(row, name) for name in names)) if row is not None else ""
                     for names in (SPEEDUP, EFFICIENCY)]
        body.append(line)
    return section("scaling", "Scaling", paragraph(
        "Throughput over that of the same cell with one thread; efficiency is the speed-up divided by "
        "the threads. The figures of the workloads draw it along the threads."),
        more_rows(len(rows), "scaling.csv"), table(header, body, "Speed-up and efficiency"))


def more_rows(count: int, file: str) -> Markup | None:
    if count <= MOST_ROWS:
        return None
    return paragraph(f"The first {MOST_ROWS:,} of {count:,} rows; all are in {file}.", class_="note")


def side_by_side(folders: Sequence[Folder], file: str,
                 rest: Callable[..., tuple[object, ...]]) -> dict[tuple[object, ...], dict[str, Any]]:
    """Rows of several runs that are of the same place, by run."""
    found: dict[tuple[object, ...], dict[str, Any]] = {}
    for folder in folders:
        for row in folder.tables[file].itertuples():
            value = None if row.parameter_value != row.parameter_value else row.parameter_value
            key = (row.workload, value, row.threads, *rest(row))
            found.setdefault(key, {})[folder.name] = (folder, row)
    return found


def machines(folders: Sequence[Folder]) -> Markup | None:
    """The ratios of several runs beside each other. Each was paired within its own run; two runs are
    never set against each other here."""
    if len(folders) < 2:
        return None
    ranked = [folder for folder in folders if not folder.tables["comparisons.csv"].empty]
    for folder in ranked:
        rows = folder.tables["comparisons.csv"]
        folder.tables["ranked ratios"] = rows[rows["metric"] == rows["workload"].map(folder.ranked_by)]
    rows = side_by_side(ranked, "ranked ratios", lambda row: (
        row.metric, row.baseline_variant, row.baseline_allocator, row.candidate_variant,
        row.candidate_allocator))
    shared = [found for found in rows.values() if len(found) > 1]
    if not shared:
        return section("machines", "Runs side by side", paragraph(
            "No pair was compared in more than one of these runs."))
    agree = sum(len({row.verdict for _, row in found.values()}) == 1 for found in shared)
    body = []
    for found in shared[:MOST_ROWS]:
        folder, first = next(iter(found.values()))
        cells: list[Field] = []
        for other in ranked:
            row = found.get(other.name, (other, None))[1]
            cells += [interval_cell(row.ratio, row.lower, row.upper), row.verdict] if row is not None \
                else ["", ""]
        body.append([workload_link(first.workload),
                     place_text(folder, first.workload, first.parameter_value, first.threads),
                     choice_text(first.candidate_variant, first.candidate_allocator),
                     choice_text(first.baseline_variant, first.baseline_allocator), first.metric,
                     *cells, "same" if len({row.verdict for _, row in found.values()}) == 1 else
                     Cell("differs", "a")])
    header = ["workload", "where", "choice", "baseline", "by",
              *(text for folder in ranked for text in (f"ratio · {folder.name}", "verdict")), "verdicts"]
    return section("machines", "Runs side by side", paragraph(
        f"{len(shared):,} pairs were compared in more than one run; in {agree:,} of them all verdicts are "
        "the same. Each ratio is paired within its own run. Nothing is pooled, and no run is divided by "
        "another: that would compare two machines' states as much as the choices."),
        more_rows(len(shared), "each run's comparisons.csv"),
        table(header, body, "Ratios to the baseline, run by run"))


def memory(folders: Sequence[Folder]) -> Markup:
    dense = with_role(folders, "resident-per-live")
    parts: list[Child] = [paragraph(
        "Resident memory over time. A line is the median over rounds, in bins of time from the moment "
        "when everything was freed; the band reaches from the lowest to the highest reading.")]
    parts += per_workload(with_role(folders, "memory-timeline"), "timeline",
                          "No workload of this run is watched over time.")
    if any(not folder.tables["summary.csv"].empty for folder in folders):
        parts.append(section("time-against-memory", "Time against memory", paragraph(
            "Towards the lower left is better; where intervals overlap, nothing is said."),
            figure("pareto"), level=3))
    if dense:
        parts.append(paragraph("Resident per live byte: ", [
            [", " if place else "", workload_link(workload.name)]
            for place, workload in enumerate(dense)], "."))
    return section("memory", "Memory", parts)


def latency(folders: Sequence[Folder]) -> Markup:
    return section("latency", "Latency", paragraph(
        "The share of single operations that took longer than a time, on a logarithmic scale, so that "
        "the tail shows. Curves are the histograms of all rounds added up, down to 100 operations; the "
        "points, with intervals, are medians over rounds, from summary.csv. Where a curve leaves its "
        "points, few rounds had a longer tail than most. Closed-loop service time, the timer's own cost "
        "in it."),
        *per_workload(with_role(folders, "latency"), "latency",
                      "No workload of this run times single operations."))

