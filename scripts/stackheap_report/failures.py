"""What did not end ok: cells that failed, with what their processes printed; cells that cannot run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Sequence

import pandas as pd

from .cells import choice_text, place_text, workload_link
from .folder import FAILURES, PLACE, Folder, ResultsFolder
from .markup import Cell, Child, Field, Markup, details, element, paragraph, section, table

MOST_ROWS = 1000
MOST_LOGS = 60
HEAD_BYTES, TAIL_BYTES = 3000, 9000  # of one log: the cell and its command, and how it ended
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")  # a terminal's colours


def failures(folders: Sequence[Folder]) -> Markup:
    return section("failures", "Cells that failed or could not run", [
        element("div", element("h3", folder.name) if len(folders) > 1 else None, of_run(folder),
                id=f"failures-{folder.address}") for folder in folders])


def of_run(folder: Folder) -> list[Child]:
    samples = folder.samples
    bad = samples[samples["status"] != "ok"]
    if bad.empty:
        return [paragraph("None: every sample ended ok." if len(samples) else "There are no samples.")]
    groups = grouped(bad)
    failed = groups[groups["status"].isin(FAILURES)]
    others = groups[~groups["status"].isin(FAILURES)]
    other_logs = logs(folder, others)
    parts: list[Child] = []
    if failed.empty:
        parts.append(paragraph("No sample failed."))
    else:
        total = int(samples["kind"].isin(["timed"]).sum())
        parts += [paragraph(f"{int(failed['times'].sum()):,} samples failed, of {total:,} timed ones. A "
                            "failed sample has no time and is in no estimate."),
                  status_table(folder, failed, "Failed"), *logs(folder, failed)]
    if not others.empty:
        parts += [paragraph("These were not run; they are told once, and are no failures."),
                  status_table(folder, others, "Not run"),
                  details("Their logs", other_logs) if other_logs else None]
    return parts


def grouped(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per cell, kind, status and detail, with its first sample."""
    plain = rows.astype({name: "object" for name in ("workload", "variant", "allocator", "kind", "status",
                                                     "detail")})
    groups = plain.groupby([*PLACE, "kind", "status", "detail"], dropna=False, sort=False)["sample"]
    found = groups.agg(["count", "first"]).reset_index()
    return found.rename(columns={"count": "times", "first": "sample"})


def status_table(folder: Folder, rows: pd.DataFrame, caption: str) -> Markup:
    shown = rows.head(MOST_ROWS)
    on_page = {row.sample for row in with_logs(folder, rows)[:MOST_LOGS]}
    if len(rows) > MOST_ROWS:
        caption += f": the first {MOST_ROWS} of {len(rows)}; all are in samples.csv"

    def line(row: pd.Series) -> list[Field]:
        workload: Child = (workload_link(row.workload) if row.workload in folder.workloads
                           and row.workload not in folder.hidden_workloads else row.workload)
        place = place_text(folder, row.workload, row.parameter_value, row.threads) \
            if row.workload in folder.workloads else ""
        log: Child = element("a", "log", href=f"#{log_id(folder, row.sample)}") \
            if row.sample in on_page else ""
        return [workload, choice_text(row.variant, row.allocator), place,
                element("span", row.status, class_="badge " + ("bad" if row.status in FAILURES else
                                                               "unknown")),
                row.detail, row.kind, Cell(row.times, row.times), log]

    return table(("workload", "choice", "where", "status", "detail", "kind", "samples", "log"),
                 [line(row) for row in shown.itertuples()], caption, numbers=(6,))


def log_path(folder: ResultsFolder, sample: int) -> Path:
    return folder.path / "logs" / f"{sample}.log"


def with_logs(folder: Folder, rows: pd.DataFrame) -> list[Any]:
    return [row for row in rows.itertuples() if log_path(folder, row.sample).is_file()]


def log_id(folder: ResultsFolder, sample: int) -> str:
    return f"log-{folder.address}-{sample}"


def logs(folder: Folder, rows: pd.DataFrame) -> list[Child]:
    """Of each row the log of its first sample."""
    there = with_logs(folder, rows)
    parts: list[Child] = [
        details([f"Log of sample {row.sample}: {row.workload} ",
                 choice_text(row.variant, row.allocator), f", {row.status}"],
                element("pre", read_log(log_path(folder, row.sample)), tabindex="0"),
                id=log_id(folder, row.sample), class_="log") for row in there[:MOST_LOGS]]
    if len(there) > MOST_LOGS:
        parts.append(paragraph(f"{len(there) - MOST_LOGS} more logs are in the run's folder logs/."))
    return parts


def read_log(path: Path) -> str:
    """Its beginning and end; what is left out between is said."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        if size <= HEAD_BYTES + TAIL_BYTES:
            content = stream.read().decode("utf-8", "replace")
        else:
            head = stream.read(HEAD_BYTES).decode("utf-8", "replace")
            stream.seek(size - TAIL_BYTES)
            tail = stream.read().decode("utf-8", "replace")
            left_out = size - HEAD_BYTES - TAIL_BYTES
            content = f"{head}\n[... {left_out:,} bytes are left out here; see logs/{path.name} ...]\n{tail}"
    return ESCAPES.sub("", content.replace("\r\n", "\n"))
