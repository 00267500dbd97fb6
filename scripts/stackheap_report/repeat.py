"""How to repeat a run, or what is derived from it."""

from __future__ import annotations

import shlex
from typing import Sequence

from .folder import Folder
from .machine import options_text
from .markup import Child, Markup, code, details, element, paragraph, section


def shell(text: str) -> Markup:
    return element("pre", text, tabindex="0", class_="shell")


def command_line(folder: Folder) -> str:
    words = folder.get("command_line")
    return shlex.join(map(str, words)) if isinstance(words, list) and words else ""


def repeat(folders: Sequence[Folder]) -> Markup:
    parts: list[Child] = []
    for folder in folders:
        if len(folders) > 1:
            parts.append(element("h3", folder.name))
        parts += of_run(folder)
    return section("repeat", "How to repeat this", parts)


def of_run(folder: Folder) -> list[Child]:
    command = command_line(folder)
    seed = folder.get("seed")
    version = folder.get("stackheap_version") or "?"
    parts: list[Child] = []
    if command:
        parts += [paragraph(f"With stackheap {version}, in its checkout, once built by "
                            "'./scripts/run' or CMake:"), shell(command)]
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
