"""A run that was cut short goes on as if it never had been: nothing complete is repeated or lost, and
whatever differs now is a reason to refuse. tests/kill_resume_test.py kills real programs."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import unittest
from pathlib import Path
from typing import Any

import support
from support import BUILD, FAKE_WORKER, FolderTest, read_csv, stackheap

NOISE_WORKER = BUILD / "tests" / "noise_worker"
DERIVED = ("summary.csv", "comparisons.csv", "scaling.csv", "twins.csv", "claims.csv",
           "claim_tests.csv")
# What the plan and the seed decide; the rest is measured.
PLANNED = ["sample", "round", "block", "order", "kind", "workload", "variant", "allocator", "threads",
           "status", "seed"]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.rglob("*")) if path.is_file()}


class CutShort(FolderTest):
    """A complete run, and what is left of it as if its driver had been killed."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.case = FolderTest()
        cls.case.setUp()
        cls.addClassCleanup(cls.case.doCleanups)
        cls.complete = cls.case.out
        done = stackheap("run", "--worker", NOISE_WORKER, "--workload", "fake/*", "--rounds", "8",
                         "--seed", "9", "--label", "cut", "--out", cls.complete)
        assert done.returncode == 0, done.stderr
        cls.rows = read_csv(cls.complete / "samples.csv")

    def cut(self, bytes_kept: int) -> None:
        """Of samples.csv; the side files keep rows of one sample more, as they are written first."""
        shutil.copytree(self.complete, self.out)
        for name in DERIVED:
            (self.out / name).unlink()
        path = self.out / "samples.csv"
        path.write_bytes(path.read_bytes()[:bytes_kept])
        samples = path.read_bytes().count(b"\n") - 1
        windows = self.out / "windows.csv"
        lines = windows.read_bytes().splitlines(keepends=True)  # one window each
        if samples + 1 < len(lines):
            windows.write_bytes(b"".join(lines[: samples + 1]) + lines[samples + 1][:-1])
        self.change(finished=None, result=None)

    def change(self, **members: Any) -> None:
        path = self.out / "run.json"
        document = json.loads(path.read_text()) | members
        path.write_text(json.dumps({k: v for k, v in document.items()
                                    if not (k == "result" and v is None)}))

    def resume(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return stackheap("run", "--worker", NOISE_WORKER, "--resume", self.out, *arguments,
                         cwd=self.folder)

    def refused(self, done: subprocess.CompletedProcess[str], before: dict[str, bytes],
                *told: str) -> None:
        self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
        for text in told:
            self.assertIn(text, done.stderr)
        self.assertEqual(contents(self.out), before)


class GoingOn(CutShort):
    def test_cut_anywhere_the_rows_become_those_of_the_plan_and_none_is_repeated(self) -> None:
        whole = (self.complete / "samples.csv").read_bytes()
        header = whole.index(b"\n") + 1
        rng = random.Random(1)
        cuts = [0, 10, header, header + 7, len(whole) - 1, len(whole)]
        for size in cuts + [rng.randrange(header, len(whole)) for _ in range(4)]:
            with self.subTest(bytes=size):
                self.cut(size)
                kept = whole[: whole.rindex(b"\n", 0, size) + 1] if size >= header else b""
                done = self.resume()
                self.assertEqual(done.returncode, 0, done.stderr)
                now = (self.out / "samples.csv").read_bytes()
                self.assertTrue(now.startswith(kept))
                rows = read_csv(self.out / "samples.csv")
                self.assertEqual(rows[PLANNED].to_dict(), self.rows[PLANNED].to_dict())
                windows = read_csv(self.out / "windows.csv")
                self.assertEqual(list(windows["sample"]), list(rows["sample"]))
                self.assertEqual("the last row was cut off and is dropped" in done.stderr,
                                 size > header and size != len(kept))
                document = json.loads((self.out / "run.json").read_text())
                self.assertEqual(document["result"]["samples"], len(rows))
                self.assertEqual([part["from_sample"] for part in document["resumed"]],
                                 [max(kept.count(b"\n") - 1, 0)])
                first = json.loads((self.complete / "run.json").read_text())
                for member in ("started", "command_line", "label", "seed", "environment", "plan"):
                    self.assertEqual(document[member], first[member], member)
                self.assertTrue(all((self.out / name).exists() for name in DERIVED))
                shutil.rmtree(self.out)

    def test_what_a_killed_driver_leaves_besides_is_removed(self) -> None:
        self.cut((self.complete / "samples.csv").stat().st_size // 2)
        samples = (self.out / "samples.csv").read_bytes().count(b"\n") - 1
        (self.out / "logs" / f"{samples}.log").write_text("of a sample that was never committed\n")
        (self.out / "logs" / "0.log").write_text("of one that was\n")
        (self.out / "run.json.new").write_text("half")
        done = self.resume()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([path.name for path in (self.out / "logs").iterdir()], ["0.log"])
        self.assertEqual(list(self.out.glob("*.new")), [])
        self.assertIn("run.json.new is removed", done.stderr)

    def test_a_run_that_is_complete_is_told_to_be_and_summarised(self) -> None:
        shutil.copytree(self.complete, self.out)
        before = (self.out / "samples.csv").read_bytes()
        (self.out / "summary.csv").unlink()
        done = self.resume()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("this run is complete: nothing was left to run", done.stdout)
        self.assertEqual((self.out / "samples.csv").read_bytes(), before)
        self.assertEqual((self.out / "summary.csv").read_bytes(),
                         (self.complete / "summary.csv").read_bytes())

    def test_a_run_until_it_is_precise_goes_on_to_its_end(self) -> None:
        whole = self.folder / "precise"
        done = stackheap("run", "--worker", NOISE_WORKER, "--workload", "fake/noisy", "--precision",
                         "15", "--budget", "10m", "--out", whole)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.complete = whole
        self.cut((whole / "samples.csv").stat().st_size // 2)
        done = self.resume()
        self.assertEqual(done.returncode, 0, done.stderr)
        rounds = read_csv(self.out / "samples.csv").query("kind == 'timed'").groupby("variant")["round"]
        self.assertEqual(rounds.nunique().nunique(), 1)
        self.assertGreaterEqual(rounds.nunique().min(), 12)

    def test_an_interrupted_run_says_how_to_go_on_and_does(self) -> None:
        marker = {"STACKHEAP_FAKE_MARKER": str(self.folder / "marker")}
        with support.fake_worker_fifo(self.folder) as (path, fifo):
            run = subprocess.Popen(
                [str(support.DRIVER), "run", "--worker", str(FAKE_WORKER), "--profile", "smoke",
                 "--workload", "fake/stay", "--variant", "ok", "--variant", "hang", "--out",
                 str(self.out)],
                env=support.environment(marker | {"STACKHEAP_FAKE_FIFO": str(path)}), text=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            support.await_written(fifo)
            run.send_signal(signal.SIGINT)
            printed, errors = run.communicate(timeout=support.DEADLINE_SECONDS)
        self.assertEqual(run.returncode, 130, errors)
        self.assertIn(f"to go on: stackheap run --resume {self.out}\n", printed)
        done = stackheap("run", "--worker", FAKE_WORKER, "--resume", self.out, env=marker)
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = read_csv(self.out / "samples.csv").query("kind == 'timed'")
        self.assertEqual(dict(zip(rows["variant"], rows["status"])), {"ok": "ok", "hang": "ok"})
        self.assertFalse(json.loads((self.out / "run.json").read_text())["result"]["interrupted"])


class Refusals(CutShort):
    def setUp(self) -> None:
        super().setUp()
        self.cut((self.complete / "samples.csv").stat().st_size // 2)

    def edited(self, *steps: str | int) -> None:
        """One text of run.json is another."""
        path = self.out / "run.json"
        document = json.loads(path.read_text())
        place = document
        for step in steps[:-1]:
            place = place[step]
        place[steps[-1]] = "another"
        path.write_text(json.dumps(document))

    def test_every_difference_is_named_and_nothing_is_touched(self) -> None:
        whole = (self.out / "run.json").read_bytes()
        for steps, told in (
            (("plan", "hash"), "plan: another and "),
            (("build", "layouts", 0, "sha256"), "worker: another and "),
            (("build", "driver_sha256"), "driver: another and "),
            (("allocators", 0, "libraries", 0, "sha256"), "allocator glibc: another and "),
            (("environment", "kernel", "release"), "kernel: another and "),
            (("environment", "cpu", "model"), "processor: another and "),
            (("environment", "memory", "thp"), "transparent huge pages: another and "),
            (("instrumented", "available"), ""),
            (("stackheap_version",), "version of stackheap: another and "),
        ):
            with self.subTest(steps=steps):
                (self.out / "run.json").write_bytes(whole)
                self.edited(*steps)
                self.refused(self.resume(), contents(self.out), told, str(self.out))

    def test_another_worker_is_refused(self) -> None:
        before = contents(self.out)
        done = stackheap("run", "--worker", FAKE_WORKER, "--resume", self.out)
        self.refused(done, before, "worker: ", "plan: ")

    def test_options_that_would_make_it_another_run_are_refused_by_name(self) -> None:
        before = contents(self.out)
        for arguments in (("--rounds", "3"), ("--seed", "1"), ("--out", "elsewhere"),
                          ("--profile", "quick"), ("--label", "x"), ("--dry-run",)):
            self.refused(self.resume(*arguments), before, f"{arguments[0]} beside --resume",
                         "leave it out")

    def test_rows_that_are_not_the_plans_are_refused_with_their_line(self) -> None:
        path = self.out / "samples.csv"
        rows = path.read_bytes().splitlines(keepends=True)[:-1]
        for what, lines, place in (
            ("one is missing", rows[:5] + rows[6:], "samples.csv:6:1: column sample"),
            ("one is twice", rows[:6] + rows[5:], "samples.csv:7:1: column sample"),
            ("another seed", rows[:5] + [rows[5].replace(b",ok,,", b",ok,,1", 1)] + rows[6:],
             "samples.csv:6:1: expected the"),
            ("no status", rows[:5] + [rows[5].replace(b",ok,", b",fine,", 1)] + rows[6:],
             "samples.csv:6:"),
        ):
            with self.subTest(what):
                path.write_bytes(b"".join(lines))
                done = self.resume()
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(place, done.stderr)
                self.assertEqual(path.read_bytes(), b"".join(lines))

    def test_folders_that_cannot_go_on_are_refused_with_the_reason(self) -> None:
        (self.out / "run.json").unlink()
        self.refused(self.resume(), contents(self.out), "run.json is missing", "delete the folder")
        done = stackheap("run", "--resume", self.folder / "none")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("no such folder", done.stderr)
        both = self.folder / "both"
        other = self.folder / "other"
        again = stackheap("run", "--worker", NOISE_WORKER, "--workload", "fake/*", "--rounds", "8",
                          "--seed", "10", "--label", "cut", "--out", other)
        self.assertEqual(again.returncode, 0, again.stderr)
        merged = stackheap("summarize", self.complete, other, "--out", both)
        self.assertEqual(merged.returncode, 0, merged.stderr)
        done = stackheap("run", "--resume", both)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("several runs were merged into it", done.stderr)

    def test_a_malformed_run_json_is_told_with_line_and_column(self) -> None:
        path = self.out / "run.json"
        text = json.dumps(json.loads(path.read_text()), indent=1)
        lines = text.splitlines()
        rounds = next(i for i, line in enumerate(lines) if line.startswith(' "rounds"')) + 1
        for edited, place in (
            (text.replace(' "rounds": 8', ' "rounds": "8"', 1), f"{path}:{rounds}:12: rounds: expected"),
            (text.replace(' "rounds": 8', ' "rounds": -8', 1), f"{path}:{rounds}:12: rounds: expected"),
            (text.replace(' "rounds": 8', ' "round": 1, "rounds": 8', 1), f"{path}:{rounds}:11: "),
            (text.replace(' "rounds": 8', ' "rounds": 8, "rounds": 8', 1), f"{path}:{rounds}:"),
            (text.replace(' "rounds": 8', ' "rounds": 8.', 1), f"{path}:{rounds}:14: "),
            (text[:-2], f"{path}:{len(lines) - 1}:"),
        ):
            path.write_text(edited)
            self.refused(self.resume(), contents(self.out), place)


class Locks(FolderTest):
    def hanging(self, *arguments: str, profile: str = "smoke", prefix: tuple[str, ...] = (),
                out: Path | None = None) -> subprocess.Popen[str]:
        """A run that stays in its first sample until it is killed."""
        path = self.folder / "fifo"
        if not path.exists():
            os.mkfifo(path)
        environment = support.environment({"STACKHEAP_FAKE_FIFO": str(path)})
        del environment[support.ALLOW_CONCURRENT]
        run = subprocess.Popen(
            [*prefix, str(support.DRIVER), "run", "--worker", str(FAKE_WORKER), "--profile", profile,
             "--workload", "fake/stay", "--variant", "hang", "--out", str(out or self.out), *arguments],
            env=environment, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE)
        self.addCleanup(run.communicate)
        self.addCleanup(run.kill)
        with path.open("rb") as fifo:
            self.assertEqual(fifo.read(6), b"stays\n")
        return run

    def test_a_folder_that_another_driver_writes_to_is_refused(self) -> None:
        run = self.hanging()
        before = contents(self.out)
        done = stackheap("run", "--worker", FAKE_WORKER, "--resume", self.out)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn(f"{self.out}: another process writes to this folder", done.stderr)
        self.assertEqual(contents(self.out), before)
        # With its last process the lock is gone, and no file of it is left.
        run.kill()
        run.wait()
        self.assertEqual(sorted(path.name for path in self.out.iterdir()),
                         ["latency.csv", "logs", "pilots.csv", "run.json", "samples.csv",
                          "timeline.csv", "windows.csv"])
        done = stackheap("run", "--worker", FAKE_WORKER, "--resume", self.out,
                         env={"STACKHEAP_FAKE_MARKER": "/"})  # exists: the worker does not hang
        self.assertEqual(done.returncode, 0, done.stderr)

    @unittest.skipUnless(support.works("unshare", "--net"), "needs root and network namespaces")
    def test_two_runs_that_measure_are_refused_unless_told(self) -> None:
        # In a namespace of their own: nobody else's run is in the way, and they are in nobody's.
        script = '"$@" 2>"$ERRORS"; echo $? >"$ERRORS.code"'
        second = self.folder / "second"
        errors = self.folder / "errors"
        run = self.hanging(profile="quick", prefix=("unshare", "--net"))
        driver = run.pid
        for allowed, code, told in (
            ((), 2, f"process {driver} (", ), (("--allow-concurrent",), 0, ""),
        ):
            environment = support.environment({"ERRORS": str(errors)})
            del environment[support.ALLOW_CONCURRENT]
            subprocess.run(
                ["nsenter", "--net", "--target", str(driver), "sh", "-c", script, "sh",
                 str(support.DRIVER), "run", "--worker", str(NOISE_WORKER), "--workload",
                 "fake/steady", "--rounds", "1", "--out", str(second), *allowed],
                env=environment, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            with self.subTest(allowed=allowed):
                self.assertEqual(int((self.folder / "errors.code").read_text()), code,
                                 errors.read_text())
                self.assertIn(told, errors.read_text())
                self.assertEqual(second.exists(), code == 0)
                if code != 0:
                    self.assertIn("measures on this machine already", errors.read_text())
                    self.assertIn("--allow-concurrent", errors.read_text())

    def test_smoke_measures_nothing_and_is_never_refused(self) -> None:
        self.hanging()
        environment = {support.ALLOW_CONCURRENT: ""}
        done = stackheap("run", "--worker", FAKE_WORKER, "--profile", "smoke", "--workload", "fake/end",
                         "--variant", "ok", "--out", self.folder / "second", env=environment)
        self.assertEqual(done.returncode, 0, done.stderr)


class SecondInterrupt(FolderTest):
    def test_it_ends_the_driver_at_once_and_leaves_no_process(self) -> None:
        mark = support.new_mark()
        with support.fake_worker_fifo(self.folder) as (path, fifo):
            run = subprocess.Popen(
                [str(support.DRIVER), "run", "--worker", str(FAKE_WORKER), "--profile", "smoke",
                 "--workload", "fake/stay", "--variant", "hang-with-children", "--out", str(self.out)],
                env=support.environment(mark | {"STACKHEAP_FAKE_FIFO": str(path)}),
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            support.await_written(fifo)
            # While it is stopped both signals are sent, so that it finds them together.
            run.send_signal(signal.SIGSTOP)
            run.send_signal(signal.SIGINT)
            run.send_signal(signal.SIGTERM)
            run.send_signal(signal.SIGCONT)
            printed, _ = run.communicate(timeout=support.DEADLINE_SECONDS)
        self.assertEqual((run.returncode, printed), (130, ""))
        self.assertEqual(support.wait_until_gone(mark[support.MARK], seconds=2), [])


if __name__ == "__main__":
    unittest.main()
