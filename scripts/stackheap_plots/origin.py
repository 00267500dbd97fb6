"""Where a figure's numbers are from: machine, date, rounds, version; and what is missing in a run
that was not finished."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .load import Run


@dataclass(frozen=True)
class Origin:
    footer: str
    alarm: str = ""  # stands under every title where the run is not whole


def origin_of(run: Run | Origin) -> Origin:
    if isinstance(run, Origin):
        return run
    return Origin(machine_line(run), f"PARTIAL: {missing(run)}" if run.partial else "")


def machine_line(run: Run) -> str:
    """run.json is read with care, since what is captured differs between machines."""

    def environment(*path: str) -> str:
        node: Any = run.info.get("environment")
        for key in path:
            node = node.get(key) if isinstance(node, dict) else None
        return node if isinstance(node, str) else ""

    cpu = environment("cpu", "model") or environment("cpu") or "unknown CPU"
    kernel = environment("kernel", "release") or environment("kernel")
    rounds = run.info.get("rounds")
    profile = run.info.get("profile")
    return " · ".join(
        part
        for part in (
            " ".join(cpu.split()),
            f"{run.cpus} CPU{'s' if run.cpus != 1 else ''}" if run.cpus else "",
            f"Linux {kernel}" if kernel else "",
            str(run.info.get("started", ""))[:10],
            f"profile {profile}" if profile else "",
            f"{rounds} round{'s' if rounds != 1 else ''}" if rounds else "",
            f"stackheap {run.info.get('stackheap_version', '')}".strip(),
        )
        if part
    )


def missing(run: Run) -> str:
    """Rounds by cell, and cells that have no sample that ended ok."""
    cells = run.summary.groupby(["block", "variant", "allocator", "threads"])
    had, planned = cells["samples"].max(), cells["planned"].max()
    short = had < planned
    parts = []
    if short.any():
        low, high = int(had[short].min()), int(had[short].max())
        rounds = f"{low}" if low == high else f"{low} to {high}"
        parts.append(f"{rounds} of {int(planned[short].max())} rounds in {int(short.sum()):,} of "
                     f"{len(had):,} cells")
    plan = run.info.get("plan")
    runnable = plan.get("runnable_cells") if isinstance(plan, dict) else None
    if isinstance(runnable, int) and runnable > len(had):
        parts.append(f"{runnable - len(had):,} of {runnable:,} cells without a sample")
    return ": ".join(["this run was not finished", "; ".join(parts)] if parts else
                     ["this run was not finished"])
