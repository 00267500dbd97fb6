"""Comparisons for people, programs and builds: --fail-on and --format of a run, and two runs set
against each other. tests/fakes/noise_worker.cpp gives times that are known."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import numpy
import pandas
from scipy.stats import t as student

from recomputed import median_with_interval
from support import BUILD, FolderTest, read_csv, stackheap

NOISE_WORKER = BUILD / "tests" / "noise_worker"


class CompareTest(FolderTest):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        kept = tempfile.TemporaryDirectory(prefix="stackheap-")
        cls.addClassCleanup(kept.cleanup)
        cls.kept = Path(kept.name)

    def measure(self, name: str, *arguments: str) -> Path:
        """Measured once for each name and arguments; each test has a copy of its own to change."""
        kept = self.kept / "-".join((name, *arguments)).replace("/", "-")
        if not kept.exists():
            done = stackheap("run", "--worker", str(NOISE_WORKER), "--rounds", "12", *arguments,
                             "--out", kept)
            self.assertEqual(done.returncode, 0, done.stderr)
        return Path(shutil.copytree(kept, self.folder / name))

    def calibrate(self, run: Path, **facts: object) -> Path:
        """A calibration of the machine that the run is of."""
        document = json.loads((run / "run.json").read_text())
        folder = self.folder / "calibration"
        folder.mkdir(exist_ok=True)
        machine = {"processor": document["environment"]["cpu"]["model"],
                   "kernel": document["environment"]["kernel"]["release"],
                   "cpus": document["topology"]["usable_cpus"]}
        calibration = {"version": 1, "machine": machine, "when": "2026-01-31T00:00:00Z",
                       "sessions": 20, "layout_spread": 0.001,
                       "between_runs": {"deviation": 0.004, "sessions": 20},
                       "turns": False, "window_summary": "ns_per_op"} | facts
        (folder / "calibration.json").write_text(json.dumps(calibration))
        return folder

    def compare(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        return stackheap("compare", *map(str, arguments), cwd=self.folder)


class TwoRuns(CompareTest):
    def test_without_a_calibration_everything_is_unresolved_and_says_why(self) -> None:
        base, new = self.measure("base"), self.measure("new")
        done = self.compare(base, new, "--format", "csv", "--fail-on", "slower=0%")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("there is no calibration in results/calibration", done.stderr)
        table = pandas.read_csv(io.StringIO(done.stdout))
        self.assertEqual(len(table), 6)
        self.assertEqual(set(table["verdict"]), {"unresolved"})
        self.assertTrue(table["lower"].isna().all())

    def test_the_interval_has_the_spread_within_and_between_runs(self) -> None:
        base = self.measure("base", "--workload", "fake/noisy")
        new = self.measure("new", "--workload", "fake/noisy")
        done = self.compare(base, new, "--calibration", self.calibrate(base), "--format", "json")
        self.assertEqual(done.returncode, 0, done.stderr)
        pairs = json.loads(done.stdout)["comparisons"]
        self.assertEqual(sorted(p["variant"] for p in pairs), ["base", "ten-percent", "twice"])
        alpha = 0.05 / 3
        for pair in pairs:
            sides = []
            for folder in (base, new):
                rows = read_csv(folder / "samples.csv").query("kind == 'timed'")
                logs = numpy.log(rows.loc[rows["variant"] == pair["variant"], "ns_per_op"])
                sides.append(median_with_interval(list(logs), alpha))
            one, two = sides
            between = student.ppf(1 - alpha / 2, 19) * 0.004
            ratio = two.point - one.point
            lower = ratio - numpy.sqrt((two.point - two.lower) ** 2 + (one.upper - one.point) ** 2
                                       + between ** 2)
            upper = ratio + numpy.sqrt((two.upper - two.point) ** 2 + (one.point - one.lower) ** 2
                                       + between ** 2)
            for name, wanted in (("ratio", ratio), ("lower", lower), ("upper", upper)):
                self.assertAlmostEqual(pair[name], numpy.exp(wanted), places=6)

    def test_how_many_verdicts_return_is_told(self) -> None:
        base = self.measure("base", "--workload", "fake/steady")
        new = self.measure("new", "--workload", "fake/steady")
        done = self.compare(base, new)
        self.assertIn("of 2 differences of more than 1 % that BASE found inside itself, 2 were found "
                      "again in NEW (100.0 %, 95 % interval 15.8 - 100.0), none was contradicted",
                      done.stdout)
        # One of them turned round: what took 110 takes 90.
        text = (new / "samples.csv").read_text()
        (new / "samples.csv").write_text(text.replace(",110.000000", ",90.000000"))
        done = self.compare(base, new)
        self.assertIn("1 were found again in NEW (50.0 %, 95 % interval 1.3 - 98.7), 1 were "
                      "contradicted: ns_per_op fake/steady/ten-percent/none/threads:1 / "
                      "fake/steady/base/none/threads:1", done.stdout)

    def test_equal_runs_are_equivalent_and_a_slower_one_fails(self) -> None:
        base = self.measure("base", "--workload", "fake/steady")
        calibration = self.calibrate(base)
        new = self.measure("new", "--workload", "fake/steady")
        same = self.compare(base, new, "--calibration", calibration, "--fail-on", "slower=0%")
        self.assertEqual(same.returncode, 0, same.stderr)
        self.assertIn("3 comparisons: 0 differ, 3 equivalent (not shown), 0 unresolved",
                      same.stdout)
        text = (new / "samples.csv").read_text()
        (new / "samples.csv").write_text(text.replace(",110.000000", ",130.000000"))
        for bound, code in (("15%", 1), ("25%", 0)):
            done = self.compare(base, new, "--calibration", calibration, "--fail-on",
                                f"slower={bound}", "--format", "markdown")
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertIn("| fake/steady | ten-percent | 1 | ns_per_op | none | 1.18 |", done.stdout)
            self.assertEqual("FAILS" in done.stdout, code == 1)

    def test_runs_that_differ_are_refused_unless_told(self) -> None:
        base = self.measure("base", "--workload", "fake/steady")
        new = self.measure("new", "--workload", "fake/*")
        path = new / "run.json"
        document = json.loads(path.read_text())
        document["environment"]["kernel"]["release"] = "9.9"
        path.write_text(json.dumps(document))
        done = self.compare(base, new)
        self.assertEqual(done.returncode, 2)
        self.assertIn("  kernel: ", done.stderr)
        self.assertIn(" and 9.9", done.stderr)
        self.assertIn("  plan: ", done.stderr)
        self.assertEqual(done.stdout, "")
        done = self.compare(base, new, "--anyway")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(" and 9.9", done.stdout)
        self.assertIn("3 comparisons", done.stdout)

    def test_a_calibration_of_another_machine_is_not_used(self) -> None:
        base = self.measure("base", "--workload", "fake/steady")
        calibration = self.calibrate(base, machine={"processor": "Z80", "kernel": "1", "cpus": 1})
        done = self.compare(base, base, "--calibration", calibration)
        self.assertIn("is of another machine: Z80, 1 CPUs, kernel 1", done.stdout)
        self.assertIn("3 unresolved", done.stdout)

    def test_a_cell_that_works_no_more_passes_no_gate(self) -> None:
        base = self.measure("base", "--workload", "fake/steady")
        new = self.measure("new", "--workload", "fake/steady")
        table = pandas.read_csv(new / "samples.csv", dtype=str, keep_default_na=False)
        gone = (table["variant"] == "twice") & (table["kind"] == "timed")
        metrics = list(table.columns[table.columns.get_loc("ops"):])
        table.loc[gone, metrics] = ""
        table.loc[gone, "status"] = "crashed"
        table.loc[gone, "detail"] = "signal SIGSEGV"
        table.to_csv(new / "samples.csv", index=False)
        calibration = self.calibrate(base)
        told = self.compare(base, new, "--calibration", calibration)
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertRegex(told.stdout, r"no sample ended ok in NEW.*: fake/steady/twice/")
        gate = self.compare(base, new, "--calibration", calibration, "--fail-on", "slower=50%")
        self.assertEqual(gate.returncode, 1, gate.stderr)

    def test_mistakes_are_named(self) -> None:
        base = self.measure("base", "--workload", "fake/steady")
        calibration = self.calibrate(base, sessions=-1)
        for arguments, message in (
            ((base, self.folder / "nothing"), "nothing"),
            ((base, base, "--fail-on", "slow=3"), "--fail-on slow=3: expected slower=PCT"),
            ((base, base, "--fail-on", "slower"), "--fail-on slower: expected slower=PCT"),
            ((base, base, "--fail-on", "slower=-1"), "--fail-on slower=-1: expected"),
            ((base, base, "--metric", "ns_per_opp"), "did you mean 'ns_per_op' or"),
            ((base, base, "--metric", "p99"), "no cell in common"),
            ((base, base, "--format", "xml"), "--format xml: expected one of text"),
            ((base, base, "--calibration", calibration), "sessions: expected"),
        ):
            with self.subTest(message=message):
                done = self.compare(*arguments)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(message, done.stderr)


class OneRun(CompareTest):
    """Two builds of an allocator inside one run, the way for a build that must not get slower."""

    def run_pair(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        library = BUILD / "libstackheap-reference.so"
        return stackheap("run", "--workload", "heap/pair", "--variant", "malloc", "--threads", "1",
                         "--parameter", "size=64", "--rounds", "9", "--allocator", f"old={library}",
                         "--allocator", "scudo", "--baseline", "old", "--out", self.out, *arguments)

    @unittest.skipUnless((BUILD / "libstackheap-reference.so").exists(), "needs the reference")
    def test_a_slower_allocator_fails_the_run_and_is_named(self) -> None:
        done = self.run_pair("--fail-on", "slower=3%", "--format", "csv")
        self.assertEqual(done.returncode, 1, done.stderr)
        rows = list(csv.DictReader(io.StringIO(done.stdout)))
        self.assertEqual(len(rows), 1)
        self.assertEqual(rows[0]["candidate"], "scudo")
        self.assertEqual((rows[0]["verdict"], rows[0]["fails"]), ("slower", "1"))
        self.assertIn("results: ", done.stderr)
        compared = read_csv(self.out / "comparisons.csv").query("metric == 'ns_per_op'").iloc[0]
        self.assertAlmostEqual(float(rows[0]["lower"]), compared["lower"])

    @unittest.skipUnless((BUILD / "libstackheap-reference.so").exists(), "needs the reference")
    def test_a_bound_that_is_not_reached_passes(self) -> None:
        done = self.run_pair("--fail-on", "slower=9999%", "--fail-on", "faster=3%")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("FAIL", done.stdout)


if __name__ == "__main__":
    unittest.main()
