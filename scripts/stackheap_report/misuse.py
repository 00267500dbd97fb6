"""What became of misuse under each allocator: caught or not, at once or later, and how."""

from __future__ import annotations

from collections import Counter
from typing import Sequence

import pandas as pd

from .cells import plural
from .markup import Cell, Child, Field, Markup, code, element, joined, paragraph, section, table
from .stress_folder import StressFolder

# Each outcome with its badge; in the order in which a column sorts.
OUTCOMES = {"caught": "good", "reported": "good", "crashed": "mixed", "hangs": "mixed",
            "silent": "bad", "harmless": "unknown"}
LATER = "later"


def misuse(folder: StressFolder) -> Markup:
    rows = folder.misuse
    if folder.lacks_misuse:
        return paragraph("misuse.csv is not there: the checks were cut short before it was written. What "
                         "was recorded until then is in the column records of stress.csv, and above.")
    if rows.empty:
        return paragraph("No check of misuse was among those that ran: ",
                         code("stackheap stress --check 'misuse/*'"), " makes them.")
    kinds = list(dict.fromkeys(rows["misuse"]))
    allocators = [name for name in folder.allocators if name in set(rows["allocator"])]
    return joined("", [
        paragraph("What each allocator did when a program freed or used memory wrongly, each case in a "
                  "process of its own. All of it is undefined, so that nothing here is an error of the "
                  "allocator."),
        legend(), overview(rows, kinds, allocators),
        [section(f"misuse-{folder.address}-{place}", kind, cases(rows[rows["misuse"] == kind], kind,
                                                                 allocators), level=4)
         for place, kind in enumerate(kinds, 1)]])


def legend() -> Markup:
    return element("ul", [element("li", badge(name), f": {meaning}") for name, meaning in (
        ("caught", "the allocator ended the process on purpose"),
        ("reported", "it printed a message and went on"),
        ("crashed", "the process died by a signal that nobody chose"),
        ("hangs", "it did not end"),
        ("silent", "something was damaged and nothing said so"),
        ("harmless", "no damage was seen"))],
        element("li", "at once: in the call of the misuse; later: afterwards"))


def badge(outcome: str, said: str = "") -> Markup:
    return element("span", said or outcome or "unknown",
                   class_=f"badge {OUTCOMES.get(outcome, 'unknown')}")


def overview(rows: pd.DataFrame, kinds: Sequence[str], allocators: Sequence[str]) -> Markup:
    """How many cases of each kind were caught."""
    def cell(some: pd.DataFrame) -> Field:
        if some.empty:
            return ""
        outcomes = Counter(some["outcome"])
        caught = outcomes.pop("caught", 0)
        others = [f"{times} {outcome or 'unknown'}" for outcome, times in sorted(
            outcomes.items(), key=lambda one: place_of(one[0]))]
        head = badge("caught" if caught else "", f"caught {caught} of {len(some)}")
        return Cell([head, element("br"), element("small", joined(" · ", [
            *when_text(some[some["outcome"] == "caught"]), *others]))], caught)

    body = [[name, *(cell(rows[(rows["allocator"] == name) & (rows["misuse"] == kind)])
                     for kind in kinds)] for name in allocators]
    return table(("allocator", *kinds), body, "Misuse: cases that were caught, and what became of the "
                 "others", class_="outcomes")


def when_text(caught: pd.DataFrame) -> list[str]:
    counts = Counter(caught["when"])
    return [f"{times} {when}" for when, times in sorted(counts.items()) if when]


def place_of(outcome: str) -> int:
    return list(OUTCOMES).index(outcome) if outcome in OUTCOMES else len(OUTCOMES)


def cases(rows: pd.DataFrame, kind: str, allocators: Sequence[str]) -> Markup:
    """Rows are allocators, columns the cases of one kind."""
    names = list(dict.fromkeys(rows["case"]))
    found = {(row.allocator, row.case): row for row in rows.itertuples()}
    body = [[allocator, *(outcome_cell(found.get((allocator, name))) for name in names)]
            for allocator in allocators]
    return table(("allocator", *names), body, f"{kind}: {plural(len(names), 'case')}", class_="outcomes")


def outcome_cell(row: pd.Series | None) -> Field:
    if row is None:
        return ""
    parts: list[Child] = [element("span", badge(row.outcome), f" {row.when}" if row.when else "",
                                  class_="outcome")]
    if row.how:
        parts += [element("br"), element("small", row.how)]
    return Cell(parts, 2 * place_of(row.outcome) + (row.when == LATER))

