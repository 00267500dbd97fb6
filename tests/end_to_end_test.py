"""A whole run of the real programs, everything once: what was planned was run, and the figures are
consistent in themselves and with each other. Several rounds are in tests/rounds_run_test.py."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import unittest
from pathlib import Path

import numpy
import pandas

import support
import synthetic_run
from run_case import WRITTEN, RunTest, label_of, listed
from support import stackheap

FIXED_COLUMNS = (
    "sample,round,block,order,kind,suite,workload,variant,allocator,parameter,parameter_value,threads,"
    "pinned,oversubscribed,status,detail,seed,windows,ops"
).split(",")
WINDOWS_COLUMNS = "sample,window,nanoseconds,operations".split(",")
SCALING_COLUMNS = (
    "block,suite,workload,variant,allocator,parameter,parameter_value,threads,speedup,speedup_lower,"
    "speedup_upper,efficiency,efficiency_lower,efficiency_upper,samples,sigma,sigma_lower,sigma_upper,"
    "kappa,kappa_lower,kappa_upper,peak_threads,peak_threads_lower,peak_threads_upper,not_fitted"
).split(",")
CLAIMS_COLUMNS = (
    "claim,statement,tested_as,verdict,tests,held,failed,unresolved,workloads,effect_of,effect,lower,"
    "upper,unit,sentence"
).split(",")
CLAIM_TESTS_COLUMNS = (
    "claim,kind,workload,parameter,parameter_value,threads,metric,candidate_variant,"
    "candidate_allocator,baseline_variant,baseline_allocator,baseline_value,effect,lower,upper,unit,"
    "confidence,samples,expectation,said,outcome"
).split(",")
DERIVED_FILES = ("summary.csv", "comparisons.csv", "scaling.csv", "twins.csv", "claims.csv",
                 "claim_tests.csv")


class SmokeTest(RunTest):
    """Every workload, variant and allocator once."""

    # A sanitizer build has one malloc, its own.
    ONLY = ("--allocator", "glibc") if support.sanitizer() else ()
    arguments = ("--profile", "smoke", "--seed", "7", *ONLY)

    def test_all_is_ok_or_told_why_not(self) -> None:
        self.assertEqual(self.ended.returncode, 0, self.ended.stderr)
        self.assertIn(f"results: {self.run_.folder}\n", self.ended.stdout)
        samples = self.run_.samples
        self.assertEqual(set(samples.status) - {"ok", "unsupported", "unavailable"}, set())
        for row in samples.itertuples():
            self.assertEqual(row.status == "ok", pandas.isna(row.detail), label_of(row))
        self.assertGreater(len(self.run_.ok), 0.9 * len(self.run_.timed))

    def test_there_is_one_timed_row_for_each_planned_cell(self) -> None:
        planned = stackheap("run", *self.arguments, "--dry-run")
        self.assertEqual(planned.returncode, 0, planned.stderr)
        lines = planned.stdout.splitlines()
        cells = [line.split()[0] for line in lines[1 : lines.index("")]]
        self.assertEqual(sorted(map(label_of, self.run_.timed.itertuples())), sorted(cells))
        self.assertTrue(lines[-1].startswith(f"{len(cells)} cells in "), lines[-1])
        self.assertEqual(self.run_.document["plan"]["cells"], len(cells))

    @support.needs_allocators
    def test_every_workload_runs_every_variant_under_every_allocator(self) -> None:
        allocators = [entry["name"] for entry in self.run_.document["allocators"]]
        self.assertEqual(
            allocators,
            ["glibc", "jemalloc", "mimalloc", "tcmalloc", "tbbmalloc", "scudo", "reference"],
        )
        seen = {tuple(row) for row in
                self.run_.timed[["workload", "variant", "allocator"]].itertuples(index=False)}
        wanted = set()
        for workload in support.workloads().values():
            if workload["anchor"]:
                continue
            every = {"allocators": "all"}
            only_baseline = all(t["allocators"] == "baseline" for t in workload["smoke"] or [every])
            for variant in workload["variants"]:
                names = (["none"] if not variant["uses_heap"]
                         else [variant["only_allocator"]] if variant["only_allocator"]
                         else allocators[:1] if only_baseline else allocators)
                wanted |= {(workload["name"], variant["name"], name) for name in names}
        self.assertGreater(len(wanted), 100)
        self.assertEqual(wanted - seen, set())

    @support.needs_allocators
    def test_what_is_installed_is_not_called_unavailable(self) -> None:
        table = listed("allocators")
        available = set(table[table.state == "available"].allocator)
        self.assertIn("reference", available)
        rows = self.run_.samples[self.run_.samples.status == "unavailable"]
        self.assertEqual(set(rows.allocator) & available, set())

    def test_headers_are_exact_and_in_order(self) -> None:
        metrics = listed("metrics")
        sample_metrics = list(metrics[metrics.scope == "sample"].metric)
        for name, header in (
            ("samples.csv", FIXED_COLUMNS + sample_metrics),
            ("windows.csv", WINDOWS_COLUMNS),
            ("summary.csv", synthetic_run.SUMMARY),
            ("comparisons.csv", synthetic_run.COMPARISONS),
            ("scaling.csv", SCALING_COLUMNS),
            ("claims.csv", CLAIMS_COLUMNS),
            ("claim_tests.csv", CLAIM_TESTS_COLUMNS),
        ):
            with self.subTest(name):
                path = self.run_.folder / name
                self.assertEqual(support.header_of(path), header)
                self.assertEqual(list(support.read_csv(path).columns), header)
                text = path.read_bytes()
                self.assertTrue(text.endswith(b"\n"))
                self.assertNotIn(b"\r", text)

    def test_rows_are_numbered_as_they_ran_and_ordered_within_their_block(self) -> None:
        samples = self.run_.samples
        self.assertEqual(list(samples["sample"]), list(range(len(samples))))
        for (block, kind), rows in samples.groupby(["block", "kind"]):
            with self.subTest((block, kind)):
                self.assertEqual(list(rows.order), sorted(rows.order))
                self.assertEqual(rows.order.nunique(), len(rows))
                self.assertEqual(rows[rows.status == "ok"].seed.nunique(), 1)
        timed = self.run_.timed
        for block, rows in timed.groupby("block"):
            self.assertEqual(list(rows.order), list(range(len(rows))), block)
            # A block is run in one piece: what is compared ran within seconds.
            numbers = list(rows["sample"])
            self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(rows))), block)

    def test_flags_say_what_the_threads_had(self) -> None:
        cpus = self.run_.document["topology"]["usable_cpus"]
        for row in self.run_.timed.itertuples():
            self.assertEqual(row.oversubscribed, int(row.threads > cpus), label_of(row))
            self.assertEqual(row.pinned, int(row.threads <= cpus), label_of(row))

    def test_figures_are_plausible(self) -> None:
        for row in self.run_.windowed().itertuples():
            with self.subTest(label_of(row)):
                self.assertTrue(0.05 <= row.ns_per_op <= 1e7, row.ns_per_op)
                self.assertLessEqual(row.ns_per_op_min, row.ns_per_op)
                self.assertLessEqual(row.ns_per_op, row.ns_per_op_p90)
                self.assert_close(row.ops_per_second, 1e9 * row.threads / row.ns_per_op, WRITTEN,
                                  "ops_per_second")
                self.assertTrue(1 / row.threads - WRITTEN <= row.fairness <= 1 + WRITTEN, row.fairness)
                self.assertIn(row.warm_up, ("flat", "warmed", "slowing", "unsteady"))
                self.assertGreater(row.cpu_ns_per_op, 0)
        for row in self.run_.ok.itertuples():
            with self.subTest(label_of(row)):
                self.assertGreater(row.baseline_rss_bytes, 0)
                self.assertGreaterEqual(row.peak_rss_bytes, row.baseline_rss_bytes)
                self.assertGreater(row.mapped_regions, 10)
                self.assertGreaterEqual(row.sample_seconds, row.worker_seconds)
                self.assertGreater(row.worker_seconds, 0)

    def test_cpu_run_queue_and_blocked_add_up_to_the_threads_time(self) -> None:
        rows = self.run_.windowed().dropna(subset=["run_queue_ns_per_op"])
        if not Path("/proc/self/schedstat").exists():
            self.skipTest("this kernel has no schedstat")
        self.assertEqual(len(rows), len(self.run_.windowed()))
        for row in rows.itertuples():
            parts = (row.cpu_ns_per_op, row.run_queue_ns_per_op, row.blocked_ns_per_op)
            rounding = WRITTEN * (row.thread_ns_per_op + sum(map(abs, parts)))
            self.assertLessEqual(abs(sum(parts) - row.thread_ns_per_op), rounding, label_of(row))

    def test_a_rows_times_are_those_of_its_windows(self) -> None:
        rows = self.run_.windowed()
        self.assertGreater(len(rows), 100)
        by_sample = dict(tuple(self.run_.windows.groupby("sample")))
        for row in rows.itertuples():
            with self.subTest(label_of(row)):
                windows = by_sample[row.sample]
                self.assertEqual(list(windows.window), list(range(int(row.windows))))
                self.assertGreater(row.windows, 0)
                self.assertEqual(windows.operations.sum(), row.ops)
                self.assertEqual(windows.operations.nunique(), 1)
                times = windows.nanoseconds * row.threads / windows.operations
                self.assert_close(row.ns_per_op, numpy.median(times), WRITTEN, "median")
                self.assert_close(row.ns_per_op_min, times.min(), WRITTEN, "min")
                self.assert_close(row.ns_per_op_mean, times.mean(), WRITTEN, "mean")
                self.assert_close(row.ns_per_op_p90, numpy.quantile(times, 0.9), WRITTEN, "p90")

    def test_windows_belong_to_rows_that_are_ok(self) -> None:
        ok = self.run_.samples[self.run_.samples.status == "ok"]
        with_windows = set(ok[ok.windows > 0]["sample"])
        self.assertEqual(set(self.run_.windows["sample"]), with_windows)

    def test_live_bytes_and_what_they_cost_agree(self) -> None:
        rows = self.run_.ok.dropna(subset=["rss_per_live_byte"])
        self.assertGreater(len(rows), 0)
        for row in rows.itertuples():
            cost = (row.peak_rss_bytes - row.baseline_rss_bytes) / row.peak_live_bytes
            self.assert_close(row.rss_per_live_byte, cost, WRITTEN, label_of(row))

    def test_what_did_not_run_has_no_figures(self) -> None:
        rows = self.run_.samples[self.run_.samples.status != "ok"]
        self.assertTrue(rows.loc[:, "windows":].isna().all(axis=None))

    def test_the_derived_files_follow_from_the_samples(self) -> None:
        self.check_summary()
        self.check_comparisons()
        self.check_scaling()
        self.check_claims()

    def test_one_round_proves_what_is_checked_and_no_time(self) -> None:
        tests = self.run_.claim_tests
        self.assertEqual(set(tests[(tests.kind == "ratio")].outcome) - {"told"}, {"unresolved"})
        self.assertEqual(set(tests[tests.kind == "verified"].outcome), {"holds"})
        self.assertEqual(set(self.run_.claims[self.run_.claims.claim == 2].verdict),
                         {"not measured"})

    def test_summarize_reproduces_the_derived_files_byte_for_byte(self) -> None:
        again = self.holder.folder / "again"
        shutil.copytree(self.run_.folder, again)
        for name in DERIVED_FILES:
            (again / name).unlink()
        ended = stackheap("summarize", again)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        for name in DERIVED_FILES:
            self.assertEqual((again / name).read_bytes(), (self.run_.folder / name).read_bytes(), name)

    def test_identities_are_those_of_the_files(self) -> None:
        document = self.run_.document
        entries = [document["build"]["worker"]]
        for allocator in document["allocators"]:
            if not allocator["unavailable"]:
                self.assertGreaterEqual(len(allocator["libraries"]), 1, allocator["name"])
                self.assertEqual(allocator["version"], allocator["libraries"][0]["version"])
            entries += allocator["libraries"]
        self.assertGreaterEqual(len(entries), 3)
        for entry in entries:
            with self.subTest(entry["path"]):
                content = Path(entry["path"]).expanduser().read_bytes()
                self.assertEqual(entry["sha256"], hashlib.sha256(content).hexdigest())
                self.assertEqual(entry["bytes"], len(content))
                if entry["build_id"]:
                    self.assertIn(bytes.fromhex(entry["build_id"]), content)
        worker = Path(document["build"]["worker"]["path"]).expanduser()
        self.assertEqual(worker.resolve(), support.WORKER)

    def test_run_json_says_how_the_run_came_about(self) -> None:
        document = self.run_.document
        self.assertEqual(document["version"], 1)
        self.assertEqual(document["profile"], "smoke")
        self.assertEqual((document["seed"], document["options"]["seed"]), (7, 7))
        self.assertEqual(document["rounds"], 1)
        self.assertEqual(document["command_line"][1:4], ["run", "--profile", "smoke"])
        stamp = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"
        self.assertRegex(document["started"], stamp)
        self.assertRegex(document["finished"], stamp)
        self.assertLessEqual(document["started"], document["finished"])
        self.assertRegex(document["plan"]["hash"], "^[0-9a-f]{16}$")
        ran = self.run_.samples[self.run_.samples.windows.notna()]
        self.assertGreaterEqual(document["result"]["samples"], len(ran))
        self.assertEqual(document["result"]["failed"], 0)
        self.assertEqual(
            document["result"]["samples"] + document["result"]["not_run"], len(self.run_.samples)
        )
        self.assertEqual(
            {entry["name"] for entry in document["workloads"]}, set(self.run_.samples.workload)
        )

    def test_run_json_says_on_what_the_run_was_made(self) -> None:
        document = self.run_.document
        for part in ("cpu", "kernel", "memory", "cgroup", "limits"):
            self.assertTrue(document["environment"][part], part)
        self.assertIn("release", json.dumps(document["environment"]["kernel"]))
        for end in ("start", "end"):
            self.assertGreaterEqual(document["load"][end]["load_1min"], 0)
        self.assertIn("-O2", document["build"]["flags"] if not support.sanitizer() else "-O2")
        self.assertRegex(document["build"]["compiler"], r"(gcc|clang) \d+")
        self.assertRegex(document["build"]["benchmark_library"], r"^\d+\.\d+")
        self.assertEqual(document["build"]["sanitizer"] != "", support.sanitizer() != "")
        cpus = document["topology"]["cpus"]
        self.assertGreaterEqual(len(cpus), document["topology"]["usable_cpus"])
        for finding in document["doctor"]:
            for part in ("severity", "subject", "what", "why"):
                self.assertTrue(finding[part], finding)

    def test_no_path_below_the_users_home_is_written_out(self) -> None:
        home = str(Path.home())
        if home == "/":
            self.skipTest("everything is below this home")
        for name in ("run.json", "samples.csv"):
            text = (self.run_.folder / name).read_text()
            self.assertIsNone(re.search(rf'"{re.escape(home)}/', text), name)


if __name__ == "__main__":
    unittest.main()
