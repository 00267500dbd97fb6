"""The page: its sections in order, its styles and scripts, and the numbers, all in one file.

The numbers and plotly.js are compressed and written as base64: nothing that a file of the run says can
then end a script element, and 9 MB of JavaScript become 2.5.
"""

from __future__ import annotations

import base64
import gzip
import importlib.util
import json
from pathlib import Path
from string import Template
from typing import Any, Sequence, Union

from stackheap_plots.style import threads_text
from stackheap_plots.table import PlotError

from . import (answer, checks, claims, failures, fibers, machine, misuse, own_error, partial, repeat,
               sections)
from .cells import plural
from .folder import Folder, ResultsFolder
from .markup import Child, Markup, element, joined, paragraph, section
from .stress_folder import StressFolder

TEMPLATES = Path(__file__).resolve().parent / "templates"
STYLES = ("page.css", "figures.css", "print.css")
SCRIPTS = ("base.js", "store.js", "tables.js", "theme.js", "charts.js", "controls.js",
           "cells-choice.js", "cells.js", "contention.js", "pareto.js", "timeline.js", "latency.js",
           "own-error.js", "main.js")
LEVEL = 9
DEBIAN_PLOTLY = Path("/usr/share/python3-plotly/plotly.js")


def plotly_script() -> bytes:
    """The library that python3-plotly brings; Debian's is not minified and lies beside the package."""
    found = importlib.util.find_spec("plotly")
    places = [Path(place) / "package_data" for place in (found.submodule_search_locations or [])] \
        if found else []
    for path in (DEBIAN_PLOTLY, *(place / "plotly.min.js" for place in places)):
        if path.is_file():
            return path.read_bytes()
    raise PlotError(f"{DEBIAN_PLOTLY}: no such file, nor plotly.min.js beside Python's plotly; install it "
                    "with: sudo apt-get install --reinstall python3-plotly")


def packed(content: bytes) -> str:
    # Without a time in its header, so that the same run gives the same page.
    return base64.b64encode(gzip.compress(content, LEVEL, mtime=0)).decode("ascii")


