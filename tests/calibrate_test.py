"""`stackheap calibrate`: sessions that go on where they stopped, what it refuses, and what `run` makes
of its result. How the figures follow from the samples is in tests/calibration_test.cpp."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import unittest
from pathlib import Path

import numpy
import pandas

from recomputed import median_ratio, widened
from support import BUILD, FolderTest, header_of, needs_allocators, read_csv, stackheap

NOISE_WORKER = BUILD / "tests" / "noise_worker"


def read_listing() -> dict[str, list[str]]:
    """The columns of each file, as the program lists them."""
    table = pandas.read_csv(io.StringIO(stackheap("list", "columns", "--csv").stdout))
    return {file: list(rows["column"]) for file, rows in table.groupby("file")}


@needs_allocators
class Sessions(FolderTest):
    def calibrate(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return stackheap("calibrate", "--out", self.out, *arguments)

    def samples(self) -> pandas.DataFrame:
        return read_csv(self.out / "calibration_samples.csv")

    def test_a_second_call_goes_on_with_a_new_session_and_evaluates_both(self) -> None:
        first = self.calibrate("--budget", "3s", "--seed", "7")
        self.assertEqual(first.returncode, 0, first.stderr)
        begun = self.samples()
        self.assertEqual(set(begun["status"]), {"ok"})
        # A row that was cut off when the machine went down is lost, and nothing else.
        path = self.out / "calibration_samples.csv"
        whole = path.read_bytes()
        path.write_bytes(whole + whole.splitlines(keepends=True)[-1][:-9])
        second = self.calibrate("--budget", "3s", "--seed", "8")
        self.assertEqual(second.returncode, 0, second.stderr)
        rows = self.samples()
        self.assertTrue(path.read_bytes().startswith(whole))
        self.assertEqual(sorted(set(rows["session"])), [0, 1])
        self.assertEqual(rows.groupby("session")["cell"].nunique().tolist(), [1, 1])
        # The second session is a long one: what tells how small a slowdown is found, and little else.
        sides = rows[rows["session"] == 1].groupby("round")["side"].agg(set)
        family = {f"same-{i}" for i in range(7)}
        for number, of_round in sides[sides.index < sides.index.max()].items():
            self.assertEqual(family <= of_round, number // 4 % 2 == 0, number)
            self.assertEqual(len(of_round - family), 12)
        self.assertFalse(any("other" in of or "disturbed" in of for of in sides))
        self.assertIn(f"2 sessions in {self.out}, {len(rows) - len(begun)} samples added",
                      second.stdout)
        facts = json.loads((self.out / "calibration.json").read_text())
        self.assertEqual(facts["sessions"], 2)
        figures = read_csv(self.out / "calibration.csv")
        listing = read_listing()
        for file in ("calibration.csv", "calibration_samples.csv"):
            self.assertEqual(header_of(self.out / file), listing[file])
        self.assertTrue({"a/a", "family of 6", "slowdown"} <= set(figures["design"]))
        evaluated = self.calibrate("--evaluate")
        self.assertEqual(evaluated.returncode, 0, evaluated.stderr)
        self.assertIn("0 samples added", evaluated.stdout)
        self.assertEqual(len(self.samples()), len(rows))

    def test_each_round_runs_every_side_once_in_one_layout(self) -> None:
        self.assertEqual(self.calibrate("--budget", "4s").returncode, 0)
        rows = self.samples()
        whole = rows[rows["round"] < rows["round"].max()]
        self.assertGreater(whole["round"].nunique(), 1)
        for _, of_round in whole.groupby("round"):
            self.assertEqual(of_round["layout"].nunique(), 1)
            self.assertEqual(sorted(of_round["order"]), list(range(23)))
            self.assertEqual(of_round["side"].nunique(), 23)
            # The two sides of a pair run one after the other.
            places = of_round.set_index("side")["order"]
            for side in places.index[~places.index.str.startswith("same-")]:
                if not side.endswith("-base"):
                    self.assertEqual(abs(places[side] - places[f"{side}-base"]), 1, side)
        orders = whole.groupby("round")["side"].agg(tuple)
        self.assertEqual(orders.nunique(), len(orders))
        # All report the same work, also those that do more.
        self.assertEqual(rows["share"].nunique(), 1)

    def test_mistakes_are_named_before_anything_is_sampled(self) -> None:
        for arguments, code, message in (
            (("--budget", "soon"), 2, "--budget soon: expected a time such as 90s"),
            (("--seed", "-1"), 2, "--seed -1: expected a whole number"),
            (("--other", "malocator"), 2, "--other malocator: there is no such allocator"),
            (("--worker", str(NOISE_WORKER)), 2, "calibrate needs the workload heap/pair"),
        ):
            with self.subTest(message=message):
                done = self.calibrate(*arguments)
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertIn(message, done.stderr)
                self.assertEqual(len(self.samples()), 0)

    def test_the_calibration_of_another_machine_is_not_continued(self) -> None:
        self.assertEqual(self.calibrate("--budget", "1s").returncode, 0)
        path = self.out / "calibration.json"
        facts = json.loads(path.read_text())
        facts["machine"]["cpus"] += 1
        path.write_text(json.dumps(facts))
        before = len(self.samples())
        done = self.calibrate("--budget", "1s")
        self.assertEqual(done.returncode, 2, done.stdout)
        self.assertIn("was begun on another machine", done.stderr)
        self.assertEqual(len(self.samples()), before)

    def test_sides_that_take_turns_and_sides_apart_are_two_calibrations(self) -> None:
        self.assertEqual(self.calibrate("--budget", "1s", "--turns").returncode, 0)
        self.assertTrue(json.loads((self.out / "calibration.json").read_text())["turns"])
        before = len(self.samples())
        done = self.calibrate("--budget", "1s")
        self.assertEqual(done.returncode, 2, done.stdout)
        self.assertIn("was begun with --turns", done.stderr)
        self.assertEqual(len(self.samples()), before)
        self.assertEqual(self.calibrate("--evaluate").returncode, 0)
        self.assertTrue(json.loads((self.out / "calibration.json").read_text())["turns"])

    def test_samples_that_were_edited_are_refused_by_line(self) -> None:
        self.assertEqual(self.calibrate("--budget", "1s").returncode, 0)
        path = self.out / "calibration_samples.csv"
        with path.open(newline="") as file:
            rows = list(csv.reader(file))
        column = rows[0].index("median")
        for text in ("nan", "inf", "-1", "many"):
            with self.subTest(text=text):
                edited = [list(row) for row in rows]
                edited[2][column] = text
                with path.open("w", newline="") as file:
                    csv.writer(file, lineterminator="\n").writerows(edited)
                done = self.calibrate("--evaluate")
                self.assertEqual(done.returncode, 2, done.stdout)
                self.assertIn("calibration_samples.csv:3", done.stderr)
                self.assertIn("median", done.stderr)


class RunOfACalibratedMachine(FolderTest):
    def run_noise(self, *arguments: object) -> str:
        done = stackheap("run", "--worker", NOISE_WORKER, "--seed", "5", "--rounds", "12",
                         "--workload", "fake/noisy", *map(str, arguments), "--out", self.out,
                         cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def calibration(self, **changes: object) -> Path:
        """Of this machine, as a first run's run.json tells it."""
        self.run_noise()
        document = json.loads((self.out / "run.json").read_text())
        self.out = self.folder / "second"
        machine = {"processor": document["environment"]["cpu"]["model"],
                   "kernel": document["environment"]["kernel"]["release"],
                   "cpus": document["topology"]["usable_cpus"]} | changes
        folder = self.folder / "calibration"
        folder.mkdir()
        (folder / "calibration.json").write_text(json.dumps(
            {"version": 1, "machine": machine, "when": "2026-01-31T00:00:00Z", "sessions": 20,
             "turns": False, "layout_spread": 0.05, "between_runs": None, "window_summary": "median"}))
        return folder

    def test_intervals_of_times_are_widened_by_what_layouts_differ_by(self) -> None:
        stdout = self.run_noise("--calibration", self.calibration())
        self.assertIn("intervals of times hold 5.00 % for the worker's layout", stdout)
        samples = read_csv(self.out / "samples.csv").query("kind == 'timed'")
        times = samples.pivot(index="round", columns="variant", values="ns_per_op")
        rows = read_csv(self.out / "comparisons.csv").query("metric == 'ns_per_op'")
        self.assertEqual(len(rows), 2)
        for row in rows.itertuples():
            pairs = list(zip(times[row.candidate_variant], times["base"]))
            wanted = widened(median_ratio(pairs, 0.025), "ns", 0.05, 0.025)
            numpy.testing.assert_allclose([row.ratio, row.lower, row.upper],
                                          [wanted.point, wanted.lower, wanted.upper], rtol=1e-5)
        # From the same samples, and from what the run knew: not from what is there later.
        before = (self.out / "comparisons.csv").read_bytes()
        (self.folder / "calibration" / "calibration.json").unlink()
        self.assertEqual(stackheap("summarize", self.out).returncode, 0)
        self.assertEqual((self.out / "comparisons.csv").read_bytes(), before)

    def test_a_machine_that_was_never_calibrated_is_told(self) -> None:
        self.assertIn("this machine was never calibrated", self.run_noise())
        self.assertIsNone(json.loads((self.out / "run.json").read_text())["calibration"])

    def test_another_machines_calibration_widens_nothing(self) -> None:
        stdout = self.run_noise("--calibration", self.calibration(cpus=4096))
        self.assertIn("this machine was never calibrated", stdout)


if __name__ == "__main__":
    unittest.main()
