"""What a run measures of itself: leads, twins, anchors and layouts; and when an adaptive run stops.
tests/fakes/noise_worker.cpp stands in for the worker where the noise must be known."""

from __future__ import annotations

import json
import re
import subprocess
import unittest

import numpy as np
import pandas

from recomputed import median_with_interval
from support import BUILD, FolderTest, read_csv, sanitizer, stackheap

NOISE_WORKER = BUILD / "tests" / "noise_worker"


class ControlsRun(FolderTest):
    def run_noise(self, *arguments: str) -> str:
        done = stackheap("run", "--worker", str(NOISE_WORKER), "--seed", "5", *arguments,
                         "--out", self.out)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def samples(self) -> pandas.DataFrame:
        return read_csv(self.out / "samples.csv")


class Controls(ControlsRun):
    def test_each_round_has_a_lead_a_twin_and_an_anchor_outside_the_summary(self) -> None:
        stdout = self.run_noise("--workload", "fake/noisy", "--rounds", "8")
        samples = self.samples()
        counts = samples["kind"].value_counts().to_dict()
        self.assertEqual(counts, {"timed": 24, "lead": 8, "twin": 8, "anchor": 8})
        for _, rows in samples[samples["kind"] != "anchor"].groupby("round"):
            self.assertEqual(list(rows["order"]), list(range(5)))
            self.assertEqual(rows["kind"].iloc[0], "lead")
            self.assertEqual(rows["variant"].iloc[0], rows["variant"].iloc[1])
        self.assertEqual(samples.loc[samples["kind"] == "twin", "variant"].nunique(), 1)
        summary = read_csv(self.out / "summary.csv")
        times = summary[summary["metric"] == "ns_per_op"].set_index(["workload", "variant"])
        self.assertEqual(sorted(times.index), [("anchor/fake", "base"), ("fake/noisy", "base"),
                                               ("fake/noisy", "ten-percent"),
                                               ("fake/noisy", "twice")])
        timed = samples[samples["kind"] == "timed"]
        for variant, rows in timed.groupby("variant"):
            estimate = times.loc[("fake/noisy", variant)]
            self.assertEqual(estimate["samples"], 8)
            self.assertAlmostEqual(estimate["estimate"], rows["ns_per_op"].median(), places=6)
        self.assertRegex(stdout, r"twins \(a cell beside itself, by ns_per_op\): \d of 1 differ")
        self.assertIn("drift of the machine over half of the run: anchor/fake", stdout)

    def test_twins_csv_has_the_ratio_of_a_cell_and_its_twin(self) -> None:
        self.run_noise("--workload", "fake/noisy", "--rounds", "12")
        samples = self.samples()
        twin = samples[samples["kind"] == "twin"].set_index("round")["ns_per_op"]
        variant = samples.loc[samples["kind"] == "twin", "variant"].iloc[0]
        own = samples[(samples["kind"] == "timed") & (samples["variant"] == variant)]
        logs = np.log(twin / own.set_index("round")["ns_per_op"])
        interval = median_with_interval(list(logs), 0.05)
        lower, upper = interval.lower, interval.upper
        table = read_csv(self.out / "twins.csv")
        self.assertEqual(list(table["metric"]), ["ns_per_op"])
        row = table.iloc[0]
        self.assertEqual((row["variant"], row["rounds"]), (variant, 12))
        self.assertAlmostEqual(row["ratio"], np.exp(np.median(logs)), places=6)
        self.assertAlmostEqual(row["lower"], np.exp(lower), places=6)
        self.assertAlmostEqual(row["upper"], np.exp(upper), places=6)
        self.assertEqual(row["differs"], int(lower > 0 or upper < 0))

    def test_an_anchor_cannot_be_planned(self) -> None:
        done = stackheap("run", "--worker", str(NOISE_WORKER), "--workload", "anchor/*")
        self.assertEqual(done.returncode, 2)
        self.assertIn("unknown workload 'anchor/*'", done.stderr)


