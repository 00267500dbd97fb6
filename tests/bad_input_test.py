"""A mistake is refused before anything runs: exit code 2 (3 where the machine lacks what was asked for
by name), one line on stderr with the thing, the reason and the remedy, and no folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import unittest
from pathlib import Path
from typing import Any

import support
from support import FolderTest, stackheap

USAGE = 2
MISSING = 3
NOBODY = 65534

# Offsets in the header of an ELF file.
EI_CLASS = 4
E_TYPE = 16
E_MACHINE = 18
ELFCLASS32 = 1
ET_EXEC = 2
EM_AARCH64 = 183


class RefusalTest(FolderTest):
    def setUp(self) -> None:
        super().setUp()
        self.folder.chmod(0o755)

    def refused(
        self, arguments: tuple[Any, ...], *told: str, code: int = USAGE, lines: int | None = 1,
        **options: Any,
    ) -> None:
        """`lines` None: findings about the machine come first, and the message is the last line."""
        options.setdefault("cwd", self.folder)
        before = sorted(self.folder.rglob("*"))
        ended = stackheap(*arguments, **options)
        with self.subTest(arguments):
            self.assertEqual(ended.returncode, code, ended.stderr)
            self.assertEqual(ended.stdout, "")
            printed = ended.stderr.splitlines()
            if lines is not None:
                self.assertEqual(len(printed), lines, ended.stderr)
            self.assertTrue(printed[-1].startswith("stackheap: "), ended.stderr)
            for text in told:
                self.assertIn(text, printed[-1])
            self.assertEqual(sorted(self.folder.rglob("*")), before)


class NamesTest(RefusalTest):
    def test_an_unknown_name_is_refused_with_the_nearest_and_where_they_are_listed(self) -> None:
        for arguments, told, nearest, remedy in (
            (("run", "--workload", "heap/pear"), "unknown workload 'heap/pear'", "'heap/pair'",
             "`stackheap list workloads`"),
            (("run", "--variant", "maloc"), "unknown variant 'maloc'", "'malloc'",
             "`stackheap list variants`"),
            (("run", "--allocator", "jemaloc"), "unknown allocator 'jemaloc'", "'jemalloc'",
             "`stackheap list allocators`"),
            (("run", "--allocator-env", "glibx", "A=1"), "unknown allocator 'glibx'", "'glibc'",
             "`stackheap list allocators`"),
            (("run", "--profile", "smok"), "unknown profile 'smok'", "'smoke'",
             "`stackheap list profiles`"),
            (("run", "--parameter", "siz=64"), "unknown parameter 'siz'", "'size'",
             "`stackheap list workloads`"),
            (("run", "--workloads", "heap/pair"), "unknown option '--workloads'", "'--workload'",
             "`stackheap run --help`"),
            (("list", "workload"), "unknown list 'workload'", "'workloads'",
             "`stackheap list --help`"),
            (("runn",), "unknown command 'runn'", "'run'", "`stackheap --help`"),
        ):
            self.refused(arguments, told, f"did you mean {nearest}", remedy)

    def test_a_name_near_to_none_is_refused_without_a_guess(self) -> None:
        self.refused(
            ("run", "--parameter", "wxyz=1"),
            "unknown parameter 'wxyz'; `stackheap list workloads` lists them all",
        )

    def test_a_glob_that_matches_nothing_is_refused(self) -> None:
        self.refused(("run", "--workload", "heap/x*"), "unknown workload 'heap/x*'")

    def test_no_command_and_surplus_words_are_refused_with_the_way_to_the_usage(self) -> None:
        self.refused((), "subcommand is required", "`stackheap --help`")
        self.refused(("run", "surplus"), "surplus", "`stackheap --help`")
        self.refused(("summarize",), "run is required", "`stackheap --help`")

    def test_a_selection_that_leaves_nothing_is_refused(self) -> None:
        self.refused(
            ("run", "--workload", "heap/pair", "--variant", "mimalloc-heap", "--allocator", "glibc"),
            "nothing to run", "`stackheap list variants`",
        )


class ValuesTest(RefusalTest):
    def test_thread_counts_that_are_none_are_refused(self) -> None:
        for value in ("0", "-1", "9999999", "abc", "1.5", "+1", "1,,2", "1,", "99999999999999999999"):
            self.refused(("run", "--threads", value), "--threads", "whole numbers from 1 to 4096",
                         "'auto'")

    def test_numbers_of_rounds_that_are_none_are_refused(self) -> None:
        for value in ("0", "x", "-3", "1e3", "100001"):
            self.refused(("run", "--rounds", value), f"--rounds {value}", "from 1 to 100000")

    def test_parameters_that_are_none_are_refused(self) -> None:
        whole = "whole numbers from 0 to 2^63 - 1"
        for value, *told in (
            ("size=", "--parameter size", whole),
            ("size=99999999999999999999", "--parameter size 99999999999999999999", whole),
            ("size=-5", "--parameter size -5", whole),
            ("size=64,x", "--parameter size x", whole),
            ("size=0", "parameter size must be between", "not 0"),
            ("size=9000000000", "parameter size must be between", "not 9000000000"),
            ("size", "--parameter size", "expected NAME=LIST, for instance size=64,1024"),
            ("=5", "--parameter =5", "expected NAME=LIST, for instance size=64,1024"),
        ):
            self.refused(("run", "--workload", "heap/pair", "--parameter", value), *told)

    def test_other_values_that_are_none_are_refused(self) -> None:
        for option, value, *told in (
            ("--seed", "-1", "--seed -1", "whole number from 0"),
            ("--seed", "9223372036854775808", "2^63 - 1"),
            ("--margin", "x", "--margin x", "percent"),
            ("--margin", "100", "--margin 100", "percent"),
            ("--pin", "tight", "--pin tight", "none, compact or spread"),
            ("--label", "a/b", "--label a/b", "1 to 64 letters"),
            ("--baseline", "jemaloc", "--baseline jemaloc", "selected allocators", "glibc"),
        ):
            self.refused(("run", option, value), *told)
        self.refused(("run", "--allocator-env", "glibc", "X"), "expected KEY=VALUE")
        self.refused(("run", "--allocator-env", "glibc", "LD_PRELOAD=/x.so"), "LD_PRELOAD")

    def test_an_empty_value_is_not_taken_for_the_default(self) -> None:
        for option in ("--threads", "--rounds", "--seed", "--margin", "--pin", "--label", "--out",
                       "--baseline", "--profile", "--allocators", "--parameter", "--workload",
                       "--variant", "--allocator", "--worker"):
            self.refused(("run", "--dry-run", option, ""), option, "needs a value")
        self.refused(("run", "--rounds"), "--rounds", "`stackheap --help`")

    def test_a_preload_of_the_users_own_is_refused(self) -> None:
        if support.sanitizer():
            self.skipTest("a sanitizer's runtime must come first")
        self.refused(
            ("run", "--profile", "smoke"),
            f"LD_PRELOAD is set ({support.REFERENCE})", "unset it", "--allocator NAME=PATH",
            env={"LD_PRELOAD": str(support.REFERENCE)},
        )

    def test_folders_that_are_no_runs_cannot_be_summarised(self) -> None:
        missing = self.folder / "missing"
        self.refused(("summarize", missing), f"{missing}: no such folder", "give the folder of a run")
        self.refused(("summarize", self.folder), "samples.csv is missing")

    def test_a_worker_that_is_none_is_refused(self) -> None:
        missing = self.folder / "missing"
        self.refused(("run", "--worker", missing), f"{missing}: cannot start the worker", "No such file",
                     "--worker", code=MISSING)
        self.refused(("list", "--worker", "/bin/true"), "/bin/true --list gave no list",
                     "is it a stackheap-worker?", code=MISSING)


class OutTest(RefusalTest):
    RUN = ("run", "--profile", "smoke", "--workload", "heap/pair", "--threads", "1", "--out")

    def test_a_folder_that_exists_is_not_touched(self) -> None:
        self.out.mkdir()
        (self.out / "samples.csv").write_text("precious\n")
        self.refused((*self.RUN, self.out), f"--out {self.out}", "exists already",
                     "choose another name", lines=None)
        self.assertEqual((self.out / "samples.csv").read_text(), "precious\n")

    def test_a_file_is_not_overwritten(self) -> None:
        self.out.write_text("precious\n")
        self.refused((*self.RUN, self.out), f"--out {self.out}", "this is a file",
                     "choose another name", lines=None)
        self.assertEqual(self.out.read_text(), "precious\n")

    def test_a_dangling_link_is_not_followed(self) -> None:
        self.out.symlink_to(self.folder / "elsewhere")
        self.refused((*self.RUN, self.out), f"--out {self.out}", lines=None)

    def test_a_place_where_no_folder_can_be_is_refused(self) -> None:
        file = self.folder / "file"
        file.write_text("")
        for place, reason in (
            (file / "run", "Not a directory"),
            (Path("/proc/stackheap-test/run"), "No such file"),
        ):
            self.refused((*self.RUN, place), f"--out {place}: cannot create the folder", reason,
                         "choose a place you may write to", lines=None)

    def test_a_place_that_the_user_may_not_write_to_is_refused(self) -> None:
        locked = self.folder / "locked"
        locked.mkdir(mode=0o555)
        options: dict[str, Any] = {}
        if os.geteuid() == 0:
            options = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
            try:
                subprocess.run([support.DRIVER, "--version"], check=True, capture_output=True,
                               **options)
            except PermissionError:
                self.skipTest(f"{support.DRIVER} is hidden from other users")
        self.refused((*self.RUN, locked / "run"), f"--out {locked / 'run'}", "Permission denied",
                     "choose a place you may write to", lines=None, **options)


class LibraryTest(RefusalTest):
    REMEDY = "Give the path of a 64-bit malloc replacement built as a shared library for this CPU"

    def refused_library(self, path: Path, reason: str) -> None:
        self.refused(
            ("run", "--profile", "smoke", "--allocator", f"mine={path}", "--out", self.out),
            str(path), reason, self.REMEDY,
        )

    def patched(self, name: str, changes: dict[int, bytes]) -> Path:
        content = bytearray(support.REFERENCE.read_bytes())
        for offset, data in changes.items():
            content[offset : offset + len(data)] = data
        path = self.folder / name
        path.write_bytes(content)
        return path

    def test_an_allocator_library_that_cannot_be_one_is_refused_with_the_reason(self) -> None:
        content = support.REFERENCE.read_bytes()
        text = self.folder / "text.so"
        text.write_text("INPUT(libc.so.6)\n")
        empty = self.folder / "empty.so"
        empty.write_bytes(b"")
        noise = self.folder / "noise.so"
        noise.write_bytes(bytes(range(256)))
        half = self.folder / "half.so"
        half.write_bytes(content[: len(content) // 2])
        stub = self.folder / "stub.so"
        stub.write_bytes(content[:20])
        wrong_bits = self.patched("wrong_bits.so", {EI_CLASS: bytes([ELFCLASS32])})
        wrong_cpu = self.patched("wrong_cpu.so", {E_MACHINE: EM_AARCH64.to_bytes(2, "little")})
        program = self.patched("program.so", {E_TYPE: ET_EXEC.to_bytes(2, "little")})
        directory = self.folder / "directory.so"
        directory.mkdir()
        for path, reason in (
            (self.folder / "missing.so", "does not exist"),
            (directory, "is a directory, not a library"),
            (text, "is a text file, not a shared library"),
            (empty, "is empty"),
            (noise, "is not an ELF file"),
            (half, "is truncated"),
            (stub, "is truncated"),
            (wrong_bits, "is a 32-bit library"),
            (wrong_cpu, "is for another CPU: aarch64"),
            (program, "is not a shared library but a program"),
        ):
            self.refused_library(path, reason)

    def test_a_library_without_malloc_is_refused(self) -> None:
        library = support.compile_library(self.folder, "other", "int other(void) { return 1; }\n")
        self.refused_library(library, "defines no function malloc")

    def test_an_allocators_name_is_checked(self) -> None:
        library = support.REFERENCE
        self.refused(("run", "--allocator", f"glibc={library}"), "'glibc' is built in",
                     "use another name")
        self.refused(("run", "--allocator", f"none={library}"), "'none'")
        self.refused(("run", "--allocator", f"a b={library}"), "'a b' is no valid name")
        self.refused(("run", "--allocator", "mine="), "no path")
        self.refused(("run", "--allocator", f"a={library}", "--allocator", f"a={library}"),
                     "allocator 'a' is defined twice", "another name")

    def test_a_file_of_allocators_is_refused_with_line_and_column(self) -> None:
        library = support.REFERENCE
        file = self.folder / "allocators.toml"
        for text, place, told in (
            (f'[[allocator]]\nname = "mine"\nlibrary = "{library}"\n  colour = "red"\n', "4:3",
             "found 'colour'"),
            ('[[alocator]]\nname = "mine"\n', "1:3", "found 'alocator'"),
            ('[[allocator]]\nname = 3\n', "2:8", "expected a name as text"),
            (f'[[allocator]]\nname = "glibc"\nlibrary = "{library}"\n', "2:8", "is built in"),
            ('[[allocator]]\nname = "mine"\nlibrary = "missing.so"\n', "3:11", "does not exist"),
            ('[[allocator]\n', "1:", ""),
        ):
            file.write_text(text)
            self.refused(("run", "--allocators", file), f"{file}:{place}", told)
        self.refused(("run", "--allocators", self.folder), "is a directory", "give a TOML file")
        missing = self.folder / "missing.toml"
        self.refused(("run", "--allocators", missing), str(missing), "cannot be read")


class AbsentAllocatorTest(RefusalTest):
    """A driver in a folder without the reference allocator, which it looks for beside itself."""

    def setUp(self) -> None:
        super().setUp()
        self.driver = self.folder / "stackheap"
        shutil.copy2(support.DRIVER, self.driver)
        self.arguments = ("run", "--worker", support.WORKER, "--profile", "smoke", "--workload",
                    "heap/pair", "--variant", "malloc", "--threads", "1", "--out", self.out)

    def test_asked_for_by_name_it_is_exit_code_3_with_what_brings_it(self) -> None:
        ended = support.command(self.driver, *self.arguments, "--allocator", "reference")
        self.assertEqual(ended.returncode, MISSING, ended.stderr)
        self.assertEqual(ended.stdout, "")
        self.assertEqual(
            ended.stderr,
            "stackheap: allocator 'reference' is not available here: "
            f"{self.folder}/libstackheap-reference.so not found; build the target "
            "stackheap-reference\n",
        )
        self.assertFalse(self.out.exists())

    @support.needs_allocators
    def test_not_asked_for_its_cells_are_unavailable_and_no_failure(self) -> None:
        ended = support.command(self.driver, *self.arguments)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        samples = support.read_csv(self.out / "samples.csv")
        # Where this machine counts events, glibc has an instrumented sample too.
        samples = samples[samples.kind == "timed"].set_index("allocator")
        self.assertEqual(samples.status["reference"], "unavailable")
        self.assertIn("build the target stackheap-reference", samples.detail["reference"])
        self.assertEqual(samples.status["glibc"], "ok")
        self.assertTrue(samples.loc["reference", "windows":].isna().all())


if __name__ == "__main__":
    unittest.main()
