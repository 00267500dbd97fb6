"""What the tests that run the real programs share: where they are, running them, reading results."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import select
import shutil
import subprocess
import tempfile
import time
import unittest
import uuid
from pathlib import Path
from typing import Any, Iterator, Mapping, Sequence

import pandas

SOURCE = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("STACKHEAP_BUILD", SOURCE / "build" / "release")).resolve()
DRIVER = BUILD / "stackheap"
WORKER = BUILD / "stackheap-worker"
FAKE_WORKER = BUILD / "tests" / "worker"
REFERENCE = BUILD / "libstackheap-reference.so"

# No command of a test takes nearly as long; it ends a test that would hang.
DEADLINE_SECONDS = 240

ALLOW_CONCURRENT = "STACKHEAP_ALLOW_CONCURRENT"

# Every process that a driver started carries its environment's STACKHEAP_ variables.
MARK = "STACKHEAP_TEST_MARK"


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for a driver: nothing of ours that would change what it does, but leave to
    measure beside other tests."""
    kept = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD" and not k.startswith("STACKHEAP_")}
    # A fake worker that dies of a signal must do so, and not be asked about its leaks.
    options = "handle_segv=0:handle_abort=0:detect_leaks=0"
    sanitizers = {name: options for name in ("ASAN_OPTIONS", "TSAN_OPTIONS")} if sanitizer() else {}
    return sanitizers | kept | {ALLOW_CONCURRENT: "1"} | dict(extra or {})


def command(
    program: Path,
    *arguments: str | Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    **options: Any,
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(program), *map(str, arguments)],
        capture_output=True,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        env=environment(env),
        cwd=cwd,
        timeout=DEADLINE_SECONDS,
        check=False,
        **options,
    )


def stackheap(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return command(DRIVER, *arguments, **options)


@functools.lru_cache(maxsize=None)
def sanitizer() -> str:
    """The sanitizers of this build; such a build has one malloc, its own."""
    cache = (BUILD / "CMakeCache.txt").read_text()
    found = re.search(r"^STACKHEAP_SANITIZE:STRING=(.*)$", cache, re.MULTILINE)
    return found.group(1) if found else ""


def works(*prefix: str) -> bool:
    """Whether root's tools do this here."""
    return (os.geteuid() == 0 and shutil.which(prefix[0]) is not None
            and subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0)


def needs_allocators(test: Any) -> Any:
    """Skips where no allocator can be preloaded."""
    return unittest.skipIf(sanitizer() != "", "a sanitizer build has one malloc, its own")(test)


@functools.lru_cache(maxsize=None)
def workloads() -> dict[str, dict[str, Any]]:
    """What the worker says of its workloads, by name."""
    listed = command(WORKER, "--list")
    return {workload["name"]: workload for workload in json.loads(listed.stdout)["workloads"]}


def read_csv(path: Path) -> pandas.DataFrame:
    """Without any option, as a reader of results/README.md would."""
    return pandas.read_csv(path)


def header_of(path: Path) -> list[str]:
    with path.open(newline="") as file:
        return file.readline().rstrip("\n").split(",")


def processes_with(mark: str) -> list[int]:
    """Processes that were started under that value of MARK; one that is dead and waits to be reaped
    has no environment any more."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found


def wait_until_gone(mark: str, seconds: float) -> list[int]:
    """The processes that are still there after so long: none is what a test wants. There is no event
    for the end of a process that is nobody's child, so this looks again and again."""
    end = time.monotonic() + seconds
    while (left := processes_with(mark)) and time.monotonic() < end:
        time.sleep(0.01)
    return left


def new_mark() -> dict[str, str]:
    return {MARK: uuid.uuid4().hex}


@contextlib.contextmanager
def fake_worker_fifo(folder: Path) -> Iterator[tuple[Path, int]]:
    """A FIFO for STACKHEAP_FAKE_FIFO and a descriptor to read it: a fake worker that stays writes
    "stays" to it, and end-of-file comes when the last of its processes is gone."""
    path = folder / "fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        yield path, reader
    finally:
        os.close(reader)


def await_written(fifo: int) -> bytes:
    """What is written next; a deadline ends a test that would hang."""
    poll = select.poll()
    poll.register(fifo, select.POLLIN)
    assert poll.poll(30_000), "nothing was written for 30 s"
    return os.read(fifo, 4096)


def compile_library(folder: Path, name: str, source: str, options: Sequence[str] = ()) -> Path:
    """A shared library from a few lines of C."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise unittest.SkipTest("no C compiler")
    code = folder / f"{name}.c"
    code.write_text(source)
    library = folder / f"{name}.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-fno-builtin", *options, "-o", str(library), str(code)],
        check=True,
    )
    return library


class FolderTest(unittest.TestCase):
    """Each test has a folder of its own, and nothing is left of it."""

    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory(prefix="stackheap-")
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        self.out = self.folder / "run"


@functools.lru_cache(maxsize=None)
def _request_of_a_driver() -> str:
    with tempfile.TemporaryDirectory(prefix="stackheap-") as folder:
        out = Path(folder) / "run"
        stackheap(
            "run", "--worker", FAKE_WORKER, "--profile", "smoke", "--workload", "fake/end",
            "--variant", "nothing", "--pin", "none", "--out", out,
        )
        log = (out / "logs" / "0.log").read_text()
    found = re.search(r"--cell '(\{.*\})'", log)
    assert found is not None, log
    return found.group(1)


def cell_request(**changes: Any) -> str:
    """The JSON for --cell as this build's driver writes it, for glibc, with these members changed."""
    request = json.loads(_request_of_a_driver()) | {"prove_allocator": sanitizer() == ""}
    unknown = changes.keys() - request.keys()
    assert not unknown, unknown
    return json.dumps(request | changes)
