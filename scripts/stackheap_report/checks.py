"""What the checks of `stackheap stress` found: how many ended how under each allocator, and each failure
and deviation with the command that repeats it."""

from __future__ import annotations

from typing import Any, Iterator, Sequence

import pandas as pd

from .cells import number_text, plural
from .failures import MOST_LOGS, MOST_ROWS, log_id, log_path, read_log
from .machine import beside
from .markup import (Cell, Child, Field, Markup, details, element, joined, paragraph, table, words)
from .stress_folder import KNOWN, MISUSE_GROUP, NEW, StressFolder

FAILED = ("unsafe", "failed")
# Each standing of a check-run with its badge, in the order of the columns.
STANDINGS = {"ok": "good", "recorded": "good", KNOWN: "mixed", NEW: "bad", "unsafe": "bad",
             "failed": "bad", "unsupported": "unknown"}
MEANINGS = (
    ("unsafe", "memory was lost, shared or damaged, or the process died or hung"),
    ("failed", "another malloc was there, or there is no result"),
    (KNOWN, "a rule of C, POSIX or a manual is broken, nothing is lost, and it is on the list of known "
            "deviations, of this library or of the one that is named"),
    (NEW, "such a deviation that is on no list"),
    ("recorded", "the rules leave open what happens, and it is written down"),
    ("unsupported", "it cannot run here"))
NAMED = 12
FULL_PASS = 1  # 0 is the short one


def checks(folder: StressFolder) -> Markup:
    rows = folder.check_runs
    return joined("", [
        paragraph(verdict_sentence(folder)), notice(folder),
        beside([folder], [dict(facts(folder))], "fact", "What was run"),
        standings_table(folder) if not rows.empty else None,
        details("What the verdicts mean", element("ul", [
            element("li", badge(name), f": {meaning}") for name, meaning in MEANINGS])),
        memory(folder), failed(folder), deviations(folder) if not rows.empty else None,
        unsupported(folder), recorded(folder), known_list(folder)])


def verdict_sentence(folder: StressFolder) -> str:
    rows = folder.check_runs
    if rows.empty:
        return "No check-run is there."
    bad = counts_of(rows, FAILED)
    said = f"Of {plural(len(rows), 'check-run')}: {' and '.join(bad)}." if bad else \
        f"None of {plural(len(rows), 'check-run')} was unsafe or failed."
    fresh, known = (int((rows["standing"] == name).sum()) for name in (NEW, KNOWN))
    return (f"{said} {plural(fresh + known, 'check-run')} deviated from C, POSIX or a manual: {fresh:,} in "
            f"new ways, {known:,} in known ones.")


def counts_of(rows: pd.DataFrame, standings: Sequence[str]) -> list[str]:
    """Those that there are: "2 unsafe"."""
    counts = rows["standing"].value_counts()
    return [f"{counts[name]:,} {name}" for name in standings if name in counts.index]


def notice(folder: StressFolder) -> Markup | None:
    """What was asked for and is not there."""
    items: list[Child] = []
    if folder.torn:
        items.append("The last row of stress.csv was cut off, and is left aside.")
    missing = folder.unfinished()
    if missing:
        names = [f"{check} under {name}" if name else check for check, name in missing[:NAMED]]
        more = len(missing) - NAMED
        items.append(["Without a full pass, as the checks were cut short or their time was over: ",
                      joined(", ", names), f" and {more} more" if more > 0 else "", "."])
    if not items:
        return None
    return element("div", element("strong", "PARTIAL: not all of these checks came to their end."),
                   element("ul", [element("li", one) for one in items]), class_="partial", role="note")


def facts(folder: StressFolder) -> Iterator[tuple[str, str]]:
    rows = folder.check_runs
    yield "checks", f"{len(folder.checks):,}"
    yield "allocators", ", ".join(folder.allocators)
    if not rows.empty:
        passes = rows["pass"].nunique()
        yield "check-runs", f"{len(rows):,} in {passes:,} pass{'' if passes == 1 else 'es'}"
        yield "time in their processes", number_text(float(rows["seconds"].sum()), "s")
        yield "operations", f"{int(rows['operations'].sum()):,}"
    yield "seed", str(folder.get("seed"))
    yield "CPUs", str(folder.get("cpus") or "unknown")
    yield "kernel", str(folder.get("kernel") or "unknown")
    yield "started (UTC)", str(folder.get("started") or "unknown")
    yield "stackheap", str(folder.get("stackheap") or "unknown")


def badge(standing: str, said: object = "") -> Markup:
    return element("span", str(said or standing),
                   class_=f"badge {STANDINGS.get(standing, 'unknown')}")


def standings_table(folder: StressFolder) -> Markup:
    """A column for each verdict; one that this release does not know has its own all the same."""
    rows = folder.check_runs
    names = list(dict.fromkeys((*STANDINGS, *rows["standing"])))
    counts = rows.groupby(["allocator", "standing"]).size()

    def cell(allocator: str, standing: str) -> Field:
        times = int(counts.get((allocator, standing), 0))
        notable = times and STANDINGS.get(standing) != "good"
        return Cell(badge(standing, f"{times:,}") if notable else f"{times:,}", times)

    body = [[name, *(cell(name, standing) for standing in names),
             f"{(rows['allocator'] == name).sum():,}"] for name in folder.allocators]
    return table(("allocator", *names, "check-runs"), body, "Check-runs by verdict",
                 numbers=range(1, len(names) + 2))


