"""Running a script's main function without starting a process."""

from __future__ import annotations

import contextlib
import io
import subprocess
import unittest
from pathlib import Path
from typing import Callable, Sequence

Main = Callable[[Sequence[str]], int]


def call(main: Main, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """What the script would have returned and printed."""
    out, err = io.StringIO(), io.StringIO()
    given = [str(argument) for argument in arguments]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(given)
        except SystemExit as end:  # argparse
            code = end.code
    return subprocess.CompletedProcess(given, code, out.getvalue(), err.getvalue())


def assert_refused(case: unittest.TestCase, main: Main, *arguments: str | Path,
                   says: tuple[str, ...], folder: Path) -> None:
    """Exit 2, one line of complaint with all of that in it, and not one file in the folder."""
    before = sorted(folder.rglob("*"))
    result = call(main, *arguments)
    case.assertEqual((result.returncode, result.stdout), (2, ""), result.stderr)
    case.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
    for part in says:
        case.assertIn(part, result.stderr)
    case.assertEqual(sorted(folder.rglob("*")), before)
