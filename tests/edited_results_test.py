"""Results that were edited, cut off or are too few for a claim: a clear error or an honest `unresolved`,
never a crash and never an interval that was made up."""

from __future__ import annotations

import json
import subprocess
import unittest
from pathlib import Path

import pandas

from support import BUILD, FolderTest, read_csv, stackheap

NOISE_WORKER = BUILD / "tests" / "noise_worker"


class EditedTest(FolderTest):
    def measure(self, *arguments: str, rounds: int = 12, workload: str = "fake/noisy") -> Path:
        done = stackheap("run", "--worker", NOISE_WORKER, "--seed", "9", "--rounds", str(rounds),
                         "--workload", workload, *arguments, "--out", self.out, cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        return self.out

    def table(self) -> pandas.DataFrame:
        return pandas.read_csv(self.out / "samples.csv", dtype=str, keep_default_na=False)

    def write(self, table: pandas.DataFrame) -> None:
        table.to_csv(self.out / "samples.csv", index=False)

    def summarize(self, *folders: Path) -> subprocess.CompletedProcess[str]:
        return stackheap("summarize", *(folders or (self.out,)), cwd=self.folder)

    def times(self) -> pandas.DataFrame:
        return read_csv(self.out / "comparisons.csv").query("metric == 'ns_per_op'")

    def fail_samples(self, variant: str, rounds: range) -> None:
        """As if these samples had crashed."""
        table = self.table()
        gone = ((table["variant"] == variant) & table["kind"].isin(["timed", "twin"])
                & table["round"].astype(int).isin(rounds))
        metrics = list(table.columns[table.columns.get_loc("ops"):])
        table.loc[gone, metrics] = ""
        table.loc[gone, "status"] = "crashed"
        table.loc[gone, "detail"] = "signal SIGSEGV"
        self.write(table)


class TooLittle(EditedTest):
    def test_one_round_has_ratios_and_no_interval(self) -> None:
        self.measure(rounds=1)
        rows = self.times()
        self.assertEqual(len(rows), 2)
        self.assertTrue(rows["ratio"].notna().all())
        self.assertTrue(rows["lower"].isna().all() and rows["upper"].isna().all())
        self.assertEqual(set(rows["verdict"]), {"unresolved"})
        self.assertEqual(set(rows["rounds_needed"]), {7})

    def test_no_ok_sample_at_all(self) -> None:
        self.measure()
        table = self.table()
        table[table.columns[table.columns.get_loc("ops"):]] = ""
        table["status"] = "timeout"
        self.write(table)
        done = self.summarize()
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("no sample ended ok, so there is nothing to estimate", done.stderr)
        compared = stackheap("compare", self.out, self.out, cwd=self.folder)
        self.assertEqual(compared.returncode, 2, compared.stdout)
        self.assertIn("nothing can be compared", compared.stderr)

    def test_a_cell_that_failed_in_half_of_its_rounds_says_so(self) -> None:
        self.measure()
        self.fail_samples("twice", range(6))
        done = self.summarize()
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stderr, r"\d+ of \d+ samples failed")
        row = self.times().set_index("candidate_variant").loc["twice"]
        self.assertEqual(row["rounds"], 6)
        self.assertTrue(pandas.isna(row["lower"]))  # a pair of two needs 7
        self.assertEqual(row["verdict"], "unresolved")
        summary = read_csv(self.out / "summary.csv").query("metric == 'ns_per_op'")
        summary = summary.set_index("variant").loc["twice"]
        self.assertEqual((summary["samples"], summary["planned"]), (6, 12))

    def test_all_ties_are_a_point_that_is_equivalent_or_different(self) -> None:
        self.measure(workload="fake/steady")
        rows = self.times().set_index("candidate_variant")
        for variant, ratio in (("ten-percent", 1.1), ("twice", 2.0)):
            row = rows.loc[variant]
            for column in ("ratio", "lower", "upper"):
                self.assertAlmostEqual(row[column], ratio, places=6)
            self.assertEqual(row["verdict"], "slower")
        table = self.table()
        table["ns_per_op"] = ["" if value == "" else "100.0" for value in table["ns_per_op"]]
        self.write(table)
        self.assertEqual(self.summarize().returncode, 0)
        self.assertEqual(set(self.times()["verdict"]), {"equivalent"})

    def test_one_variant_alone_is_compared_with_nothing(self) -> None:
        self.measure("--variant", "base")
        self.assertEqual(len(read_csv(self.out / "comparisons.csv")), 0)
        self.assertGreater(len(read_csv(self.out / "summary.csv")), 0)


class Wrong(EditedTest):
    def test_numbers_that_no_run_writes_are_refused_with_line_and_column(self) -> None:
        self.measure()
        before = (self.out / "comparisons.csv").read_bytes()
        table = self.table()
        line = int(table.index[table["kind"] == "timed"][2])
        for text in ("nan", "inf", "-inf", "-5", "1e999", "ten", "0x10"):
            with self.subTest(text=text):
                edited = table.copy()
                edited.loc[line, "ns_per_op"] = text
                self.write(edited)
                for done in (self.summarize(),
                             stackheap("compare", self.out, self.out, cwd=self.folder)):
                    self.assertEqual(done.returncode, 2, done.stdout)
                    self.assertIn(f"samples.csv:{line + 2}", done.stderr)
                    self.assertIn("ns_per_op", done.stderr)
                self.assertEqual((self.out / "comparisons.csv").read_bytes(), before)

    def test_a_file_that_was_cut_off_keeps_its_complete_rows(self) -> None:
        self.measure()
        path = self.out / "samples.csv"
        whole = path.read_bytes()
        rows = whole.splitlines(keepends=True)
        path.write_bytes(b"".join(rows[:-5]) + rows[-5][:20])
        done = self.summarize()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("cut off", done.stdout + done.stderr)
        self.assertLess(self.times()["rounds"].min(), 12)
        path.write_bytes(rows[0][:30])
        done = self.summarize()
        self.assertEqual(done.returncode, 2, done.stdout)
        self.assertIn("samples.csv", done.stderr)

    def test_runs_of_two_machines_become_no_single_run(self) -> None:
        first = self.measure()
        second = self.out = self.folder / "second"
        self.measure()
        document = json.loads((second / "run.json").read_text())
        document["environment"]["cpu"]["model"] = "Z80"
        (second / "run.json").write_text(json.dumps(document))
        done = stackheap("summarize", first, second, "--out", self.folder / "merged")
        self.assertEqual(done.returncode, 2, done.stdout)
        self.assertIn("processor: ", done.stderr)
        self.assertFalse((self.folder / "merged").exists())

    def test_a_run_json_that_was_edited_is_refused(self) -> None:
        self.measure()
        path = self.out / "run.json"
        whole = json.loads(path.read_text())
        for path_to, value in ((("options", "margin"), -1), (("options", "alpha"), 2),
                               (("calibration",), {"layout_spread": -0.1}), (("version",), 2)):
            with self.subTest(path_to=path_to):
                document = json.loads(json.dumps(whole))
                place = document
                for key in path_to[:-1]:
                    place = place[key]
                place[path_to[-1]] = value
                path.write_text(json.dumps(document))
                done = self.summarize()
                self.assertEqual(done.returncode, 2, done.stdout)
                self.assertIn("run.json", done.stderr)


if __name__ == "__main__":
    unittest.main()
