"""What is said of memory, held against a workload whose memory use is known (tests/fakes/
memory_truth.cpp), and against memory/decay itself."""

from __future__ import annotations

import json
import unittest

import pandas

from support import BUILD, FolderTest, needs_allocators, read_csv, sanitizer, stackheap

TRUTH_WORKER = BUILD / "tests" / "memory_truth"
MIB = 1 << 20
WITHIN = 0.02
SMALLEST_OBJECT = 32  # of memory/decay


class MemoryRun(FolderTest):
    def run_it(self, *arguments: str) -> pandas.DataFrame:
        done = stackheap("run", *arguments, "--out", self.out)
        self.assertEqual(done.returncode, 0, done.stderr)
        return read_csv(self.out / "samples.csv")

    def timelines(self) -> dict[int, pandas.DataFrame]:
        table = read_csv(self.out / "timeline.csv")
        self.assertEqual(list(table), ["sample", "elapsed_ms", "resident_bytes", "phase"])
        return {int(sample): rows for sample, rows in table.groupby("sample")}

    def check_shape(self, rows: pandas.DataFrame, sample: pandas.Series, phases: list[str]) -> None:
        """One reading every 10 ms from the start on, in each phase in turn."""
        self.assertEqual(rows["elapsed_ms"].iloc[0], 0)
        self.assertTrue((rows["elapsed_ms"].diff().iloc[1:] > 0).all())
        ticks = 1000 * sample["sample_seconds"] / 10
        self.assertLessEqual(len(rows), ticks + 2)
        self.assertGreaterEqual(len(rows), ticks / 2)  # a busy machine may miss some
        seen = list(dict.fromkeys(rows["phase"]))
        self.assertEqual([phase for phase in phases if phase in seen], seen)
        # Each phase is one stretch.
        self.assertEqual((rows["phase"] != rows["phase"].shift()).sum(), len(seen))


@unittest.skipIf(sanitizer() != "", "a sanitizer's own memory comes and goes")
class KnownTruth(MemoryRun):
    def test_peak_faults_and_what_is_left_are_those_of_the_workload(self) -> None:
        for live in (64, 200):
            with self.subTest(live=live):
                self.out = self.folder / str(live)
                samples = self.run_it("--worker", str(TRUTH_WORKER), "--profile", "smoke",
                                      "--parameter", f"live={live}")
                self.assertEqual(len(samples), 1)
                sample = samples.iloc[0]
                self.assertEqual(sample["status"], "ok")
                true = live * MIB
                grown = sample["peak_rss_bytes"] - sample["baseline_rss_bytes"]
                self.assertAlmostEqual(grown, true, delta=WITHIN * true)
                self.assertEqual(sample["peak_live_bytes"], true)
                self.assertAlmostEqual(sample["rss_per_live_byte"], 1, delta=WITHIN)
                left = sample["rss_after_free_100ms_bytes"] - sample["baseline_rss_bytes"]
                self.assertAlmostEqual(left, 0, delta=WITHIN * true)
                self.assertGreater(sample["ops"], 1000)
                self.assertEqual(sample["minor_faults"], sample["ops"])

    def test_timeline_shows_peak_and_drop_at_the_marks(self) -> None:
        sample = self.run_it("--worker", str(TRUTH_WORKER), "--profile", "smoke").iloc[0]
        rows = self.timelines()[0]
        self.check_shape(rows, sample, ["start", "grow", "live", "free", "freed", "end"])
        baseline, true = sample["baseline_rss_bytes"], 64 * MIB
        for phase, expected in (("live", true), ("freed", 0)):
            seen = rows.loc[rows["phase"] == phase, "resident_bytes"]
            self.assertGreaterEqual(len(seen), 3, phase)
            # The last one may have been begun within the phase and made after it.
            for resident in seen.iloc[:-1]:
                self.assertAlmostEqual(resident - baseline, expected, delta=WITHIN * true)
        self.assertAlmostEqual(rows["resident_bytes"].max(), sample["peak_rss_bytes"],
                               delta=WITHIN * true)

    def test_long_samples_have_few_rounds_unless_they_are_asked_for(self) -> None:
        for asked, rounds in (((), 3), (("--rounds", "4"), 4)):
            with self.subTest(asked=asked):
                self.out = self.folder / str(rounds)
                common = ("--worker", str(TRUTH_WORKER), "--profile", "quick", *asked)
                plan = stackheap("run", "--dry-run", *common, "--workload", "memory/truth")
                self.assertIn("12 rounds (3 of memory/truth), " if not asked else "4 rounds, ",
                              plan.stdout)
                samples = self.run_it(*common, "--workload", "memory/truth", "--parameter", "live=8")
                self.assertEqual(sorted(samples["round"]), list(range(rounds)))
                info = json.loads((self.out / "run.json").read_text())
                self.assertEqual([block["rounds"] for block in info["plan"]["blocks"]], [rounds])
                summary = read_csv(self.out / "summary.csv")
                self.assertEqual(set(summary["planned"]), {rounds})
                self.assertEqual(set(summary["samples"]), {rounds})


@needs_allocators
class Decay(MemoryRun):
    def test_every_variant_is_watched_from_growth_to_end(self) -> None:
        samples = self.run_it("--profile", "smoke", "--workload", "memory/decay", "--allocator",
                              "glibc")
        self.assertEqual(sorted(samples["variant"]), ["active", "idle"])
        self.assertEqual(set(samples["status"]), {"ok"})
        timelines = self.timelines()
        for _, sample in samples.iterrows():
            rows = timelines[sample["sample"]]
            self.check_shape(rows, sample, ["start", "grow", "hold", "free", "freed", "watched",
                                            "end"])
            # The last object takes what is left, unless that is less than the smallest one.
            self.assertLessEqual(sample["peak_live_bytes"], 16 * MIB)
            self.assertGreater(sample["peak_live_bytes"], 16 * MIB - SMALLEST_OBJECT)
            hold = rows.loc[rows["phase"] == "hold", "resident_bytes"]
            self.assertGreaterEqual(len(hold), 2)
            self.assertGreaterEqual(hold.max(), 16 * MIB)
            self.assertGreater(sample["rss_after_free_100ms_bytes"], 0)
            self.assertTrue(pandas.isna(sample["rss_after_free_1s_bytes"]))
            self.assertTrue(pandas.isna(sample["rss_after_free_5s_bytes"]))

    def test_a_workload_that_does_not_ask_has_no_timeline(self) -> None:
        self.run_it("--profile", "smoke", "--workload", "memory/overhead", "--allocator", "glibc")
        self.assertEqual(self.timelines(), {})


if __name__ == "__main__":
    unittest.main()
