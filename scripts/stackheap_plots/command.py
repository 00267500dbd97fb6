"""The command line: which figures a run has, which are wanted, and where they go."""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from pathlib import Path
from typing import Sequence

from . import (calibration, claims, contention, latency, memory_timeline, pareto, ratio,
               resident_per_live, scaling, stack_against_heap, stack_kinds)
from .cells import Planned
from .draw import FORMATS, draw_all
from .load import Run, load_run
from .sheet import PAPER, SCREEN, SHEETS, drawn_for
from .table import PlotError

FIGURES = (claims, scaling, ratio, stack_against_heap, stack_kinds, pareto, contention, latency,
           memory_timeline, resident_per_live)


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    families = ", ".join([*(module.NAME for module in FIGURES), calibration.NAME])
    parser = argparse.ArgumentParser(
        prog="scripts/plot",
        description="Draws static figures of one run from its CSV files and run.json, or of a "
        "calibration. Prints the path of each file it wrote.",
        epilog=f"figures: {families}\n\n"
        "examples:\n"
        "  scripts/plot results/2025-01-31T12-00-00Z-host-quick\n"
        "  scripts/plot results/night --style paper --format pdf --only scaling ratio",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", metavar="RUN", type=Path,
                        help="the results folder of a run, or of a calibration")
    parser.add_argument("--format", default=",".join(FORMATS), metavar="LIST",
                        help=f"comma-separated, of {', '.join(FORMATS)} (default: all of them)")
    parser.add_argument("--only", nargs="+", action="extend", default=[], metavar="FIGURE",
                        help="a kind of figure, or one figure by its file's name")
    parser.add_argument("--baseline", default="", metavar="NAME",
                        help="the allocator that others are set against (default: the run's own)")
    parser.add_argument("--style", choices=list(SHEETS), default=SCREEN.name,
                        help="paper: one column of 85 mm, with text that can be read there "
                        "(default: screen)")
    parser.add_argument("--out", type=Path, metavar="DIR",
                        help="where the files go (default: RUN/figures; RUN/figures/paper for paper)")
    return parser.parse_args(arguments)


def parse_formats(text: str) -> list[str]:
    formats = [part.strip().lower() for part in text.split(",") if part.strip()]
    for name in formats:
        if name not in FORMATS:
            raise PlotError(f"--format {text}: '{name}' is not one of {', '.join(FORMATS)}.")
    if not formats:
        raise PlotError(f"--format: nothing named; give one or more of {', '.join(FORMATS)}.")
    return list(dict.fromkeys(formats))


def plan_figures(run: Run, only: Sequence[str]) -> list[Planned]:
    """The figures that the run has data for; `only` must name kinds or figures."""
    families = {module.NAME: module.plan(run) for module in FIGURES}
    every = [planned for family in families.values() for planned in family]
    if not only:
        return every
    wanted: set[str] = set()
    for name in (part for item in only for part in item.split(",") if part):
        named = families.get(name) or [one for one in every if one.name == name] or [
            # A further page is drawn with its first.
            one for one in every if re.fullmatch(re.escape(one.name) + r"-[2-9]\d*", name)]
        if not named:
            raise PlotError(f"--only {name}: {why_not(name, families)}")
        wanted.update(planned.name for planned in named)
    return [planned for planned in every if planned.name in wanted]


def why_not(name: str, families: dict[str, list[Planned]]) -> str:
    drawable = [planned.name for family in families.values() for planned in family]
    if name in families:
        has = f"it has {', '.join(drawable)}" if drawable else "nor in any other"
        return f"no workload of this run plays in that figure; {has}."
    if name == calibration.NAME:
        return "that is the figure of a calibration: give the folder of one."
    known = list(dict.fromkeys([*families, *drawable]))
    near = difflib.get_close_matches(name, known, n=3)
    return ("this run has no such figure; "
            + (f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(known)}."))


def plan_calibration(options: argparse.Namespace) -> list[Planned]:
    if unknown := [name for name in options.only if name != calibration.NAME]:
        raise PlotError(f"--only {unknown[0]}: a calibration has one figure, {calibration.NAME}.")
    if options.baseline:
        raise PlotError(f"--baseline {options.baseline}: a calibration compares no allocators.")
    return [Planned(calibration.NAME, lambda: calibration.draw(options.run))]


def plot(options: argparse.Namespace) -> None:
    formats = parse_formats(options.format)
    folder = "figures/paper" if options.style == PAPER.name else "figures"
    out: Path = options.out or options.run / folder
    with drawn_for(options.style):
        if calibration.is_calibration(options.run):
            planned = plan_calibration(options)
        else:
            run = load_run(options.run, options.baseline)
            planned = plan_figures(run, options.only)
            for remark in run.remarks:
                print(f"scripts/plot: {remark}", file=sys.stderr)
        if not planned:
            print(f"{options.run}: no workload of this run plays in a figure; nothing drawn.",
                  file=sys.stderr)
            return
        for path in draw_all(planned, formats, out):
            print(path, flush=True)


def main(arguments: Sequence[str]) -> int:
    options = parse_arguments(arguments)
    try:
        plot(options)
    except PlotError as error:
        print(f"scripts/plot: {error}", file=sys.stderr)
        return 2
    return 0
