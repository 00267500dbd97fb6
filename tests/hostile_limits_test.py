"""Limits, clocks, paths and sizes that a server may have: the run says so beforehand, or goes on with a
row that is right. Real programs, and for what no workload does the fake worker."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path
from typing import Any

import support
from hostile_machine_test import CGROUPS, HostileTest, new_cgroup
from support import BUILD, DRIVER, FAKE_WORKER, REFERENCE, FolderTest, read_csv, stackheap

NOISE_WORKER = BUILD / "tests" / "noise_worker"
PAIR = ("run", "--profile", "smoke", "--workload", "heap/pair", "--variant", "malloc")
GROW = ("run", "--worker", FAKE_WORKER, "--profile", "smoke", "--workload", "fake/grow")
MISSING = 3
MIB = 1 << 20
LARGEST_DRY_RUN_KIB = 200 * 1024
LARGEST_DRIVER_KIB = 64 * 1024


def largest_resident_kib(*arguments: Any) -> tuple[int, str, int]:
    """Exit code, standard output, and the largest resident set of a driver and what it starts. It
    would begin with the size of the process that forks it, so a small one does."""
    measure = (
        "import resource, subprocess, sys\n"
        "code = subprocess.call(sys.argv[1:])\n"
        "print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
    )
    ended = support.command(Path(sys.executable), "-ISc", measure, DRIVER, *arguments)
    *printed, last = ended.stdout.splitlines()
    code, kib = map(int, last.split())
    return code, "\n".join(printed), kib


class Memory(HostileTest):
    def statuses(self) -> dict[str, str]:
        rows = read_csv(self.out / "samples.csv").query("kind == 'timed'")
        return dict(zip(rows["variant"], rows["status"]))

    def test_a_worker_that_grows_in_a_cgroup_is_out_of_memory_and_the_run_goes_on(self) -> None:
        version1 = CGROUPS / "memory" / "memory.limit_in_bytes"
        limit = str(256 * MIB)
        group = (new_cgroup(CGROUPS / "memory", {"memory.limit_in_bytes": limit})
                 if version1.exists() else new_cgroup(CGROUPS, {"memory.max": limit}))
        self.addCleanup(group.rmdir)
        mark = support.new_mark()
        inside = ("sh", "-c", f'echo $$ > "{group}/cgroup.procs" && exec "$@"', "sh")
        done = subprocess.run([*inside, str(DRIVER), *map(str, GROW), "--out", str(self.out)],
                              capture_output=True, text=True, env=support.environment(mark),
                              timeout=support.DEADLINE_SECONDS, check=False)
        self.assertEqual(support.wait_until_gone(mark[support.MARK], 2), [])
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(self.statuses(), {"ok": "ok", "grow": "out_of_memory"})

    @unittest.skipIf(support.sanitizer() != "", "a sanitizer reserves terabytes")
    def test_a_worker_that_meets_a_limit_on_its_addresses_is_out_of_memory(self) -> None:
        done = self.under(("prlimit", f"--as={600 * MIB}"), *GROW, "--out", self.out)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(self.statuses(), {"ok": "ok", "grow": "out_of_memory"})

    @unittest.skipIf(support.sanitizer() != "", "a sanitizer reserves terabytes")
    def test_a_limit_that_nothing_fits_into_is_told_before(self) -> None:
        done = self.under(("prlimit", f"--as={400 * MIB}"), *GROW, "--out", self.out)
        self.assertEqual((done.returncode, done.stdout), (MISSING, ""), done.stderr)
        self.assertIn("RLIMIT_AS or RLIMIT_DATA lets a process map 400 MiB", done.stderr)
        self.assertIn("ulimit -v unlimited", done.stderr)
        self.assertFalse(self.out.exists())


class Threads(HostileTest):
    def test_a_thousand_threads_on_one_cpu_are_a_row_like_others(self) -> None:
        cpu = str(min(os.sched_getaffinity(0)))
        done = self.under(("taskset", "-c", cpu), *PAIR, "--allocator", "glibc", "--threads", "1024",
                          "--out", self.out)
        rows = self.samples_of(done)
        rows = rows[rows["kind"] == "timed"]
        self.assertEqual([list(rows[c]) for c in ("status", "threads", "oversubscribed", "pinned")],
                         [["ok"], [1024], [1], [0]], list(rows["detail"]))

    def test_more_threads_than_the_cgroup_allows_are_told_before(self) -> None:
        folder = CGROUPS / "pids" if (CGROUPS / "pids").exists() else CGROUPS
        group = new_cgroup(folder, {"pids.max": "200"})
        self.addCleanup(group.rmdir)
        done = self.under(("sh", "-c", f'echo $$ > "{group}/cgroup.procs" && exec "$@"', "sh"), *PAIR,
                          "--allocator", "glibc", "--threads", "1024", "--out", self.out)
        self.assertEqual((done.returncode, done.stdout), (MISSING, ""), done.stderr)
        self.assertRegex(done.stderr, r"pids\.max leaves 19\d threads, and the plan needs 1040")
        self.assertIn("fewer with --threads", done.stderr)
        self.assertFalse(self.out.exists())

    def test_too_few_descriptors_are_told_before(self) -> None:
        done = self.under(("prlimit", "--nofile=32:1024"), *PAIR, "--allocator", "glibc", "--out",
                          self.out)
        self.assertEqual((done.returncode, done.stdout), (MISSING, ""), done.stderr)
        self.assertIn("RLIMIT_NOFILE allows 32 open files", done.stderr)


@support.needs_allocators
class LibraryPaths(FolderTest):
    def test_a_path_that_a_shell_or_the_linker_would_take_apart_is_preloaded_all_the_same(self) -> None:
        deep = self.folder
        while len(str(deep)) < 3700:
            deep = deep / ("d" * 240)
        paths = {
            "blank": self.folder / "my lib.so",
            "quotes": self.folder / "it's \"mine\".so",
            "utf8": self.folder / "Zuteiler-ä-分配器.so",
            "colon": self.folder / "a:b.so",
            "dollar": self.folder / "$ORIGIN" / "$(touch x);`y`.so",
            "newline": self.folder / "two\nlines.so",
            "deep": deep / "lib.so",
        }
        chosen: list[str] = []
        for name, path in paths.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REFERENCE, path)
            chosen += ["--allocator", f"{name}={path}"]
        done = stackheap(*PAIR, "--threads", "1", *chosen, "--out", self.out, cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = read_csv(self.out / "samples.csv").query("kind == 'timed'").set_index("allocator")
        self.assertEqual(dict(rows["status"]), {name: "ok" for name in paths}, list(rows["detail"]))
        document = json.loads((self.out / "run.json").read_text())
        listed = {a["name"]: a["libraries"][0]["path"] for a in document["allocators"]}
        home = os.path.expanduser("~")
        self.assertEqual({name: re.sub("^~", home, path) for name, path in listed.items()},
                         {name: str(path.resolve()) for name, path in paths.items()})
        self.assertFalse((self.folder / "x").exists())
        # The same libraries, from run.json.
        samples = (self.out / "samples.csv").read_bytes().splitlines(keepends=True)
        (self.out / "samples.csv").write_bytes(b"".join(samples[:3]))
        document["finished"] = None
        del document["result"]
        (self.out / "run.json").write_text(json.dumps(document))
        done = stackheap("run", "--resume", self.out)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(read_csv(self.out / "samples.csv")), len(samples) - 1)

    def test_an_escape_sequence_in_a_name_does_not_reach_the_terminal(self) -> None:
        done = stackheap("run", "--allocator", "mine=/tmp/\x1b[31m\x1b]0;gone\x07.so")
        self.assertEqual(done.returncode, 2)
        self.assertNotIn("\x1b", done.stderr)
        self.assertIn("\\x1b[31m", done.stderr)


class Clock(HostileTest):
    """libfaketime, brought in by the dynamic linker's own option: LD_PRELOAD is refused."""

    def test_a_wall_clock_that_is_set_back_a_day_under_way_changes_nothing(self) -> None:
        libraries = list(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
        loader = Path("/lib64/ld-linux-x86-64.so.2")
        if not libraries or not loader.exists():
            self.skipTest("needs the package faketime")
        stamp = self.folder / "clock"
        # Each sample finds the clock elsewhere, its own worker's too.
        worker = self.wrapper(
            f'if [ "$1" = --cell ]; then\n  echo "-$((86400 - $(cat "{stamp}")))" >"{stamp}.tmp"\n'
            f'  mv "{stamp}.tmp" "{stamp}"\n'
            f'  export LD_PRELOAD={libraries[0]} FAKETIME_TIMESTAMP_FILE="{stamp}" '
            'FAKETIME_DONT_FAKE_MONOTONIC=1 FAKETIME_NO_CACHE=1\nfi\nexec')
        stamp.write_text("+0\n")
        done = subprocess.run(
            [str(loader), "--preload", str(libraries[0]), str(DRIVER), *PAIR, "--variant", "no-alloc",
             "--allocator", "glibc", "--threads", "1", "--worker", str(worker), "--out", str(self.out)],
            capture_output=True, text=True, check=False, timeout=support.DEADLINE_SECONDS,
            env=support.environment({"FAKETIME_TIMESTAMP_FILE": str(stamp), "FAKETIME_NO_CACHE": "1",
                                     "FAKETIME_DONT_FAKE_MONOTONIC": "1"}))
        rows = self.samples_of(done)
        self.assertEqual(set(rows["status"]), {"ok"}, list(rows["detail"]))
        document = json.loads((self.out / "run.json").read_text())
        # The clock was indeed set back, and all durations are what they are.
        self.assertLess(document["finished"], document["started"])
        self.assertTrue(((rows["sample_seconds"] > 0) & (rows["sample_seconds"] < 100)).all())
        self.assertTrue(((rows["worker_seconds"] > 0) & (rows["worker_seconds"] < 100)).all())
        self.assertTrue((rows["ns_per_op"].dropna() > 0).all())
        self.assertGreaterEqual(document["result"]["seconds"], rows["sample_seconds"].sum())


@unittest.skipIf(support.sanitizer() != "", "a sanitizer's memory is not ours")
class Size(FolderTest):
    def test_a_hundred_thousand_cells_are_planned_in_little_memory(self) -> None:
        sizes = ",".join(str(64 + i) for i in range(2400))
        code, printed, kib = largest_resident_kib(
            "run", "--profile", "full", "--workload", "heap/pair", "--parameter", f"size={sizes}",
            "--threads", "1", "--dry-run")
        self.assertEqual(code, 0)
        found = re.search(r"^(\d+) cells in 2400 blocks", printed, re.MULTILINE)
        assert found is not None, printed[-300:]
        self.assertGreaterEqual(int(found[1]), 100_000)
        self.assertLessEqual(kib, LARGEST_DRY_RUN_KIB)

    def test_a_driver_does_not_grow_with_its_samples(self) -> None:
        sizes = {}
        for rounds in (2, 150):
            code, _, sizes[rounds] = largest_resident_kib(
                "run", "--worker", NOISE_WORKER, "--workload", "fake/steady", "--rounds", rounds,
                "--out", self.folder / f"run-{rounds}")
            self.assertEqual(code, 0)
        self.assertLessEqual(sizes[150], LARGEST_DRIVER_KIB)
        # All samples are read for the summary at the end: some hundred bytes of each.
        self.assertLessEqual(sizes[150] - sizes[2], 4 * 1024, sizes)


if __name__ == "__main__":
    unittest.main()
