"""The worker by hand is a Google Benchmark program, and what that library reports are our windows."""

from __future__ import annotations

import json
import os
import re
import subprocess
import unittest
from typing import Any

import support
from support import WORKER

WINDOWS = 8


def run_cell(**cell: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Our result and Google Benchmark's document of one process."""
    reader, writer = os.pipe()
    with os.fdopen(reader) as results:
        worker = subprocess.Popen(
            [WORKER, "--cell", support.cell_request(**cell), "--result-fd", str(writer),
             "--benchmark_format=json"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, pass_fds=[writer],
            env=support.environment(),
        )
        os.close(writer)
        with worker:
            # The result is far smaller than a pipe holds, so neither waits for the other.
            printed, errors = worker.communicate(timeout=support.DEADLINE_SECONDS)
        if worker.returncode != 0:
            raise AssertionError(errors)
        return json.loads(results.read()), json.loads(printed)


class SameTimesTest(unittest.TestCase):
    def check(self, threads: int, workload: str, variant: str, parameter: int) -> None:
        result, document = run_cell(
            workload=workload, variant=variant, parameter=parameter, threads=threads,
            windows=WINDOWS, oversubscribed=threads > len(os.sched_getaffinity(0)),
        )
        self.assertEqual(result["status"], "ok", result["detail"])
        self.assertEqual(len(result["windows"]), WINDOWS)
        nanoseconds = sum(window["nanoseconds"] for window in result["windows"])
        operations = sum(window["operations"] for window in result["windows"])
        self.assertEqual(result["operations"], operations)
        self.assertEqual(operations, result["share"] * threads * WINDOWS)

        self.assertEqual(len(document["benchmarks"]), 1)
        reported = document["benchmarks"][0]
        self.assertEqual(reported["threads"], threads)
        self.assertEqual(reported["time_unit"], "ns")
        self.assertIn(f"{workload}/{variant}/", reported["name"])
        # The windows' mean is within 2 % by contract; it is the same sum, so only rounding differs.
        mean = nanoseconds / WINDOWS
        self.assertAlmostEqual(reported["real_time"] / mean, 1, delta=1e-6)
        rate = operations / (nanoseconds * 1e-9)
        self.assertAlmostEqual(reported["items_per_second"] / rate, 1, delta=1e-6)

    def test_one_iteration_is_one_window_at_1_2_and_4_threads(self) -> None:
        for threads in (1, 2, 4):
            with self.subTest(threads=threads):
                self.check(threads, "heap/pair", "malloc", 64)

    def test_also_where_there_is_no_heap(self) -> None:
        for threads in (1, 2):
            with self.subTest(threads=threads):
                self.check(threads, "heap/pair", "no-alloc", 64)


class ByHandTest(unittest.TestCase):
    NAME = re.compile(
        r"(?P<workload>[\w.+-]+/[\w.+-]+)/(?P<variant>[\w.+-]+)(?:/(?P<parameter>\w+):(?P<value>\d+))?"
        r"(?:/iterations:1)?/(?:manual_time/threads:|threads:)(?P<threads>\d+)"
        r"(?:/iterations:1/manual_time)?"
    )

    def listed(self, *options: str) -> list[str]:
        ended = support.command(WORKER, "--benchmark_list_tests", *options)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        return ended.stdout.splitlines()

    def test_every_workload_is_listed_with_names_that_say_what_runs(self) -> None:
        seen = set()
        for name in self.listed():
            with self.subTest(name):
                match = self.NAME.fullmatch(name)
                assert match is not None, name
                info = support.workloads()[match["workload"]]
                self.assertIn(match["variant"], [variant["name"] for variant in info["variants"]])
                parameter = info["parameter"]
                self.assertEqual(match["parameter"], parameter["name"] if parameter else None)
                self.assertGreaterEqual(int(match["threads"]), info["threads"]["minimum"])
                seen.add(match["workload"])
        self.assertEqual(seen, set(support.workloads()))
        self.assertGreaterEqual(len(seen), 10)

    def test_a_filter_chooses(self) -> None:
        cell = "heap/pair/malloc/size:64"
        names = self.listed(f"--benchmark_filter={cell}/")
        self.assertGreaterEqual(len(names), 1)
        for name in names:
            self.assertTrue(name.startswith(cell + "/"), name)
        self.assertIn(f"{cell}/manual_time/threads:1", names)

    def test_filtered_workloads_run_and_report_plausible_times(self) -> None:
        ended = support.command(
            WORKER, "--benchmark_filter=^heap/pair/malloc/size:64/", "--benchmark_format=json",
            "--benchmark_min_time=0.01",
        )
        self.assertEqual(ended.returncode, 0, ended.stderr)
        benchmarks = json.loads(ended.stdout)["benchmarks"]
        self.assertEqual(
            [run["name"] for run in benchmarks], self.listed("--benchmark_filter=^heap/pair/malloc/size:64/")
        )
        for run in benchmarks:
            self.assertGreater(run["real_time"], 0)
            self.assertGreater(run["items_per_second"], 0)

    def test_a_filter_that_matches_nothing_says_so(self) -> None:
        ended = support.command(WORKER, "--benchmark_filter=heap/pear")
        self.assertIn("Failed to match any benchmarks", ended.stderr + ended.stdout)

    def test_a_request_that_is_not_understood_is_refused(self) -> None:
        for arguments, told in (
            (["--cell", "{}"], 'cell request: missing member "workload"'),
            (["--cell", "nonsense"], "cell request: "),
            (["--cell", support.cell_request(workload="heap/pear", variant="malloc")],
             "unknown workload 'heap/pear'; `stackheap list workloads` lists them all"),
            (["--cell", support.cell_request(workload="heap/pair", variant="maloc")],
             "heap/pair has no variant 'maloc'; `stackheap list variants` lists them"),
            (["--cell"], "--cell needs a value"),
            (["--sell", "{}"], "unknown option '--sell'"),
            (["--result-fd", "one", "--list"], "--result-fd needs a descriptor's number"),
        ):
            with self.subTest(arguments):
                ended = support.command(WORKER, *arguments)
                self.assertEqual(ended.returncode, 2, ended.stderr)
                self.assertEqual(ended.stdout, "")
                self.assertIn(told, ended.stderr)


if __name__ == "__main__":
    unittest.main()
