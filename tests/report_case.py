"""What the tests of scripts/report share: a run folder, and running the script."""

from __future__ import annotations

import base64
import gzip
import json
import re
import subprocess
import sys
import tempfile
import unittest
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Callable

from in_process import assert_refused, call
from report_run import SOURCE, ReportRun, kinds

sys.path[:0] = [str(SOURCE / "scripts")]

from stackheap_report.command import main  # noqa: E402

ALLOCATORS = ("glibc", "jemalloc", "mimalloc")


def report(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The script as a user runs it. Most tests call its main function: starting it takes longer."""
    return subprocess.run([SOURCE / "scripts" / "report", *arguments], capture_output=True, text=True,
                          timeout=240, check=False)


def numbers_of(page: Path) -> dict[str, Any]:
    """What the page's scripts read."""
    found = re.search(r'<script type="text/plain" id="data">([^<]*)</script>', page.read_text())
    assert found, "the page has no numbers"
    return json.loads(gzip.decompress(base64.b64decode(found.group(1))))


class Words(HTMLParser):
    """The text of a page as a reader sees it, and its elements."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.text: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.within: list[str] = []
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        self.within.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self.within and self.within.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not self.within or self.within[-1] not in ("script", "style"):
            self.text.append(data)

    def all(self) -> str:
        return " ".join("".join(self.text).split())


class Tables(HTMLParser):
    """The page's tables by caption, each as rows of text, the header first."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.found: dict[str, list[list[str]]] = {}
        self.rows: list[list[str]] = []
        self.caption = ""
        self.field: list[str] | None = None
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, _: Any) -> None:
        if tag == "table":
            self.rows = []
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("caption", "th", "td"):
            self.field = []
        elif tag == "br" and self.field is not None:
            self.field.append(" ")

    def handle_data(self, data: str) -> None:
        if self.field is not None:
            self.field.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("caption", "th", "td"):
            if tag == "table":
                self.found[self.caption] = self.rows
            return
        said = " ".join("".join(self.field or []).split())
        self.field = None
        if tag == "caption":
            self.caption = said
        else:
            self.rows[-1].append(said)


class ReportCase(unittest.TestCase):
    """A new small run for each test."""

    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory(prefix="stackheap-")
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name) / "run"
        self.write()

    def write(self, **options: Any) -> Path:
        chosen = {"allocators": ALLOCATORS, "threads": (1, 2), "kinds": kinds(), **options}
        return ReportRun(self.folder, **chosen).write()

    def page(self, *arguments: str | Path) -> Path:
        result = call(main, *(arguments or (self.folder,)))
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return Path(result.stdout.strip())

    def words(self, *arguments: str | Path) -> str:
        return Words(self.page(*arguments)).all()

    def refuse(self, *arguments: str | Path, says: tuple[str, ...]) -> None:
        assert_refused(self, main, *(arguments or (self.folder,)), says=("scripts/report: ", *says),
                       folder=self.folder.parent)

    def edit(self, name: str, change: Callable[[bytes], bytes]) -> Path:
        path = self.folder / name
        before = path.read_bytes()
        path.write_bytes(change(before))
        self.assertNotEqual(path.read_bytes(), before)
        return path

    def info(self, change: Callable[[dict[str, Any]], None]) -> None:
        path = self.folder / "run.json"
        info = json.loads(path.read_text())
        change(info)
        path.write_text(json.dumps(info))