class Adaptive(ControlsRun):
    def rounds(self) -> dict[str, int]:
        timed = self.samples().query("kind == 'timed'")
        return {workload: rows["round"].nunique() for workload, rows in timed.groupby("workload")}

    def test_precise_blocks_stop_and_the_others_go_on_until_the_budget(self) -> None:
        stdout = self.run_noise("--budget", "4s", "--precision", "1")
        rounds = self.rounds()
        self.assertEqual(rounds["fake/steady"], 12)
        self.assertGreater(rounds["fake/noisy"], 14)
        self.assertIn("the budget was spent before 1 blocks were precise", stdout)
        facts = json.loads((self.out / "run.json").read_text())
        self.assertEqual(facts["options"]["alpha"], 0.03)
        planned = {block["block"]: block["rounds"] for block in facts["plan"]["blocks"]}
        self.assertEqual(planned, rounds)
        summary = read_csv(self.out / "summary.csv")
        for workload, rows in summary[summary["metric"] == "ns_per_op"].groupby("workload"):
            if workload in rounds:
                self.assertEqual(set(rows["planned"]), {rounds[workload]})

    def test_intervals_of_an_adaptive_run_allow_for_its_looks(self) -> None:
        self.run_noise("--workload", "fake/noisy", "--budget", "2s")
        timed = self.samples().query("kind == 'timed'")
        times = timed.pivot_table(index="round", columns="variant", values="ns_per_op")
        compared = read_csv(self.out / "comparisons.csv").query("metric == 'ns_per_op'")
        self.assertEqual(set(compared["confidence"]), {0.975})
        for _, row in compared.iterrows():
            logs = np.log(times[row["candidate_variant"]] / times["base"]).dropna()
            interval = median_with_interval(list(logs), 0.03 / 2)
            lower, upper = interval.lower, interval.upper
            self.assertAlmostEqual(row["lower"], np.exp(lower), places=6)
            self.assertAlmostEqual(row["upper"], np.exp(upper), places=6)

    def test_a_run_that_is_precise_at_its_first_look_ends_there(self) -> None:
        stdout = self.run_noise("--workload", "fake/steady", "--precision", "0.5")
        self.assertEqual(self.rounds(), {"fake/steady": 12})
        self.assertNotIn("budget", stdout)

    def test_contradicting_options_are_refused(self) -> None:
        for options, message in (
            (("--rounds", "12", "--budget", "1m"), "--rounds is exact"),
            (("--precision", "0"), "no number of rounds reaches 0"),
            (("--budget", "soon"), "--budget soon: expected a time"),
            (("--precision", "much"), "--precision much: expected percent"),
        ):
            with self.subTest(options=options):
                done = stackheap("run", "--worker", str(NOISE_WORKER), *options, "--out", self.out)
                self.assertEqual(done.returncode, 2)
                self.assertIn(message, done.stderr)
                self.assertFalse(self.out.exists())


@unittest.skipIf(sanitizer() != "", "a sanitizer build has one layout")
class Layouts(ControlsRun):
    def test_rounds_rotate_over_the_layouts_of_the_worker(self) -> None:
        done = stackheap("run", "--workload", "heap/pair", "--variant", "no-alloc", "--threads", "1",
                         "--parameter", "size=64", "--rounds", "5", "--out", self.out)
        self.assertEqual(done.returncode, 0, done.stderr)
        samples = self.samples()
        layouts = sorted((BUILD / "layouts").glob("stackheap-worker-*"))
        self.assertGreaterEqual(len(layouts), 3)
        for _, row in samples.iterrows():
            self.assertEqual(row["layout"], row["round"] % (len(layouts) + 1))
        facts = json.loads((self.out / "run.json").read_text())
        hashes = [layout["sha256"] for layout in facts["build"]["layouts"]]
        self.assertEqual(len(set(hashes)), len(layouts) + 1)
        self.assertEqual(hashes[0], facts["build"]["worker"]["sha256"])

    def test_layouts_are_the_same_functions_at_other_places(self) -> None:
        def symbols(program: str) -> dict[str, int]:
            text = subprocess.run(["nm", program], capture_output=True, text=True, check=True).stdout
            found = re.findall(r"^([0-9a-f]+) [tT] (.*)$", text, re.MULTILINE)
            return {name: int(address, 16) for address, name in found if "stackheap" in name}

        own = symbols(str(BUILD / "stackheap-worker"))
        for layout in sorted((BUILD / "layouts").glob("stackheap-worker-*")):
            other = symbols(str(layout))
            self.assertEqual(set(own), set(other))
            moved = sum(own[name] % 4096 != other[name] % 4096 for name in own)
            self.assertGreater(moved, len(own) / 2)


if __name__ == "__main__":
    unittest.main()
