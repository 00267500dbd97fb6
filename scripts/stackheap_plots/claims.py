"""claims: what textbooks say of stack and heap, each with its tests, their intervals and a verdict.

Verdicts are words of claims.csv and no score: a claim with one test that contradicts it is mixed,
however many support it. So every test is a mark of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .axis import dodge, intervals, ratio_axis
from .cells import Planned
from .lettering import literal, put_beside, shorten, text_width, wrap
from .load import Run
from .page import Page
from .sheet import sheet
from .style import BLACK, GREY, PALE, Look, plain, quantity
from .table import Converter, count, number, read_table, text

NAME = "claims"
FILES = ("claims.csv", "claim_tests.csv")
CLAIMS: dict[str, Converter] = {
    "claim": count, "statement": text, "verdict": text, "tests": count, "held": count,
    "failed": count, "unresolved": count, "effect_of": text, "effect": number, "lower": number,
    "upper": number, "unit": text,
}
CLAIMS_ALSO = ("tested_as", "workloads", "sentence")
TESTS: dict[str, Converter] = {
    "claim": count, "kind": text, "effect": number, "lower": number, "upper": number,
    "expectation": text, "outcome": text,
}
TESTS_ALSO = ("workload", "parameter", "parameter_value", "threads", "metric", "candidate_variant",
              "candidate_allocator", "baseline_variant", "baseline_allocator", "baseline_value",
              "unit", "confidence", "samples", "said")
NOT_MEASURED = "not measured"
SHARES = ("verified", "outcome")  # kinds of tests whose effect is a share of samples
HOLDS, FAILS, UNRESOLVED, TOLD = "holds", "does not hold here", "unresolved", "told"
# By outcome of a test: how it is drawn, whether filled, and what the legend says.
MARKS = {
    HOLDS: (Look("#0072B2", "o", "-"), True, "test in which it holds"),
    FAILS: (Look("#D55E00", "X", "-"), True, "test in which it does not hold"),
    UNRESOLVED: (Look(GREY, "o", "-"), False, "unresolved"),
    TOLD: (Look("#777777", "|", "-"), True, "told, not judged"),
}
VERDICTS = {HOLDS: "#0072B2", FAILS: "#D55E00", "mixed": BLACK, NOT_MEASURED: "#777777"}
LINE = 0.155  # inches
MARKED = 1.7  # lines that the marks of a claim take
GAP = 0.7  # lines between two claims


@dataclass(frozen=True)
class Block:
    """A claim on the page; places count lines from the top."""

    claim: pd.Series
    statement: list[str]
    effect: str
    tests: pd.DataFrame  # ratios

    @property
    def lines(self) -> float:
        return len(self.statement) + MARKED + (1 if self.claim["effect_of"] else 0) + GAP


def plan(run: Run) -> list[Planned]:
    """A run of programs, or of workloads that test no claim, has nothing to show."""
    if not all((run.folder / name).is_file() for name in FILES):
        return []
    claims = read_table(run.folder / FILES[0], CLAIMS, CLAIMS_ALSO, run.remarks)
    tests = read_table(run.folder / FILES[1], TESTS, TESTS_ALSO, run.remarks)
    if tests.empty:
        return []
    return [Planned(NAME, lambda: draw(run, claims, tests))]


def tally(claim: pd.Series) -> str:
    judged = claim["held"] + claim["failed"] + claim["unresolved"]
    if not judged:
        return "no judged test"
    more = f", {claim['unresolved']} unresolved" if claim["unresolved"] else ""
    return f"{claim['held']} of {judged} hold{more}"


def effect_text(claim: pd.Series, kind: str) -> str:
    """No number without its interval, where there is one."""
    if math.isnan(claim["effect"]):
        return ""

    def said(value: float) -> str:
        return plain(round(100 * value, 1)) if kind in SHARES else quantity(value, claim["unit"])

    what = " % of samples" if kind in SHARES else ""
    bounds = ("" if math.isnan(claim["lower"]) or math.isnan(claim["upper"])
              else f" [{said(claim['lower'])}, {said(claim['upper'])}]")
    return f"{said(claim['effect'])}{what}{bounds}"


def kind_of_effect(claim: pd.Series, tests: pd.DataFrame) -> str:
    """claims.csv repeats the effect of one of its tests, and not what kind of test that is."""
    same = tests[(tests["claim"] == claim["claim"]) & (tests["effect"] == claim["effect"])]
    return str(same["kind"].iloc[0]) if not same.empty else ""


def draw(run: Run, claims: pd.DataFrame, tests: pd.DataFrame) -> list[Figure]:
    size = sheet()
    verdicts = max(text_width(word, size.tick, bold=True)
                   for word in [*claims["verdict"], *map(tally, (row for _, row in claims.iterrows()))])
    plot = 4.4
    right = 0.15
    room = (size.width - 2 * size.edge if size.width else verdicts + 0.2 + plot)
    ratios = tests[(tests["kind"] == "ratio") & tests["effect"].notna()]
    blocks = [Block(claim, wrap(f"{claim['claim']}. {claim['statement']}", room, size.tick, bold=True),
                    effect_text(claim, kind_of_effect(claim, tests)),
                    ratios[ratios["claim"] == claim["claim"]])
              for _, claim in claims.iterrows()]
    shown = set(ratios["outcome"])
    legend: list[tuple[object, str]] = [
        (Line2D([], [], color=look.colour, marker=look.marker, linestyle="none",
                markersize=size.mark, markerfacecolor=look.colour if filled else "white"), label)
        for outcome, (look, filled, label) in MARKS.items() if outcome in shown]
    page = Page(
        run, "What textbooks say of stack and heap",
        "Marks: ratios of the tests, with their intervals, which hold together at 95 % in each claim. "
        "Shaded: the side of 1 on which the claim expects them. Below: the test that stands for the "
        "claim.", 1, 1, (plot, LINE * sum(block.lines for block in blocks)),
        names=verdicts, right=right, above=0.05, legend=legend,
        notes=["For these binaries on this machine. Claims that are verified, or told by an outcome "
               "in words, have no ratio; all tests are in claim_tests.csv."])
    axes = page.axes[0]
    left = axes.get_position().x0 * axes.figure.get_size_inches()[0] - size.edge
    bounds = [*ratios["effect"], *ratios["lower"], *ratios["upper"]]
    if bounds:
        ratio_axis(axes, "x", bounds, 5 if size.width else 9)
        axes.set_xlabel("ratio (log scale)")
    else:
        axes.set_xticks([])
    at = 0.0
    for block in blocks:
        draw_block(axes, at, block, left, room)
        at += block.lines
    axes.set_ylim(at - 0.3, 0)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    return page.figures


def draw_block(axes: Axes, at: float, block: Block, left: float, room: float) -> None:
    size = sheet()
    claim = block.claim
    for place, line in enumerate(block.statement):
        put_beside(axes, -left, at + place + 0.5, line, size=size.tick, weight="bold")
    middle = at + len(block.statement) + MARKED / 2
    verdict = str(claim["verdict"])
    put_beside(axes, -left, middle - 0.45, verdict, size=size.tick, weight="bold",
               color=VERDICTS.get(verdict, BLACK))
    put_beside(axes, -left, middle + 0.5, tally(claim), size=size.value, color=GREY)
    if block.tests.empty:
        put_beside(axes, 0.06, middle, NOT_MEASURED if verdict == NOT_MEASURED else
                   "no ratio: verified, or told in words", size=size.value, color="#777777")
    else:
        draw_tests(axes, middle, block.tests)
    if claim["effect_of"]:
        # The number comes first: what it is of may have to be shortened.
        told = f"{block.effect}: {claim['effect_of']}" if block.effect else claim["effect_of"]
        put_beside(axes, -left, middle + MARKED / 2 + 0.4, shorten(told, room, size.value),
                   size=size.value, color="#333333")


def draw_tests(axes: Axes, middle: float, tests: pd.DataFrame) -> None:
    low, high = axes.get_xlim()
    expected = set(tests["expectation"]) & {"more", "less"}
    if len(expected) == 1:
        axes.fill_between([1, high] if expected == {"more"} else [low, 1],
                          middle - MARKED / 2 + 0.1, middle + MARKED / 2 - 0.1, color=PALE,
                          alpha=0.55, linewidth=0, zorder=0)
    for place, row in enumerate(tests.itertuples()):
        look, filled, _ = MARKS.get(row.outcome, MARKS[TOLD])
        y = middle + dodge(place, len(tests), MARKED - 0.7)
        intervals(axes, [y], [row.lower], [row.upper], look, horizontal=True)
        axes.plot([row.effect], [y], color=look.colour, marker=look.marker, linestyle="none",
                  markersize=size_of(len(tests)), zorder=4,
                  markerfacecolor=look.colour if filled else "white")


def size_of(tests: int) -> float:
    """Many marks in the same room are smaller."""
    return sheet().mark * (1.0 if tests <= 8 else 0.75)
