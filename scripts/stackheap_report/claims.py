"""The claims that textbooks make of stack and heap: what each run found, and by which tests."""

from __future__ import annotations

from typing import Sequence

import pandas as pd

from stackheap_plots.load import NO_ALLOCATOR

from .cells import choice_text, interval_cell, interval_text, is_number, place_text, workload_link
from .folder import Folder
from .markup import Child, Field, Markup, details, element, joined, paragraph, section, table, words

MOST_TESTS = 400  # of one claim, on the page
VERDICT_CLASSES = {"holds": "good", "does not hold here": "bad", "mixed": "mixed",
                   "not measured": "unknown"}


def claims(folders: Sequence[Folder]) -> Markup:
    tested = [folder for folder in folders if not folder.tables["claims.csv"].empty]
    if not tested:
        return section("claims", "Claims", paragraph("No claims.csv: nothing is said of the textbooks' "
                                                     "claims of stack and heap."))
    numbers = sorted({number for folder in tested for number in folder.tables["claims.csv"]["claim"]})
    return section("claims", "Claims of stack and heap", paragraph(
        "What textbooks say, tested by cells of this run; for these binaries on this machine."),
        [one_claim(tested, number, several=len(folders) > 1) for number in numbers])


def one_claim(folders: Sequence[Folder], number: int, several: bool) -> Markup:
    rows = {folder.name: folder.tables["claims.csv"] for folder in folders}
    found = [(folder, rows[folder.name][rows[folder.name]["claim"] == number]) for folder in folders]
    found = [(folder, some.iloc[0]) for folder, some in found if not some.empty]
    first = found[0][1]
    body: list[Child] = [paragraph(element("small", "Tested as: ", first["tested_as"]))]
    for folder, row in found:
        if several:
            body.append(element("h4", folder.name))
        body += findings(folder, row)
    return section(f"claim-{number}", [f"{number}. {first['statement']} ", joined(" ", [
        badge(row["verdict"]) for _, row in found])], body, level=3, class_="claim")


def badge(verdict: str) -> Markup:
    return element("span", verdict, class_=f"badge {VERDICT_CLASSES.get(verdict, 'unknown')}")


def findings(folder: Folder, row: pd.Series) -> list[Child]:
    parts: list[Child] = []
    if row["sentence"]:
        parts.append(paragraph(row["sentence"]))
    if is_number(row["effect"]):
        parts.append(paragraph("Measured: ", element("strong", interval_text(
            row["effect"], row["lower"], row["upper"], row["unit"])), f" of {row['effect_of']}."))
    names = [name for name in str(row["workloads"]).split() if name]
    parts.append(paragraph(
        f"{row['tests']} tests: {row['held']} hold, {row['failed']} do not, {row['unresolved']} "
        "unresolved", [", in ", words([link_or_name(folder, name) for name in names])] if names else "",
        "."))
    tests = folder.tables["claim_tests.csv"]
    tests = tests[tests["claim"] == row["claim"]]
    if not tests.empty:
        parts.append(details(f"The {len(tests)} tests", test_table(folder, tests)))
    return parts


def link_or_name(folder: Folder, name: str) -> Child:
    return workload_link(name) if name in folder.workloads else name


def test_table(folder: Folder, tests: pd.DataFrame) -> Markup:
    def row(test: pd.Series) -> list[Field]:
        baseline = ""
        if test.baseline_variant:
            baseline = choice_text(test.baseline_variant, test.baseline_allocator)
            if is_number(test.baseline_value) and test.baseline_value != test.parameter_value:
                baseline += f" · {place_text(folder, test.workload, test.baseline_value, float('nan'))}"
        return [workload_link(test.workload), choice_text(
            test.candidate_variant, test.candidate_allocator or NO_ALLOCATOR),
            place_text(folder, test.workload, test.parameter_value, test.threads), baseline,
            test.metric, interval_cell(test.effect, test.lower, test.upper, test.unit),
            test.expectation, test.outcome]

    shown = tests.head(MOST_TESTS)
    told = paragraph(f"The first {MOST_TESTS} of {len(tests)}; all are in claim_tests.csv.") \
        if len(tests) > MOST_TESTS else None
    return Markup(joined("", [told, table(
        ("workload", "tested", "where", "against", "metric", "effect", "expected", "outcome"),
        [row(test) for test in shown.itertuples()], "Tests of this claim")]))
