"""README.md and results/README.md say what the programs do: no more, no less, nothing outdated."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from support import BUILD, SOURCE, WORKER, command, stackheap

README = (SOURCE / "README.md").read_text(encoding="utf-8")
RESULTS = (SOURCE / "results" / "README.md").read_text(encoding="utf-8")
SHELL_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
# What a link or an image points at, without those to the web.
TARGET = re.compile(r"\]\((?!https?:)([^)#]+)\)")
CODE_BLOCK = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)


def shell_lines(document: str) -> list[str]:
    """The commands of its shell blocks, continued lines joined, comments left out."""
    lines = "\n".join(SHELL_BLOCK.findall(document)).replace("\\\n", " ").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def help_of(*command_line: str) -> str:
    done = stackheap(*command_line, "--help")
    if done.returncode != 0:
        raise AssertionError(f"stackheap {' '.join(command_line)} --help: {done.stderr}")
    return done.stdout


def commands() -> list[str]:
    listed = help_of().split("Subcommands:\n", 1)[1].split("\n\n", 1)[0]
    return re.findall(r"^  ([a-z]+)  ", listed, re.MULTILINE)


def options_of(text: str) -> set[str]:
    """Of a help text, the options it defines."""
    defined = re.findall(r"^  (?:-\w,)?(--[a-z-]+)", text, re.MULTILINE)
    return set(defined)


def listed(kind: str) -> list[dict[str, str]]:
    return list(csv.DictReader(stackheap("list", kind, "--csv").stdout.splitlines()))


class GeneratedTables(unittest.TestCase):
    def generate(self, root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        return command(root / "scripts" / "generate-docs", *arguments,
                       env={"STACKHEAP_BUILD": str(BUILD)})

    def copy_of_documents(self, folder: str) -> Path:
        root = Path(folder)
        for name in ("README.md", "results/README.md", "scripts/generate-docs",
                     "scripts/lib/packages.sh"):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes((SOURCE / name).read_bytes())
        (root / "scripts" / "generate-docs").chmod(0o755)
        return root

    def test_are_up_to_date(self) -> None:
        done = self.generate(SOURCE, "--check")
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_a_changed_table_is_told_and_mended(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            root = self.copy_of_documents(folder)
            readme = root / "README.md"
            changed = README.replace("| `heap/pair` |", "| `heap/pears` |")
            self.assertNotEqual(changed, README)
            readme.write_text(changed, encoding="utf-8")
            done = self.generate(root, "--check")
            self.assertEqual(done.returncode, 1)
            self.assertEqual(done.stderr, "README.md is out of date; run scripts/generate-docs\n")
            self.assertEqual(readme.read_text(encoding="utf-8"), changed)
            self.assertEqual(self.generate(root).returncode, 0)
            self.assertEqual(readme.read_text(encoding="utf-8"), README)

    def test_every_file_and_metric_has_its_table(self) -> None:
        for file in {row["file"] for row in listed("columns")}:
            self.assertIn(f"<!-- generated: columns {file} -->", RESULTS)
        for row in listed("metrics"):
            self.assertIn(f"| `{row['metric']}` |", RESULTS)

    def test_an_unknown_table_is_an_error(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            root = self.copy_of_documents(folder)
            (root / "README.md").write_text("<!-- generated: nothing -->\n<!-- end: nothing -->\n")
            done = self.generate(root)
            self.assertEqual(done.returncode, 2)
            self.assertIn("<!-- generated: nothing -->: no such table", done.stderr)


class CommandsAndOptions(unittest.TestCase):
    def test_every_command_in_the_readme_exists_with_its_options(self) -> None:
        helps = {name: help_of(name) for name in commands()}
        checked = 0
        for line in shell_lines(README):
            found = re.search(r"(?:^|/)(?:stackheap ([a-z]+)|(scripts/run))\b(.*)", line)
            if not found:
                continue
            name = found[1] or "run"
            self.assertIn(name, helps, line)
            for option in OPTION.findall(found[3]):
                self.assertIn(option, options_of(helps[name]), line)
                checked += 1
        self.assertGreater(checked, 20)

    def test_every_option_of_the_worker_in_the_readme_exists(self) -> None:
        known = command(WORKER, "--help").stdout
        lines = [line for line in shell_lines(README) if "stackheap-worker" in line]
        self.assertTrue(lines)
        for line in lines:
            for option in re.findall(r"--[a-z][\w-]*", line.split("stackheap-worker", 1)[1]):
                if not option.startswith("--benchmark_"):
                    self.assertIn(option, known, line)

    def test_every_command_and_option_is_in_the_readme(self) -> None:
        names = commands()
        self.assertIn("run", names)
        mentioned = set(OPTION.findall(README))
        for name in names:
            self.assertIn(f"`stackheap {name}`", README)
            self.assertLessEqual(options_of(help_of(name)) - {"--help"}, mentioned, name)
        self.assertLessEqual(options_of(help_of()), mentioned)

    def test_every_script_that_a_command_names_exists(self) -> None:
        scripts = set(re.findall(r"(?<![\w/])(?:\./)?(scripts/[a-z-]+)\b", README))
        self.assertIn("scripts/run", scripts)
        for script in scripts:
            self.assertTrue((SOURCE / script).is_file(), script)


class Names(unittest.TestCase):
    def test_every_allocator_is_in_the_readme(self) -> None:
        allocators = listed("allocators")
        self.assertGreater(len(allocators), 6)
        for row in allocators:
            self.assertIn(f"`{row['allocator']}`", README)

    def test_every_suite_and_layer_that_the_readme_names_exists(self) -> None:
        layers = README.split("harness/   ", 1)[1].split("\nresults/", 1)[0]
        named = re.findall(r"^  ([a-z]+)/", layers, re.MULTILINE)
        self.assertEqual(
            sorted(named),
            sorted(path.name for path in (SOURCE / "harness").iterdir() if path.is_dir()))

    def test_links_point_at_files_that_exist(self) -> None:
        for document, folder in ((README, SOURCE), (RESULTS, SOURCE / "results")):
            for target in TARGET.findall(CODE_BLOCK.sub("", document)):
                self.assertTrue((folder / target).exists(), target)


class RunFolder(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.temporary.cleanup)
        cls.folder = Path(cls.temporary.name) / "run"
        done = stackheap("run", "--profile", "smoke", "--workload", "heap/slots", "--allocator",
                         "glibc", "--out", cls.folder)
        if done.returncode != 0:
            raise AssertionError(done.stderr)

    def test_every_file_is_explained(self) -> None:
        names = sorted(f"`{path.name}/`" if path.is_dir() else f"`{path.name}`"
                       for path in self.folder.iterdir())
        self.assertIn("`samples.csv`", names)
        for name in names:
            self.assertIn(f"| {name} |", RESULTS)

    def test_every_file_has_the_listed_columns(self) -> None:
        columns: dict[str, list[str]] = {}
        for row in listed("columns"):
            columns.setdefault(row["file"], []).append(row["column"])
        # Those of a calibration and of a stress run lie in folders of their own, which
        # tests/calibrate_test.py, tests/stress_test.py and tests/stress_stacks_test.py make.
        columns = {file: header for file, header in columns.items()
                   if not file.startswith(("calibration", "stress", "misuse"))}
        self.assertEqual(sorted(columns), sorted(path.name for path in self.folder.glob("*.csv")))
        for file, header in columns.items():
            with (self.folder / file).open(newline="", encoding="utf-8") as text:
                self.assertEqual(next(csv.reader(text)), header, file)

    def test_every_member_of_run_json_is_explained(self) -> None:
        explained = RESULTS.split("## run.json", 1)[1]
        for member in json.loads((self.folder / "run.json").read_text(encoding="utf-8")):
            self.assertIn(f"`{member}`", explained)


if __name__ == "__main__":
    unittest.main()
