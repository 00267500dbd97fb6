"""Folders of `stackheap stress` with known rows, for the tests of the report."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Sequence

from report_run import SOURCE

sys.path[:0] = [str(SOURCE / "scripts")]

from stackheap_report import known  # noqa: E402
from synthetic_run import write_csv  # noqa: E402

# Of each allocator and case: outcome, when and how.
OUTCOMES = {
    ("glibc", "double-free", "small"): ("caught", "at once", "SIGABRT, free(): double free"),
    ("glibc", "double-free", "large"): ("crashed", "at once", "SIGSEGV"),
    ("glibc", "overflow-by-one", "behind"): ("caught", "later", "SIGABRT, free(): invalid next size"),
    ("bare", "double-free", "small"): ("silent", "", "the block was handed out twice"),
    ("bare", "double-free", "large"): ("reported", "at once", "warning: <b>not mine</b>"),
    ("bare", "overflow-by-one", "behind"): ("harmless", "", ""),
}


def check_run(check: str, allocator: str, verdict: str = "ok", **more: Any) -> dict[str, Any]:
    command = f"worker --check {check} --seed {more.get('seed', 7)}"
    return {"check": check, "allocator": allocator, "threads": 1, "seed": 7, "operations": 1000,
            "verdict": verdict, "own_bytes": 4096, "peak_resident_bytes": 1 << 20, "seconds": 0.25,
            "budget_seconds": 0.1, "pass": 1, "command": command, **more}


def check_runs(attack: str = "") -> list[dict[str, Any]]:
    """Every verdict, and what was recorded of OUTCOMES. `attack` stands in what an allocator says."""
    rows = [
        check_run("blocks/mixed", "glibc", **{"pass": 0}),
        check_run("blocks/mixed", "glibc"),
        check_run("blocks/mixed", "bare", "unsafe", detail=f"block 3 was given twice{attack}"),
        check_run("blocks/mixed", "bare", "failed", detail="no result", seed=8, **{"pass": 2}),
        check_run("blocks/huge", "glibc", "nonconforming", detail="errno 0 at 0x1", known="known",
                  deviations="errno-of-huge-valloc", **{"pass": 0}),
        check_run("blocks/huge", "glibc", "nonconforming", detail="errno 0 at 0x2", known="known",
                  deviations="errno-of-huge-valloc"),
        check_run("blocks/huge", "bare", "nonconforming", detail="a block of SIZE_MAX", known="new",
                  deviations="block-of-huge-malloc block-of-huge-calloc"),
        check_run("blocks/realloc-zero", "glibc", "recorded", records="realloc-zero=null"),
        check_run("blocks/realloc-zero", "bare", "unsupported", detail="there is no realloc",
                  operations="", seconds="", command=""),
        check_run("fibers/signal-stack", "none"),
    ]
    for name in dict.fromkeys((allocator, kind) for allocator, kind, _ in OUTCOMES):
        records = "; ".join(f"{case}={outcome} {when}: {how}" for (*place, case), (
            outcome, when, how) in OUTCOMES.items() if tuple(place) == name)
        rows.append(check_run(f"misuse/{name[1]}", name[0], "recorded", records=records))
    return rows


def write_stress(folder: Path, rows: Sequence[dict[str, Any]] | None = None, misuse: bool = True,
                 attack: str = "", **info: Any) -> Path:
    """As the program leaves it; `misuse`: it came to its end and wrote misuse.csv."""
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    rows = check_runs(attack) if rows is None else rows
    write_csv(folder / "stress.csv", known.columns("stress.csv"), rows)
    (folder / "misuse.csv").unlink(missing_ok=True)
    if misuse:
        write_csv(folder / "misuse.csv", known.columns("misuse.csv"), [
            dict(zip(known.columns("misuse.csv"), (*place, *what)))
            for place, what in OUTCOMES.items()])
    for number, row in enumerate(rows):
        if row["verdict"] in ("unsafe", "failed"):
            (folder / "logs" / f"{number}.log").write_text(f"log of row {number}{attack}\n")
    (folder / "stress.json").write_text(json.dumps({
        "version": 1, "stackheap": "0.1.0", "started": "2026-01-02T03:04:05Z", "seed": 7, "cpus": 2,
        "kernel": "6.1.0-example", "command_line": ["stackheap", "stress", "--label", "a b"],
        "checks": list(dict.fromkeys(row["check"] for row in check_runs())),
        "allocators": [{"name": name, "environment": {}, "files": [
            {"path": f"/usr/lib/{name}.so", "version": "2.36", "build_id": "0123", "sha256": "ef" * 32}]}
            for name in ("glibc", "bare")],
        "known_deviations": [{"allocator": "glibc", "library": "libc.so*", "version": "2.36",
                              "check": "blocks/huge", "deviation": "errno-of-*", "defect": False,
                              "what": "valloc leaves errno", "source": "valloc(3)"}], **info}))
    return folder
