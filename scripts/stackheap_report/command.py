"""The command line: which runs, into which file."""

from __future__ import annotations

import argparse
import difflib
import os
import sys
import tempfile
from pathlib import Path
from typing import Sequence

from stackheap_plots.load import NO_ALLOCATOR, read_info
from stackheap_plots.table import PlotError

from .folder import Folder, names_of, read_folder
from .page import page
from .payload import payload
from .stress_folder import StressFolder, is_stress_folder, read_stress_folder

DEFAULT_NAME = "report.html"


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/report",
        description="Writes one HTML file of a run, readable offline, or of several runs side by side, "
        "with what the checks of 'stackheap stress' found. Prints its path.",
        epilog="example: scripts/report results/night\n"
        "         scripts/report results/laptop results/server --out both.html\n"
        "         scripts/report results/night results/checks --out all.html",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("runs", metavar="RUN", type=Path, nargs="+",
                        help="the results folder of a run, or of 'stackheap stress'; several are set "
                        "side by side, never pooled")
    parser.add_argument("--out", type=Path, metavar="FILE",
                        help=f"the file (default: RUN/{DEFAULT_NAME}; needed for several folders)")
    parser.add_argument("--baseline", metavar="NAME",
                        help="the allocator that the figures mark at first (default: the run's own). "
                        "Ratios and verdicts stay those against the run's baseline")
    return parser.parse_args(arguments)


def read_all(paths: Sequence[Path]) -> tuple[list[Folder], list[StressFolder]]:
    """Runs, and what checks found."""
    labels = []
    for path in paths:
        known = (path / "run.json").is_file()
        labels.append(str(read_info(path / "run.json").get("label") or "") if known else "")
    runs: list[Folder] = []
    stress: list[StressFolder] = []
    for place, (path, name) in enumerate(zip(paths, names_of(paths, labels)), 1):
        if is_stress_folder(path):
            stress.append(read_stress_folder(path, name, f"stress-{place}"))
        else:
            runs.append(read_folder(path, name, f"run-{place}"))
    return runs, stress


def choose_baseline(folders: Sequence[Folder], wanted: str | None) -> str:
    if not folders and wanted is not None:
        raise PlotError(f"--baseline {wanted}: checks have none, and no run is among the folders; leave "
                        "it out, or name a run's folder too.")
    if not folders:
        return NO_ALLOCATOR
    if wanted is None:
        return folders[0].baseline
    names = list(dict.fromkeys(name for folder in folders for name in folder.allocators))
    if wanted not in names:
        near = difflib.get_close_matches(wanted, names, n=2)
        raise PlotError(f"--baseline {wanted}: no run has that allocator; " + (
            f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(names)}."))
    return wanted


def choose_out(options: argparse.Namespace) -> Path:
    if options.out is not None:
        return options.out
    if len(options.runs) > 1:
        raise PlotError("several folders: say where the page goes, with --out FILE.")
    return options.runs[0] / DEFAULT_NAME


def write_whole(path: Path, text: str) -> None:
    """All of it or nothing, also where the disk is full."""
    if path.is_dir():
        raise PlotError(f"{path}: is a folder; name a file with --out.")
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                # A name on the disk may be no UTF-8.
                stream.write(text.encode("utf-8", "replace"))
            os.chmod(name, 0o644)
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise PlotError(f"{path}: {error.strerror}; choose another file with --out.") from None


def main(arguments: Sequence[str]) -> int:
    options = parse_arguments(arguments)
    try:
        out = choose_out(options)
        folders, stress = read_all(options.runs)
        numbers = payload(folders, choose_baseline(folders, options.baseline))
        write_whole(out, page(folders, stress, numbers))
    except PlotError as error:
        print(f"scripts/report: {error}", file=sys.stderr)
        return 2
    print(out)
    return 0
