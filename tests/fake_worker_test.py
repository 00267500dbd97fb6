"""Whatever a worker does costs one sample: its row says what happened, the others run, and no process
is left behind. tests/fakes/worker.cpp stands in for the worker; its variants are the behaviours."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import unittest
from pathlib import Path

import pandas

import support
from support import FAKE_WORKER, FolderTest, stackheap

FAKE_RUN = ("run", "--worker", FAKE_WORKER, "--profile", "smoke")

# What becomes of each way to end: status, and what the detail must say.
MALFORMED = "the worker's result is malformed: "
ENDS = {
    "ok": ("ok", ""),
    "also-ok": ("ok", ""),
    "flood": ("ok", ""),
    "unsupported": ("unsupported", "this kernel is too old"),
    "failed-check": ("failed_check", "two blocks overlap"),
    "detail-with-lines": ("failed_check", "'=1+1,\"first\" second third"),
    "out-of-memory": ("out_of_memory", "malloc returned null"),
    "crash": ("crashed", "signal SIGSEGV: fake worker: crash"),
    "abort": ("crashed", "signal SIGABRT: fake worker: abort"),
    "killed": ("crashed", "signal SIGKILL: fake worker: killed"),
    **{name: ("crashed", f"signal {signal}: fake worker: {name}") for name, signal in {
        "bus-error": "SIGBUS", "division": "SIGFPE", "illegal": "SIGILL", "trap": "SIGTRAP",
        "bad-call": "SIGSYS", "cpu-limit": "SIGXCPU", "file-limit": "SIGXFSZ",
        "broken-pipe": "SIGPIPE", "hangup": "SIGHUP", "interrupt": "SIGINT",
        "terminated": "SIGTERM", "user-signal": "SIGUSR1", "real-time-signal": "SIGRTMIN+3",
    }.items()},
    "exit-3": ("crashed", "exit code 3: fake worker: exit-3"),
    "nothing": ("crashed", "the worker ended without a result: fake worker: nothing"),
    "close-descriptors": (
        "crashed",
        "the worker ended without a result: fake worker: close-descriptors",
    ),
    "garbage": ("crashed", MALFORMED + "worker result:1:1: "),
    "half": ("crashed", MALFORMED + "worker result:1:61: "),
    "twice": ("crashed", MALFORMED + "worker result:1:"),
    "wrong-version": ("crashed", MALFORMED + "worker result: version: "),
    "text-for-number": (
        "crashed",
        MALFORMED + "metric cpu_ns_per_op: expected a finite number, found 'fast'",
    ),
    "negative-time": (
        "crashed",
        MALFORMED + "metric cpu_ns_per_op: expected a number >= 0, found '-5'",
    ),
    "unknown-metric": ("crashed", MALFORMED + "metric beauty: there is no such metric"),
    "claims-crash": ("crashed", "the worker claims to have ended 'crashed': I fell over"),
    "large-result": ("crashed", "the worker wrote more than a result can be"),
    "flood-and-abort": ("crashed", "signal SIGABRT: last words"),
}
LARGEST_LOG_BYTES = 64 * 1024
LARGEST_DRIVER_KIB = 64 * 1024

FIRST_METRIC = "ns_per_op"


class EndsTest(FolderTest):
    """One run over all of fake/end."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.case = FolderTest()
        cls.case.setUp()
        cls.addClassCleanup(cls.case.doCleanups)
        cls.mark = support.new_mark()
        cls.run_folder = cls.case.out
        cls.ended = stackheap(
            *FAKE_RUN, "--workload", "fake/end", "--out", cls.run_folder, env=cls.mark
        )
        cls.left = support.processes_with(cls.mark[support.MARK])
        cls.rows = support.read_csv(cls.run_folder / "samples.csv")
        # Where the kernel lets us count events there is an instrumented sample of each cell besides.
        cls.samples = cls.rows[cls.rows.kind == "timed"]

    def row(self, variant: str) -> pandas.Series:
        rows = self.samples[self.samples.variant == variant]
        self.assertEqual(len(rows), 1, variant)
        return rows.iloc[0]

    def test_each_behaviour_has_its_status_and_detail(self) -> None:
        self.assertEqual(sorted(self.samples.variant), sorted(ENDS))
        for variant, (status, detail) in ENDS.items():
            with self.subTest(variant):
                row = self.row(variant)
                self.assertEqual(row.status, status)
                told = "" if pandas.isna(row.detail) else row.detail
                self.assertEqual(told[: len(detail)], detail)
                self.assertNotIn("\n", told)

    def test_failures_make_exit_code_1_and_are_counted(self) -> None:
        failures = self.rows[~self.rows.status.isin(["ok", "unsupported"])]
        self.assertEqual(self.ended.returncode, 1, self.ended.stderr)
        self.assertIn(f"{len(failures)} samples FAILED, see logs/", self.ended.stdout)
        document = json.loads((self.run_folder / "run.json").read_text())
        self.assertEqual(document["result"]["failed"], len(failures))
        self.assertEqual(document["result"]["samples"], len(self.rows))
        self.assertFalse(document["result"]["interrupted"])
        self.assertIsNotNone(document["finished"])

    def test_only_ok_rows_have_figures(self) -> None:
        first_metric = list(self.rows.columns).index(FIRST_METRIC)
        figures = ["windows", "ops", *self.rows.columns[first_metric:]]
        for variant, (status, _) in ENDS.items():
            with self.subTest(variant):
                row = self.row(variant)
                if status == "ok":
                    self.assertEqual((row.windows, row.ops), (3, 300))
                    self.assertEqual((row.ns_per_op, row.peak_rss_bytes), (20, 1000000))
                    self.assertGreater(row.sample_seconds, 0)
                else:
                    self.assertTrue(row[figures].isna().all(), row[figures].dropna())

    def test_windows_belong_to_ok_rows_only(self) -> None:
        windows = support.read_csv(self.run_folder / "windows.csv")
        ok = self.rows[self.rows.status == "ok"]["sample"]
        self.assertEqual(sorted(windows["sample"].unique()), sorted(ok))
        for _, of_sample in windows.groupby("sample"):
            self.assertEqual(list(of_sample.window), [0, 1, 2])
            self.assertEqual(list(of_sample.nanoseconds), [3000, 2000, 1000])
            self.assertEqual(list(of_sample.operations), [100, 100, 100])

    def test_the_summary_knows_only_what_was_ok(self) -> None:
        summary = support.read_csv(self.run_folder / "summary.csv")
        ok = {variant for variant, (status, _) in ENDS.items() if status == "ok"}
        self.assertEqual(set(summary.variant), ok)
        figures = summary[summary.metric == FIRST_METRIC]
        self.assertEqual(list(figures.estimate), [20] * len(ok))

    def test_a_log_for_each_row_that_is_not_ok_tells_what_happened(self) -> None:
        logs = {path.name for path in (self.run_folder / "logs").iterdir()}
        wanted = {f"{n}.log" for n in self.rows[self.rows.status != "ok"]["sample"]}
        self.assertEqual(logs, wanted)
        for variant, (status, detail) in ENDS.items():
            if status == "ok" or variant == "flood-and-abort":
                continue
            with self.subTest(variant):
                lines = self.log_of(variant).splitlines()
                self.assertEqual(lines[0], f"fake/end/{variant}/none/threads:1")
                self.assertEqual(lines[1], f"status: {status}")
                self.assertTrue(lines[2].startswith("detail: "), lines[2])
                self.assertRegex(lines[3], f'^repeat: .*--cell .*"variant":"{variant}"')
                self.assertIn(f"fake worker: {variant}", lines[4:])

    def test_the_repeat_command_does_it_again(self) -> None:
        repeat = re.search(r"^repeat: (.*)$", self.log_of("garbage"), re.MULTILINE)
        assert repeat is not None
        again = subprocess.run(
            ["/bin/sh", "-c", repeat.group(1)], capture_output=True, text=True, check=True
        )
        self.assertEqual(again.stdout, "Segmentation fault, but politely\n")
        self.assertEqual(again.stderr, "fake worker: garbage\n")

    def test_of_a_long_log_the_end_is_kept(self) -> None:
        log = self.log_of("flood-and-abort")
        self.assertTrue(log.endswith("last words\n"), log[-100:])
        self.assertLess(len(log), LARGEST_LOG_BYTES + 4096)

    def test_no_process_is_left(self) -> None:
        self.assertEqual(self.left, [])

    def log_of(self, variant: str) -> str:
        return (self.run_folder / "logs" / f"{self.row(variant)['sample']}.log").read_text()