def page(folders: Sequence[Folder], stress: Sequence[StressFolder], numbers: dict[str, Any]) -> str:
    title = " · ".join(folder.name for folder in (*folders, *stress))
    parts = sections_of(folders, stress, numbers)
    address, first, _ = parts[0]
    content = json.dumps(numbers, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Template((TEMPLATES / "report.html").read_text(encoding="utf-8")).substitute(
        title=element("title", f"stackheap: {title}"),
        style="\n".join(template(name) for name in STYLES),
        skip=element("a", f"Skip to the {first.lower()}", class_="skip", href=f"#{address}"),
        heading=heading(folders, stress),
        navigation=navigation(parts),
        body=joined("\n", [part for _, _, part in parts]),
        data=packed(content.encode("utf-8")),
        plotly=packed(plotly_script() if folders else b""),  # of checks there are no figures
        script="\n".join(template(name) for name in SCRIPTS),
    )


def template(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


Section = tuple[str, str, Union[Markup, None]]


def each(folders: Sequence[ResultsFolder], name: str, title: str, make: Any) -> Markup:
    several = len(folders) > 1
    return section(name, title, [
        section(f"{name}-{folder.address}", folder.name, make(folder), level=3) if several
        else make(folder) for folder in folders])


def sections_of(folders: Sequence[Folder], stress: Sequence[StressFolder],
                numbers: dict[str, Any]) -> list[tuple[str, str, Markup]]:
    """Address, name in the navigation, and the section itself."""
    found: list[Section] = [
        *(sections_of_runs(folders, numbers) if folders else []),
        *(sections_of_checks(stress) if stress else []),
        *(sections_of_machines(folders) if folders else []),
        ("versions", "Versions", machine.versions(folders, stress)),
        *(sections_of_errors(folders) if folders else []),
        ("repeat", "Repeat", repeat.repeat(folders, stress)),
    ]
    return [(name, title, part) for name, title, part in found if part is not None]


def sections_of_runs(folders: Sequence[Folder], numbers: dict[str, Any]) -> list[Section]:
    return [
        ("answer", "Answer", each(folders, "answer", "The answer", answer.answer)),
        ("machines", "Side by side", sections.machines(folders)),
        ("claims", "Claims", claims.claims(folders)),
        ("workloads", "Workloads", joined("", [left_out(numbers), sections.workloads(folders)])),
        ("scaling", "Scaling", sections.scaling(folders)),
        ("contention", "Contention", sections.contention(folders)),
        ("memory", "Memory", sections.memory(folders)),
        ("latency", "Latency", sections.latency(folders)),
        ("fibers", "Fibers", fibers.fibers(folders)),
    ]


def sections_of_checks(stress: Sequence[StressFolder]) -> list[Section]:
    return [("checks", "Checks", each(stress, "checks", "Checks: does the memory behave?",
                                      checks.checks)),
            ("misuse", "Misuse", each(stress, "misuse", "What becomes of misuse?", misuse.misuse))]


def sections_of_machines(folders: Sequence[Folder]) -> list[Section]:
    return [("machine", "Machine", machine.machine(folders)),
            ("doctor", "Doctor", machine.doctor(folders))]


def sections_of_errors(folders: Sequence[Folder]) -> list[Section]:
    return [("error", "Own error", each(folders, "error", "The run's own false positives and drift",
                                        lambda folder: own_error.own_error(folder, folder.address))),
            ("failures", "Failures", failures.failures(folders))]


def left_out(numbers: dict[str, Any]) -> Markup | None:
    """What a page of a bearable size could not hold."""
    out = sorted({name for run in numbers["runs"] for name in run["left_out"]})
    if not out:
        return None
    return paragraph(f"So that this page stays small its figures leave out {len(out)} metrics, which are "
                     f"in summary.csv and comparisons.csv: {', '.join(out)}.", class_="note")


def heading(folders: Sequence[Folder], stress: Sequence[StressFolder]) -> Markup:
    parts: list[Child] = [element("h1", "Where should this memory come from?" if folders else
                                  "Does the memory behave?")]
    for folder in folders:
        parts += [paragraph(run_line(folder), class_="run"), partial.notice(folder)]
    if len(folders) > 1:
        parts.append(paragraph(f"{len(folders)} runs, side by side. Nothing is pooled over runs.",
                               class_="note"))
    parts += [paragraph(stress_line(folder), class_="run") for folder in stress]
    return joined("", parts)


def run_line(folder: Folder) -> list[Child]:
    info = folder.info
    label = info.get("label")
    model = folder.get("environment", "cpu", "model")
    cells = folder.get("plan", "cells")
    facts = [
        f"label {label}" if label else "", " ".join(str(model or "unknown processor").split()),
        threads_text(folder.cpus).replace("thread", "CPU") if folder.cpus else "",
        f"profile {info.get('profile')}" if info.get("profile") else "",
        f"{cells:,} cells" if isinstance(cells, int) else "",
        f"{len(folder.samples):,} samples" if len(folder.samples) else "",
        plural(info["rounds"], "round") if isinstance(info.get("rounds"), int) else "",
        str(info.get("started") or "")[:10], f"stackheap {info.get('stackheap_version', '')}".strip()]
    return [element("strong", folder.name), " · ", " · ".join(fact for fact in facts if fact)]


def stress_line(folder: StressFolder) -> list[Child]:
    rows = folder.check_runs
    cpus = folder.get("cpus")
    facts = [
        "PARTIAL" if checks.notice(folder) else "", plural(len(folder.checks), "check"),
        plural(len(folder.entries("allocators")), "allocator"),
        plural(len(rows), "check-run"), *checks.counts_of(rows, (*checks.FAILED, checks.NEW)),
        f"seed {folder.get('seed')}",
        threads_text(cpus).replace("thread", "CPU") if isinstance(cpus, int) else "",
        str(folder.get("started") or "")[:10], f"stackheap {folder.get('stackheap') or ''}".strip()]
    return [element("a", element("strong", folder.name), href="#checks"), " · ",
            " · ".join(fact for fact in facts if fact)]


def navigation(parts: Sequence[tuple[str, str, Markup]]) -> Markup:
    return element("ul", [element("li", element("a", title, href=f"#{name}"))
                          for name, title, _ in parts])