def memory(folder: StressFolder) -> Markup | None:
    """Of a run of more than the two passes: does a process that lives longer take more? A check-run is
    set against that of the same check and threads in the full pass."""
    rows = folder.check_runs
    rows = rows[(rows["pass"] >= FULL_PASS) & (rows["peak_resident_bytes"] > 0)]
    if rows.empty or rows["pass"].max() == FULL_PASS:
        return None
    key = ["allocator", "check", "threads"]
    full = rows[rows["pass"] == FULL_PASS].drop_duplicates(key).set_index(key)["peak_resident_bytes"]
    rows = rows.join(full.rename("at_first"), on=key)
    body: list[list[Field]] = []
    for (allocator, number), some in rows.groupby(["allocator", "pass"]):
        ratios = (some["peak_resident_bytes"] / some["at_first"]).dropna()
        body.append([allocator, int(number), f"{len(some):,}",
                     number_text(some["budget_seconds"].max(), "s"),
                     number_text(some["peak_resident_bytes"].max(), "B"),
                     *(number_text(of(ratios)) if not ratios.empty else ""
                       for of in (pd.Series.median, pd.Series.max))])
    return table(("allocator", "pass", "check-runs", "longest, without its grace", "largest process",
                  "against the full pass: median", "largest"), body,
                 "Peak resident memory of the checks' processes, pass by pass",
                 numbers=range(1, 7))


def finding(detail: str, command: str) -> list[Child]:
    """What was found, and how to see it again."""
    if not command:
        return [detail]
    return [detail, details("repeat it", element("pre", command, tabindex="0"))]


def failed(folder: StressFolder) -> Markup | None:
    """Each by itself, with its log: no two are alike."""
    rows = folder.check_runs[folder.check_runs["standing"].isin(FAILED)]
    if rows.empty:
        return None
    shown = rows.head(MOST_ROWS)
    with_log = [row for row in shown.itertuples() if log_path(folder, row.Index).is_file()][:MOST_LOGS]
    on_page = {row.Index for row in with_log}
    body: list[list[Field]] = [
        [row.allocator, row.check, row.threads, row.seed, badge(row.standing),
         Cell(finding(row.detail, row.command), row.detail, class_="found"),
         element("a", "log", href=f"#{log_id(folder, row.Index)}") if row.Index in on_page else ""]
        for row in shown.itertuples()]
    caption = "Unsafe or failed" + first_of(len(rows))
    return joined("", [
        table(("allocator", "check", "threads", "seed", "verdict", "what was found", "log"), body,
              caption, numbers=(2, 3)),
        [details(f"Log of {row.check} under {row.allocator}, {row.standing}",
                 element("pre", read_log(log_path(folder, row.Index)), tabindex="0"),
                 id=log_id(folder, row.Index), class_="log") for row in with_log]])


def first_of(count: int) -> str:
    return f": the first {MOST_ROWS:,} of {count:,}; all are in stress.csv" if count > MOST_ROWS else ""


def deviations(folder: StressFolder) -> Markup:
    """One row for those that differ in nothing but pass, threads and address, with its first check-run."""
    rows = folder.check_runs[folder.check_runs["standing"].isin((KNOWN, NEW))]
    if rows.empty:
        return paragraph("No deviation from C, POSIX or a manual was seen.")
    groups = rows.groupby(["standing", "allocator", "check", "known", "deviations"], sort=False)
    found = sorted(groups, key=lambda one: (one[0][0] != NEW, folder.allocators.index(one[0][1])))
    body: list[list[Field]] = []
    for _, some in found[:MOST_ROWS]:
        row = some.iloc[0]
        body.append([row["allocator"], row["check"], badge(row["standing"], row["known"]),
                     words(row["deviations"].split()),
                     Cell(finding(row["detail"], row["command"]), row["detail"], class_="found"),
                     len(some)])
    return table(("allocator", "check", "known or new", "deviation", "what was found, at first",
                  "check-runs"), body, "Deviations" + first_of(len(found)), numbers=(5,))


def unsupported(folder: StressFolder) -> Markup | None:
    rows = folder.check_runs[folder.check_runs["standing"] == "unsupported"]
    if rows.empty:
        return None
    rows = rows.drop_duplicates(["allocator", "check", "detail"])
    return table(("allocator", "check", "why"), [[row.allocator, row.check, row.detail]
                                                 for row in rows.itertuples()], "Could not run here")


def recorded(folder: StressFolder) -> Markup | None:
    """What the rules leave open; of misuse there is a section."""
    rows = folder.check_runs[folder.check_runs["records"] != ""]
    if not folder.lacks_misuse:
        rows = rows[~rows["check"].str.startswith(MISUSE_GROUP)]
    rows = rows.drop_duplicates(["allocator", "check", "records"])
    if rows.empty:
        return None
    return details("What the rules leave open, as it was recorded", table(
        ("check", "allocator", "recorded"),
        [[row.check, row.allocator, Cell(row.records, class_="found")] for row in head(rows)],
        "Recorded behaviour" + first_of(len(rows))))


def head(rows: pd.DataFrame) -> Iterator[Any]:
    return rows.sort_values("check", kind="stable").head(MOST_ROWS).itertuples()


def known_list(folder: StressFolder) -> Markup | None:
    known = folder.entries("known_deviations")
    columns = ("allocator", "library", "version", "check", "deviation", "what", "source")
    if not known:
        return None
    return details("The list of known deviations", table(
        columns, [[str(one.get(column, "")) for column in columns] for one in known],
        "Known deviations, by library and version"))

