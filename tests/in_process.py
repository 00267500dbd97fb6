"""Running a script's main function without starting a process."""

from __future__ import annotations

import contextlib
import io
import subprocess
from pathlib import Path
from typing import Callable, Sequence


def call(main: Callable[[Sequence[str]], int],
         *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """What the script would have returned and printed."""
    out, err = io.StringIO(), io.StringIO()
    given = [str(argument) for argument in arguments]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(given)
        except SystemExit as end:  # argparse
            code = end.code
    return subprocess.CompletedProcess(given, code, out.getvalue(), err.getvalue())
