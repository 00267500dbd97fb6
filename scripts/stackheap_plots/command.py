"""The command line: which figures a run has, which are wanted, and where they go."""

from __future__ import annotations

import argparse
import difflib
import sys
from pathlib import Path
from typing import Any, Sequence

from matplotlib import rc_context
from matplotlib.figure import Figure

from . import (calibration, contention, memory_timeline, pareto, ratio, resident_per_live, scaling,
               stack_against_heap, stack_kinds)
from .cells import Planned
from .load import Run, load_run
from .style import RC
from .table import PlotError

FIGURES = (scaling, ratio, stack_against_heap, stack_kinds, pareto, contention, memory_timeline,
           resident_per_live)
FORMATS = ("svg", "png", "pdf")
# Without these a file would change with every drawing of the same run.
METADATA: dict[str, dict[str, Any]] = {
    "svg": {"Date": None},
    "png": {},
    "pdf": {"CreationDate": None},
}


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    families = ", ".join(module.NAME for module in FIGURES)
    parser = argparse.ArgumentParser(
        prog="scripts/plot",
        description="Draws static figures of one run from its summary.csv, comparisons.csv and "
        "run.json. Prints the path of each file it wrote.",
        epilog=f"figures: {families}\n\n"
        "example: scripts/plot results/2025-01-31T12-00-00Z-host-quick --format pdf --only scaling",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", metavar="RUN", type=Path,
                        help="the results folder of a run, or of a calibration")
    parser.add_argument("--format", default="svg,png", metavar="LIST",
                        help="comma-separated: svg, png, pdf (default: svg,png)")
    parser.add_argument("--out", type=Path, metavar="DIR",
                        help="where the files go (default: RUN/figures)")
    parser.add_argument("--only", nargs="+", action="extend", default=[], metavar="FIGURE",
                        help="a kind of figure, or one figure by its file's name")
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
        named = families.get(name) or [planned for planned in every if planned.name == name]
        if not named:
            raise PlotError(f"--only {name}: {why_not(name, families)}")
        wanted.update(planned.name for planned in named)
    return [planned for planned in every if planned.name in wanted]


def why_not(name: str, families: dict[str, list[Planned]]) -> str:
    drawable = [planned.name for family in families.values() for planned in family]
    if name in families:
        has = f"it has {', '.join(drawable)}" if drawable else "nor in any other"
        return f"no workload of this run plays in that figure; {has}."
    known = list(dict.fromkeys([*families, *drawable]))
    near = difflib.get_close_matches(name, known, n=3)
    return ("this run has no such figure; "
            + (f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(known)}."))


def save(figure: Figure, name: str, formats: Sequence[str], out: Path) -> list[Path]:
    paths = []
    for kind in formats:
        path = out / f"{name}.{kind}"
        figure.savefig(path, metadata=METADATA[kind])
        paths.append(path)
    return paths


def draw_all(options: argparse.Namespace) -> None:
    formats = parse_formats(options.format)
    if calibration.is_calibration(options.run):
        return draw_calibration(options, formats)
    run = load_run(options.run)
    out: Path = options.out or options.run / "figures"
    planned = plan_figures(run, options.only)
    if not planned:
        print(f"{options.run}: no workload of this run plays in a figure; nothing drawn.",
              file=sys.stderr)
        return
    with rc_context(RC):
        # All of them before the first file: a damaged file shall not leave half a set.
        write_all([(one.name, one.draw()) for one in planned], formats, out)


def draw_calibration(options: argparse.Namespace, formats: Sequence[str]) -> None:
    if unknown := [name for name in options.only if name != calibration.NAME]:
        raise PlotError(f"--only {unknown[0]}: a calibration has one figure, {calibration.NAME}.")
    with rc_context(RC):
        write_all([(calibration.NAME, calibration.draw(options.run))], formats,
                  options.out or options.run / "figures")


def write_all(drawn: Sequence[tuple[str, Figure]], formats: Sequence[str], out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, figure in drawn:
            for path in save(figure, name, formats, out):
                print(path, flush=True)
    except OSError as error:
        raise PlotError(f"{error.filename or out}: {error.strerror}; choose another folder with "
                        "--out.") from None


def main(arguments: Sequence[str]) -> int:
    options = parse_arguments(arguments)
    try:
        draw_all(options)
    except PlotError as error:
        print(f"scripts/plot: {error}", file=sys.stderr)
        return 2
    return 0
