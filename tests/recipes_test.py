"""README.md's three recipes, followed literally: their files, their edits, their commands.

They are followed in a copy of the source tree, which must be built. A build knows its folder by its
full path; so the copy takes this tree's place, in a mount namespace of its own, and the build that is
here already is continued. Where the system grants no such namespace, the copy is built from scratch.
"""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
import tempfile
import unittest
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterable, Optional

from support import BUILD, SOURCE, environment

PRESET_BUILD = SOURCE / "build" / "release"
README = (SOURCE / "README.md").read_text(encoding="utf-8")

# "New file `F`:", "In `F`, above the line `L`:", "In `F`, below the line `L`:" and "Then:", each
# before a code block.
STEP = re.compile(
    r"^(?:New file `(?P<new>[^`]+)`:"
    r"|In `(?P<file>[^`]+)`, (?P<where>above|below) the line `(?P<line>[^`]+)`:"
    r"|(?P<shell>Then:))\n\n```\w+\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Step:
    code: str
    new: Optional[str]
    file: Optional[str]
    where: Optional[str]
    line: Optional[str]

    @property
    def is_shell(self) -> bool:
        return self.new is None and self.file is None


def recipe(title: str) -> list[Step]:
    section = README.split(f"\n### {title}\n", 1)[1]
    section = re.split(r"^##", section, maxsplit=1, flags=re.MULTILINE)[0]
    return [Step(found["code"], found["new"], found["file"], found["where"], found["line"])
            for found in STEP.finditer(section)]


def apply(step: Step, root: Path) -> None:
    if step.new is not None:
        path = root / step.new
        if path.exists():
            raise AssertionError(f"{step.new} exists already")
        path.write_text(step.code, encoding="utf-8")
        return
    path = root / str(step.file)
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    at = [i for i, line in enumerate(lines) if line.rstrip("\n") == step.line]
    if len(at) != 1:
        raise AssertionError(f"{step.file} has {len(at)} lines '{step.line}', expected one")
    place = at[0] + (1 if step.where == "below" else 0)
    path.write_text("".join([*lines[:place], step.code, *lines[place:]]), encoding="utf-8")


def ignoring(root: Path, names: Iterable[str]) -> Callable[[str, list[str]], set[str]]:
    """Leaves out the named paths below root, and what Python leaves behind."""
    left_out = {root / name for name in names}

    def ignore(folder: str, entries: list[str]) -> set[str]:
        return {e for e in entries if Path(folder) / e in left_out or e == "__pycache__"}

    return ignore


def copy_tree(copy: Path, with_build: bool) -> None:
    results = [f"results/{path.name}" for path in (SOURCE / "results").iterdir() if path.is_dir()]
    shutil.copytree(SOURCE, copy, symlinks=True,
                    ignore=ignoring(SOURCE, [".git", "build", *results]))
    if with_build:
        # Times of files are kept, so that only what a recipe touches is built. The tests' own
        # programs are large and not needed.
        shutil.copytree(PRESET_BUILD, copy / "build" / "release", symlinks=True,
                        ignore=ignoring(PRESET_BUILD, ["tests", "unit-tests", "Testing"]))


def namespace() -> Optional[list[str]]:
    """A command that gives its arguments a mount namespace of their own; None where it may not."""
    for candidate in (["unshare", "--mount"], ["unshare", "--mount", "--map-root-user"]):
        with tempfile.TemporaryDirectory() as folder:
            try:
                tried = subprocess.run([*candidate, "mount", "--bind", folder, folder],
                                       capture_output=True, check=False)
            except FileNotFoundError:
                return None
            if tried.returncode == 0:
                return candidate
    return None


class Recipes(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        if BUILD != PRESET_BUILD.resolve():
            raise unittest.SkipTest("the recipes use the preset release; run them with its tests")
        temporary = tempfile.TemporaryDirectory(prefix="stackheap-recipes-")
        cls.addClassCleanup(temporary.cleanup)
        cls.copy = Path(temporary.name) / "stackheap"
        cls.namespace = namespace()
        copy_tree(cls.copy, with_build=cls.namespace is not None)
        if cls.namespace is None:
            cls.shell("cmake --preset release -DSTACKHEAP_TESTS=OFF")

    @classmethod
    def shell(cls, script: str) -> str:
        if cls.namespace is None:
            command, folder = ["bash", "-euc", script], cls.copy
        else:
            inside = f'mount --bind "$1" "$2"; cd "$2"; {script}'
            command = [*cls.namespace, "bash", "-euc", inside, "bash", str(cls.copy), str(SOURCE)]
            folder = SOURCE
        done = subprocess.run(command, cwd=folder, env=environment(), text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
        if done.returncode != 0:
            raise AssertionError(f"exit {done.returncode}:\n{script}\n{done.stdout[-6000:]}")
        return done.stdout

    def follow(self, title: str) -> str:
        """All that its commands printed."""
        steps = recipe(title)
        self.assertEqual([step.is_shell for step in steps], [False, True], title)
        output = ""
        for step in steps:
            if step.is_shell:
                output += self.shell(step.code)
            else:
                apply(step, self.copy)
        return output

    def samples(self, name: str) -> list[dict[str, str]]:
        path = self.copy / "results" / name / "samples.csv"
        with path.open(newline="", encoding="utf-8") as text:
            rows = list(csv.DictReader(text))
        self.assertTrue(rows)
        return rows

    def test_adding_a_workload(self) -> None:
        output = self.follow("Adding a workload")
        self.assertRegex(output, r"(?m)^heap/queue +live count ")
        rows = self.samples("heap-queue")
        self.assertEqual({row["status"] for row in rows}, {"ok"})
        self.assertEqual({row["workload"] for row in rows}, {"heap/queue"})
        self.assertEqual({row["variant"] for row in rows}, {"malloc", "no-alloc"})
        self.assertLessEqual({"glibc", "reference", "none"}, {row["allocator"] for row in rows})
        self.assertIn("| `heap/queue` |", (self.copy / "README.md").read_text(encoding="utf-8"))

    def test_adding_an_allocator(self) -> None:
        output = self.follow("Adding an allocator")
        self.assertRegex(output, r"(?m)^tcmalloc-debug +available .*/libtcmalloc_minimal_debug\.so")
        rows = [row for row in self.samples("tcmalloc-debug") if row["variant"] == "malloc"]
        self.assertTrue(rows)
        self.assertEqual({(row["allocator"], row["status"]) for row in rows},
                         {("tcmalloc-debug", "ok")})

    def test_adding_a_metric(self) -> None:
        output = self.follow("Adding a metric")
        self.assertRegex(output, r"(?m)^window_spread +1 +real +sample ")
        rows = self.samples("window-spread")
        self.assertEqual({row["status"] for row in rows}, {"ok"})
        timed = [row for row in rows if row["kind"] == "timed"]
        self.assertTrue(timed)
        for row in timed:
            self.assertGreaterEqual(float(row["window_spread"]), 1.0)
        self.assertIn("| `window_spread` |",
                      (self.copy / "results" / "README.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    unittest.main()
