"""kill -9 of the driver at random instants of real runs, each resumed to its end: the rows become those
of the plan, none twice, none lost that was complete before, and no process outlives its driver.

STACKHEAP_TEST_KILLS says how many; scripts/kill-and-resume runs two hundred and records them."""

from __future__ import annotations

import csv
import os
import random
import shutil
import signal
import subprocess
import time
import unittest
from pathlib import Path

import pandas

import support
from support import FolderTest, needs_allocators, read_csv, stackheap

KILLS = int(os.environ.get("STACKHEAP_TEST_KILLS", "20"))
SEED = int(os.environ.get("STACKHEAP_TEST_SEED", str(time.time_ns() % 1_000_000)))
RECORD = os.environ.get("STACKHEAP_TEST_RECORD", "")  # a CSV file to append to
GONE_WITHIN_SECONDS = 2

# Two plans: every kind of side file, and pilots whose work must be the same after.
PLANS = {
    "smoke": ("--profile", "smoke", "--workload", "heap/pair", "--workload", "latency/slots",
              "--workload", "memory/decay", "--variant", "malloc", "--allocator", "glibc",
              "--allocator", "reference", "--threads", "1"),
    "quick": ("--profile", "quick", "--workload", "heap/pair", "--variant", "malloc", "--variant",
              "no-alloc", "--allocator", "glibc", "--parameter", "size=64", "--threads", "1",
              "--rounds", "2"),
}
PLANNED = ["sample", "round", "block", "order", "kind", "workload", "variant", "allocator",
           "parameter_value", "threads", "pinned", "status", "seed"]
SIDES = ("windows.csv", "latency.csv", "timeline.csv")


def complete_rows(path: Path) -> bytes:
    """Up to the last line end: no field of ours holds one."""
    text = path.read_bytes() if path.exists() else b""
    return text[: text.rfind(b"\n") + 1]


@needs_allocators
class KillAndResume(FolderTest):
    def start(self, *arguments: str | Path) -> tuple[subprocess.Popen[str], str]:
        mark = support.new_mark()
        run = subprocess.Popen([str(support.DRIVER), "run", *map(str, arguments)],
                               env=support.environment(mark), stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.addCleanup(run.communicate)
        self.addCleanup(run.kill)
        return run, mark[support.MARK]

    def kill_within(self, seconds: float, *arguments: str | Path) -> tuple[int, str, float]:
        """The exit code and stderr of a run that is killed at a random instant, if it still runs."""
        run, mark = self.start(*arguments)
        instant = self.rng.uniform(0, seconds)
        try:
            run.wait(timeout=instant)
        except subprocess.TimeoutExpired:
            run.kill()
            # Or it ended in that very instant.
            self.assertIn(run.wait(), (-signal.SIGKILL, 0))
            killed = time.monotonic()
            self.assertEqual(support.wait_until_gone(mark, GONE_WITHIN_SECONDS), [])
            self.longest_survival = max(self.longest_survival, time.monotonic() - killed)
        assert run.stderr is not None
        return run.returncode, run.stderr.read(), instant

    def test_at_random_instants(self) -> None:
        self.rng = random.Random(SEED)
        self.longest_survival = 0.0
        whole = {}
        for name, plan in PLANS.items():
            folder = self.folder / f"whole-{name}"
            began = time.monotonic()
            done = stackheap("run", *plan, "--seed", "5", "--out", folder)
            self.assertEqual(done.returncode, 0, done.stderr)
            whole[name] = (read_csv(folder / "samples.csv"), time.monotonic() - began)
        outcomes = {"before run.json": 0, "under way": 0, "after the end": 0}
        rounds = 0
        for number in range(KILLS):
            name = list(PLANS)[number % len(PLANS)]
            reference, seconds = whole[name]
            with self.subTest(kill=number, seed=SEED, plan=name):
                outcomes[self.one(PLANS[name], reference, seconds)] += 1
                rounds += 1
            shutil.rmtree(self.out, ignore_errors=True)
        self.assertEqual(rounds, KILLS)
        print(f"{KILLS} kills, seed {SEED}: {outcomes}; every process was gone within "
              f"{self.longest_survival:.3f} s")
        if RECORD:
            with open(RECORD, "a", newline="", encoding="ascii") as file:
                csv.writer(file, lineterminator="\n").writerow(
                    [KILLS, SEED, *outcomes.values(), f"{self.longest_survival:.3f}"])

    def one(self, plan: tuple[str, ...], reference: pandas.DataFrame, seconds: float) -> str:
        arguments: tuple[str | Path, ...] = (*plan, "--seed", "5", "--out", self.out)
        code, errors, _ = self.kill_within(1.1 * seconds, *arguments)
        outcome = "under way" if code < 0 else "after the end"
        while True:
            before = complete_rows(self.out / "samples.csv")
            if self.out.exists() and not (self.out / "run.json").exists():
                # The run had not begun, and says so.
                self.assertEqual(before, b"")
                done = stackheap("run", "--resume", self.out)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn("no sample was taken; delete the folder", done.stderr)
                shutil.rmtree(self.out)
            if not self.out.exists():
                outcome = "before run.json"
                again: tuple[str | Path, ...] = arguments
            else:
                again = ("--resume", self.out)
            # Killed again one time in three.
            limit = 1.1 * seconds * (1 if self.rng.random() < 1 / 3 else 1000)
            code, errors, _ = self.kill_within(limit, *again)
            self.assertTrue(complete_rows(self.out / "samples.csv").startswith(before))
            if code >= 0:
                self.assertEqual(code, 0, errors)
                break
        self.check(reference)
        return outcome

    def check(self, reference: pandas.DataFrame) -> None:
        rows = read_csv(self.out / "samples.csv")
        for column in PLANNED:
            self.assertEqual(list(rows[column].fillna(-1)), list(reference[column].fillna(-1)), column)
        windows = read_csv(self.out / "windows.csv")
        counted = windows.groupby("sample").size()
        self.assertEqual(counted.to_dict(), rows.set_index("sample")["windows"].dropna().to_dict())
        for name in SIDES:
            side = read_csv(self.out / name)
            self.assertTrue(side["sample"].is_monotonic_increasing, name)
            self.assertFalse(side.duplicated(list(side.columns[:3])).any(), name)
        # All samples of a cell do the same work in a window, whoever ran the pilot.
        piloted = rows[rows["kind"].isin(["timed", "twin"]) & (rows["workload"] == "heap/pair")]
        if rows["round"].max() > 0:
            work = (piloted["ops"] / piloted["windows"]).groupby(piloted["variant"]).nunique()
            self.assertEqual(set(work), {1})
        self.assertEqual([str(path) for path in self.out.rglob("*.new")], [])
        self.assertEqual(list((self.out / "logs").iterdir()), [])


if __name__ == "__main__":
    unittest.main()
