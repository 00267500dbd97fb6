"""How to repeat a run, or what is derived from it."""

from __future__ import annotations

import shlex
from typing import Sequence

from .folder import Folder, ResultsFolder
from .machine import options_text
from .markup import Child, Markup, code, details, element, paragraph, section
from .stress_folder import StressFolder


def shell(text: str) -> Markup:
    return element("pre", text, tabindex="0", class_="shell")


def command_line(folder: ResultsFolder) -> str:
    words = folder.get("command_line")
    return shlex.join(map(str, words)) if isinstance(words, list) and words else ""


def repeat(folders: Sequence[Folder], stress: Sequence[StressFolder]) -> Markup:
    parts: list[Child] = []
    for folder in (*folders, *stress):
        if len(folders) + len(stress) > 1:
            parts.append(element("h3", folder.name))
        parts += of_run(folder) if isinstance(folder, Folder) else of_checks(folder)
    return section("repeat", "How to repeat this", parts)


def with_stackheap(version: object, command: str) -> list[Child]:
    if not command:
        return []
    return [paragraph(f"With stackheap {version or '?'}, in its checkout, once built by './scripts/run' "
                      "or CMake:"), shell(command)]


def of_run(folder: Folder) -> list[Child]:
    command = command_line(folder)
    seed = folder.get("seed")
    parts = with_stackheap(folder.get("stackheap_version"), command)
    merged = folder.entries("merged")
    if merged:
        parts.append(paragraph("It is merged from these runs:"))
        parts += [shell(shlex.join(map(str, one.get("command_line") or []))) for one in merged]
    if seed is not None and "--seed" not in command.split():
        parts.append(paragraph("With ", code(f"--seed {seed}"), " added, order and random numbers are the "
                               "same again; times never are."))
    name = shlex.quote(folder.path.resolve().name)
    parts += [paragraph("What is derived from its samples, its figures and this page, again, in the "
                        "folder that holds it:"),
              shell(f"stackheap summarize {name}\nscripts/plot {name}\nscripts/report {name}"),
              paragraph("A log of a failed sample holds the exact command that repeats that sample."),
              details("Every option, with the defaults filled in",
                      element("pre", options_text(folder.get("options")), tabindex="0"))]
    return parts


def of_checks(folder: StressFolder) -> list[Child]:
    command = command_line(folder)
    seed = folder.get("seed")
    name = shlex.quote(folder.path.resolve().name)
    seeded = paragraph("With ", code(f"--seed {seed}"), " added, each check draws the same again: on one "
                       "thread that fixes every operation.") \
        if seed is not None and "--seed" not in command.split() else None
    return [*with_stackheap(folder.get("stackheap"), command), seeded,
            paragraph("This page, again, in the folder that holds it:"), shell(f"scripts/report {name}")]
