"""The machine, what the doctor says of it, and which programs and files the numbers are from."""

from __future__ import annotations

import json
from typing import Any, Iterator, Sequence

from .cells import number_text
from .folder import DERIVED, Folder, ResultsFolder, sha256_of
from .markup import Cell, Child, Field, Markup, code, details, element, paragraph, section, table
from .stress_folder import StressFolder
from .tables import CHECKS, DATA

SEVERITIES = ("problem", "warning", "note", "ok")
RUN_FILES = ("run.json", *(file for file in DATA if file != "windows.csv"), *DERIVED)


def flat(node: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """The members of an object as rows: "cpu · model", "AMD EPYC"."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from flat(value, f"{path} · {key}" if path else str(key))
    elif isinstance(node, list) and any(isinstance(one, (dict, list)) for one in node):
        for place, one in enumerate(node, 1):
            yield from flat(one, f"{path} {place}")
    elif isinstance(node, list):
        yield path, ", ".join(map(plain, node)) or "none"
    else:
        yield path, plain(node)


def plain(value: Any) -> str:
    if value is None:
        return "not visible"
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def beside(folders: Sequence[ResultsFolder], facts: Sequence[dict[str, str]], what: str, caption: str) -> Markup:
    """A column for each run; a row that differs between them says so."""
    keys = list(dict.fromkeys(key for one in facts for key in one))
    several = len(folders) > 1
    rows: list[list[Field]] = []
    for key in keys:
        values = [one.get(key, "") for one in facts]
        differs: list[Field] = [Cell("differs" if len(set(values)) > 1 else "")] if several else []
        rows.append([key, *values, *differs])
    header = [what, *(folder.name for folder in folders), *(["between runs"] if several else [])]
    return table(header, rows, caption, class_="facts")


def machine(folders: Sequence[Folder]) -> Markup:
    headline = [dict(headline_facts(folder)) for folder in folders]
    whole = [{**dict(flat(folder.get("environment") or {})),
              **{f"load · {key}": value for key, value in flat(folder.get("load") or {})},
              **{f"topology · {key}": value for key, value in flat(folder.get("topology") or {})}}
             for folder in folders]
    return section("machine", "Machine", beside(folders, headline, "fact", "The machine in short"),
                   details("Everything that was captured of it",
                           beside(folders, whole, "fact", "All that run.json has of the machine")))


def headline_facts(folder: Folder) -> Iterator[tuple[str, str]]:
    get = folder.get
    yield "processor", " ".join(str(get("environment", "cpu", "model") or "unknown").split())
    yield "CPUs this run could use", str(folder.cpus or "unknown")
    topology = get("topology") or {}
    if isinstance(topology, dict) and "cores" in topology:
        yield "cores, packages, NUMA nodes", ", ".join(
            str(topology.get(name, "?")) for name in ("cores", "packages", "numa_nodes"))
    total = get("environment", "memory", "total_bytes")
    if isinstance(total, (int, float)):
        yield "memory", number_text(float(total), "B")
    yield "kernel", str(get("environment", "kernel", "release") or "unknown")
    yield "system", str(get("environment", "os") or "unknown")
    yield "virtual machine", plain(get("environment", "cpu", "virtual_machine"))
    yield "transparent huge pages", str(get("environment", "memory", "thp") or "not visible")
    yield "started (UTC)", str(get("started") or "unknown")
    yield "finished (UTC)", str(get("finished") or "not finished")
    calibration = get("calibration")
    yield "calibrated", "never" if not calibration else ", ".join(
        f"{key}: {value}" for key, value in flat(calibration))


def doctor(folders: Sequence[Folder]) -> Markup:
    parts: list[Child] = []
    for folder in folders:
        found = folder.entries("doctor")
        if len(folders) > 1:
            parts.append(element("h3", folder.name))
        if not found:
            parts.append(paragraph("run.json has no findings of the doctor."))
            continue
        order = {name: place for place, name in enumerate(SEVERITIES)}
        found = sorted(found, key=lambda one: order.get(str(one.get("severity")), -1))
        rows: list[list[Field]] = [
            [Cell(severity(str(one.get("severity"))), order.get(str(one.get("severity")), -1)),
             str(one.get("subject", "")), str(one.get("what", "")), str(one.get("why", "")),
             code(one["mend"]) if one.get("mend") else ""] for one in found]
        notable = [row for row, one in zip(rows, found) if one.get("severity") != "ok"]
        header = ("severity", "subject", "finding", "why it matters", "what mends it")
        parts.append(table(header, notable, "Findings") if notable else
                     paragraph("The doctor found nothing amiss."))
        if len(notable) < len(rows):
            parts.append(details(f"{len(rows) - len(notable)} findings that are well",
                                 table(header, rows[len(notable):], "Findings that are well")))
        parts += missing_counters(folder)
    return section("doctor", "Fit to measure on? The doctor's findings", parts)


def severity(name: str) -> Markup:
    classes = {"ok": "good", "note": "mixed", "warning": "bad", "problem": "bad"}
    return element("span", name, class_=f"badge {classes.get(name, 'unknown')}")


def missing_counters(folder: Folder) -> list[Child]:
    missing = folder.entries("instrumented", "missing")
    if not missing:
        return []
    return [element("div", paragraph("Counters that could not be read here, and why:"), element("ul", [
        element("li", element("strong", str(one.get("metric", ""))), ": ", str(one.get("reason", "")))
        for one in missing]), id=f"missing-{folder.address}")]


def versions(folders: Sequence[Folder], stress: Sequence[StressFolder]) -> Markup:
    parts: list[Child] = []
    for folder in (*folders, *stress):
        if len(folders) + len(stress) > 1:
            parts.append(element("h3", folder.name))
        if isinstance(folder, Folder):
            parts += [allocator_table(folder), build_table(folder), file_table(folder, RUN_FILES)]
        else:
            parts += [checked_allocators(folder), file_table(folder, ("stress.json", *CHECKS))]
    return section("versions", "Versions and hashes", parts)


def allocator_table(folder: Folder) -> Markup:
    rows: list[list[Field]] = []
    for one in folder.entries("allocators"):
        libraries = [lib for lib in one.get("libraries") or [] if isinstance(lib, dict)]
        environment = one.get("environment")
        notes = [str(one.get("unavailable") or "")]
        if one.get("unproven_tuning"):
            notes.append("its tuning could not be read back from the library")
        rows.append([
            str(one.get("name")), str(one.get("version", "")), str(one.get("description", "")),
            *(lines(libraries, key) for key in ("path", "build_id", "sha256")),
            environment_text(environment), "; ".join(filter(None, notes))])
    return table(("allocator", "version", "what it is", "library", "build-id", "SHA-256", "environment",
                  "note"), rows, "Allocators", class_="hashes")


def lines(libraries: Sequence[dict[str, Any]], key: str) -> list[Child]:
    return [[element("br") if place else "", code(lib.get(key, ""))]
            for place, lib in enumerate(libraries)]


def environment_text(environment: object) -> str:
    return ", ".join(f"{key}={value}" for key, value in environment.items()) \
        if isinstance(environment, dict) else ""


def checked_allocators(folder: StressFolder) -> Markup:
    rows: list[list[Field]] = []
    for one in folder.entries("allocators"):
        libraries = [lib for lib in one.get("files") or [] if isinstance(lib, dict)]
        rows.append([str(one.get("name")),
                     *(lines(libraries, key) for key in ("version", "path", "build_id", "sha256")),
                     environment_text(one.get("environment"))])
    return table(("allocator", "version", "library", "build-id", "SHA-256", "environment"), rows,
                 "Allocators that were checked", class_="hashes")


def build_table(folder: Folder) -> Markup:
    rows: list[list[Field]] = [["stackheap", str(folder.get("stackheap_version") or "")],
                               ["plan hash", code(folder.get("plan", "hash") or "")]]
    for key, value in flat(folder.get("build") or {}):
        rows.append([key, code(value) if "sha256" in key or "build_id" in key else value])
    program = folder.get("program")
    if program:
        rows += [[f"program · {key}", value] for key, value in flat(program)]
    return table(("what", "value"), rows, "Programs", class_="facts hashes")


def file_table(folder: ResultsFolder, names: Sequence[str]) -> Markup:
    """The files that this page was made of: whoever has them can tell that they are the same."""
    rows: list[list[Field]] = []
    for name in names:
        path = folder.path / name
        if path.is_file():
            size = path.stat().st_size
            rows.append([name, Cell(number_text(float(size), "B"), size), code(sha256_of(path))])
    return table(("file", "size", "SHA-256"), rows, "Files of the run that this page is made of",
                 numbers=(1,), class_="hashes")


def options_text(options: object) -> str:
    return json.dumps(options, indent=1, sort_keys=True, ensure_ascii=False)