class FakeRunTest(FolderTest):
    def start(
        self, *arguments: str, out: Path | None = None, env: dict[str, str]
    ) -> subprocess.Popen[str]:
        started = subprocess.Popen(
            [str(part) for part in (support.DRIVER, *FAKE_RUN, *arguments)]
            + ["--out", str(out or self.out)],
            env=support.environment(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(started.communicate)
        self.addCleanup(started.kill)
        return started

    def read_fifo(self, fifo: int, seconds: float = 30) -> bytes:
        """What was written, b"" when every writer is gone; fails where neither comes."""
        poll = select.poll()
        poll.register(fifo, select.POLLIN)
        self.assertTrue(poll.poll(seconds * 1000), f"nothing happened for {seconds} s")
        return os.read(fifo, 4096)

    def await_stays(self, fifo: int, processes: int) -> None:
        told = 0
        while told < processes:
            data = self.read_fifo(fifo)
            self.assertNotEqual(data, b"", "the worker ended instead of staying")
            told += data.count(b"stays\n")

    def statuses(self, out: Path | None = None) -> dict[str, list[str]]:
        samples = support.read_csv((out or self.out) / "samples.csv")
        samples = samples[samples.kind == "timed"]
        return samples.groupby("variant").status.apply(list).to_dict()

    def test_what_cannot_run_here_is_no_failure(self) -> None:
        ended = stackheap(
            *FAKE_RUN, "--workload", "fake/end", "--variant", "ok", "--variant", "unsupported",
            "--out", self.out,
        )
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertEqual(self.statuses(), {"ok": ["ok"], "unsupported": ["unsupported"]})

    def test_a_gigabyte_of_log_leaves_the_driver_small(self) -> None:
        # The figure is the largest of driver, keepers and workers. It would begin with the size of
        # the process that forks the driver, so a small one does.
        measure = (
            "import resource, subprocess, sys\n"
            "code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)\n"
            "print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
        )
        ended = support.command(
            Path(sys.executable), "-ISc", measure, support.DRIVER, *FAKE_RUN, "--workload",
            "fake/end", "--variant", "flood*", "--variant", "ok", "--out", self.out,
        )
        code, largest_kib = map(int, ended.stdout.split())
        self.assertEqual(code, 1, ended.stderr)
        self.assertEqual(
            self.statuses(), {"flood": ["ok"], "flood-and-abort": ["crashed"], "ok": ["ok"]}
        )
        if support.sanitizer() == "":
            self.assertLessEqual(largest_kib, LARGEST_DRIVER_KIB)

    def test_children_of_a_worker_end_with_it(self) -> None:
        mark = support.new_mark()
        ended = stackheap(
            *FAKE_RUN, "--workload", "fake/stay", "--variant", "fork-children", "--variant", "ok",
            "--out", self.out, env=mark,
        )
        left = support.processes_with(mark[support.MARK])
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertEqual(self.statuses(), {"fork-children": ["ok"], "ok": ["ok"]})
        self.assertEqual(left, [])

    def test_what_hangs_is_ended_at_its_deadline(self) -> None:
        # Each waits for the shortest deadline there is, 10 s, so they do at the same time.
        variants = ("hang", "hang-ignoring-term", "hang-stopped", "hang-with-children")
        runs = {}
        for variant in variants:
            mark = support.new_mark()
            out = self.folder / variant
            marker = {"STACKHEAP_FAKE_MARKER": str(self.folder / f"{variant}-marker")}
            runs[variant] = mark, out, self.start(
                "--workload", "fake/stay", "--variant", variant, "--variant", "ok", out=out,
                env=mark | marker,
            )
        for variant, (mark, out, run) in runs.items():
            with self.subTest(variant):
                _, errors = run.communicate(timeout=support.DEADLINE_SECONDS)
                self.assertEqual(support.processes_with(mark[support.MARK]), [])
                self.assertEqual(run.returncode, 1, errors)
                self.assertEqual(self.statuses(out), {variant: ["timeout"], "ok": ["ok"]})
                samples = support.read_csv(out / "samples.csv")
                row = samples[samples.status == "timeout"].iloc[0]
                self.assertRegex(row.detail, "^no result within 10")
                log = (out / "logs" / f"{row['sample']}.log").read_text()
                self.assertIn(f"fake worker: {variant}", log)

    def test_an_interrupt_ends_the_worker_and_keeps_the_rows(self) -> None:
        for sent in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(sent.name):
                folder = self.folder / sent.name
                folder.mkdir()
                out = folder / "run"
                mark = support.new_mark()
                with support.fake_worker_fifo(folder) as (path, fifo):
                    run = self.start(
                        "--workload", "fake/stay", "--variant", "ok", "--variant",
                        "hang-second-time", "--rounds", "2", out=out,
                        env=mark | {"STACKHEAP_FAKE_FIFO": str(path),
                                    "STACKHEAP_FAKE_MARKER": str(folder / "marker")},
                    )
                    self.await_stays(fifo, 1)
                    run.send_signal(sent)
                    printed, errors = run.communicate(timeout=support.DEADLINE_SECONDS)
                    self.assertEqual(self.read_fifo(fifo), b"")
                self.assertEqual(support.processes_with(mark[support.MARK]), [])
                self.assertEqual(run.returncode, 130, errors)
                self.assertIn("interrupted, what is complete was kept", printed)
                statuses = self.statuses(out)
                self.assertEqual(statuses["hang-second-time"], ["ok"])
                self.assertEqual(set(statuses["ok"]), {"ok"})
                document = json.loads((out / "run.json").read_text())
                self.assertTrue(document["result"]["interrupted"])
                self.assertEqual(
                    set(support.read_csv(out / "summary.csv").variant), {"ok", "hang-second-time"}
                )

    def test_a_killed_driver_leaves_no_process(self) -> None:
        mark = support.new_mark()
        with support.fake_worker_fifo(self.folder) as (path, fifo):
            run = self.start(
                "--workload", "fake/stay", "--variant", "hang-with-children",
                env=mark | {"STACKHEAP_FAKE_FIFO": str(path)},
            )
            self.await_stays(fifo, 4)
            self.assertGreaterEqual(len(support.processes_with(mark[support.MARK])), 6)
            run.kill()
            run.wait()
            # Far less than the cell's deadline, which would end them too.
            self.assertEqual(self.read_fifo(fifo, seconds=2), b"")
        self.assertEqual(support.wait_until_gone(mark[support.MARK], seconds=2), [])

    def test_what_was_complete_when_the_driver_was_killed_can_be_summarised(self) -> None:
        with support.fake_worker_fifo(self.folder) as (path, fifo):
            run = self.start(
                "--workload", "fake/stay", "--variant", "ok", "--variant", "hang-second-time",
                "--rounds", "2",
                env={"STACKHEAP_FAKE_FIFO": str(path),
                     "STACKHEAP_FAKE_MARKER": str(self.folder / "marker")},
            )
            self.await_stays(fifo, 1)
            run.kill()
            run.wait()
        with (self.out / "samples.csv").open("a") as file:
            file.write("7,1,fake/stay,0,ti")
        ended = stackheap("summarize", self.out)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertIn("the last row was cut off and left out", ended.stderr)
        self.assertIn("this run was not finished", ended.stderr)
        summary = support.read_csv(self.out / "summary.csv")
        self.assertEqual(set(summary.variant), {"ok", "hang-second-time"})

    def test_a_killed_keeper_costs_its_sample_only(self) -> None:
        mark = support.new_mark()
        with support.fake_worker_fifo(self.folder) as (path, fifo):
            run = self.start(
                "--workload", "fake/stay", "--variant", "hang", "--variant", "ok",
                env=mark | {"STACKHEAP_FAKE_FIFO": str(path),
                            "STACKHEAP_FAKE_MARKER": str(self.folder / "marker")},
            )
            self.await_stays(fifo, 1)
            keepers = [
                pid
                for pid in support.processes_with(mark[support.MARK])
                if Path(f"/proc/{pid}/comm").read_text() == "stackheap-keep\n"
            ]
            self.assertEqual(len(keepers), 1)
            os.kill(keepers[0], signal.SIGKILL)
            self.assertEqual(self.read_fifo(fifo), b"")
            _, errors = run.communicate(timeout=support.DEADLINE_SECONDS)
        self.assertEqual(run.returncode, 1, errors)
        self.assertEqual(self.statuses(), {"hang": ["crashed"], "ok": ["ok"]})


if __name__ == "__main__":
    unittest.main()
