"""Whole runs of the real programs: what was planned was run, the figures are consistent in themselves
and with each other, and what is derived from them is what NumPy and SciPy derive."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import unittest
from io import StringIO
from pathlib import Path
from typing import Any

import numpy
import pandas

import recomputed
import support
import synthetic_run
from support import FolderTest, stackheap

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

# Metrics are written with six significant digits.
WRITTEN = 1e-5
EXACT = 1e-9


def listed(what: str) -> pandas.DataFrame:
    return pandas.read_csv(StringIO(stackheap("list", what, "--csv").stdout))


class Written:
    """A run's folder, read back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.samples = support.read_csv(folder / "samples.csv")
        self.windows = support.read_csv(folder / "windows.csv")
        self.summary = support.read_csv(folder / "summary.csv")
        self.comparisons = support.read_csv(folder / "comparisons.csv")
        self.scaling = support.read_csv(folder / "scaling.csv")
        self.claims = support.read_csv(folder / "claims.csv")
        self.claim_tests = support.read_csv(folder / "claim_tests.csv")
        self.document: dict[str, Any] = json.loads((folder / "run.json").read_text())
        self.timed = self.samples[self.samples.kind == "timed"]
        self.ok = self.timed[self.timed.status == "ok"]

    def windowed(self) -> pandas.DataFrame:
        """The ok rows of workloads whose windows are the harness's."""
        shapes = {w["name"]: w["shape"] for w in self.document["workloads"]}
        return self.ok[self.ok.workload.map(shapes) == "windowed"]


def label_of(row: Any) -> str:
    parameter = f"/{row.parameter}:{row.parameter_value:.0f}" if isinstance(row.parameter, str) else ""
    return f"{row.workload}/{row.variant}/{row.allocator}{parameter}/threads:{row.threads}"


class RunTest(FolderTest):
    """A test of one run that is made once."""

    arguments: tuple[Any, ...] = ()

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        holder = FolderTest()
        holder.setUp()
        cls.addClassCleanup(holder.doCleanups)
        cls.holder = holder
        cls.ended = stackheap("run", *cls.arguments_of(holder.folder), "--out", holder.out)
        cls.run_ = Written(holder.out)

    @classmethod
    def arguments_of(cls, _folder: Path) -> tuple[Any, ...]:
        return cls.arguments

    def assert_close(self, found: float, wanted: float, relative: float, what: Any) -> None:
        if numpy.isnan(wanted):
            self.assertTrue(numpy.isnan(found), what)
        else:
            self.assertLessEqual(abs(found - wanted), relative * abs(wanted), (what, found, wanted))

    def check_summary(self) -> None:
        metrics = listed("metrics")
        units = metrics.set_index("metric")
        wanted = recomputed.Run(self.run_.samples, metrics, self.run_.document).summary()
        planned = {b["block"]: b.get("rounds", self.run_.document["rounds"])
                   for b in self.run_.document["plan"]["blocks"]}
        self.assertGreater(len(wanted), 50)
        seen = set()
        for row in self.run_.summary.itertuples():
            key = recomputed.Run.key(row), row.metric
            self.assertNotIn(key, seen)
            seen.add(key)
            estimate = wanted[key]
            self.assert_close(row.estimate, estimate.point, EXACT, key)
            self.assert_close(row.lower, estimate.lower, EXACT, key)
            self.assert_close(row.upper, estimate.upper, EXACT, key)
            self.assertEqual(row.samples, estimate.n, key)
            self.assertEqual(row.planned, planned.get(row.block, self.run_.document["rounds"]), key)
            per_operation = units["per op"][row.metric] == "yes"
            self.assertEqual(str(row.unit), "1/op" if per_operation else str(units.unit[row.metric]))
        self.assertEqual(seen, set(wanted))

    def check_comparisons(self) -> None:
        run = recomputed.Run(self.run_.samples, listed("metrics"), self.run_.document)
        wanted = run.comparisons()
        self.assertGreater(len(wanted), 10)
        seen = set()
        for row in self.run_.comparisons.itertuples():
            key = (row.family, (row.block, row.baseline_variant, row.baseline_allocator, row.threads),
                   (row.block, row.candidate_variant, row.candidate_allocator, row.threads),
                   row.metric)
            self.assertNotIn(key, seen)
            seen.add(key)
            compared = wanted[key]
            self.assert_close(row.ratio, compared.ratio.point, EXACT, key)
            self.assert_close(row.lower, compared.ratio.lower, EXACT, key)
            self.assert_close(row.upper, compared.ratio.upper, EXACT, key)
            self.assert_close(row.confidence, compared.confidence, EXACT, key)
            self.assertEqual(row.rounds, compared.ratio.n, key)
            self.assertEqual(row.verdict, compared.verdict, key)
            if row.verdict != "unresolved":
                self.assertTrue(numpy.isnan(row.rounds_needed), key)
        self.assertEqual(seen, set(wanted))

    def check_scaling(self) -> None:
        summary = recomputed.Run(self.run_.samples, listed("metrics"), self.run_.document).summary()
        cells = {cell for cell, metric in summary if metric == "speedup"}
        self.assertEqual({recomputed.Run.key(row) for row in self.run_.scaling.itertuples()}, cells)
        self.assertEqual(len(self.run_.scaling), len(cells))
        for row in self.run_.scaling.itertuples():
            cell = recomputed.Run.key(row)
            for metric in ("speedup", "efficiency"):
                estimate = summary[cell, metric]
                self.assert_close(getattr(row, metric), estimate.point, EXACT, cell)
                self.assert_close(getattr(row, f"{metric}_lower"), estimate.lower, EXACT, cell)
                self.assert_close(getattr(row, f"{metric}_upper"), estimate.upper, EXACT, cell)
            self.assertEqual(row.samples, summary[cell, "speedup"].n)
            alone = (*cell[:3], 1)
            counts = {other[3] for other in cells if (*other[:3], 1) == alone} | {1}
            if len(counts) < 6:
                self.assertTrue(numpy.isnan(row.sigma), cell)
                self.assertEqual(row.not_fitted,
                                 f"{len(counts)} thread counts up to the CPUs, and it takes 6")

    def check_claims(self) -> None:
        run = recomputed.Run(self.run_.samples, listed("metrics"), self.run_.document)
        blocks = dict(zip(zip(self.run_.samples.workload, self.run_.samples.parameter_value.fillna(-1)),
                          self.run_.samples.block))

        def cell(row: Any, side: str) -> tuple[Any, ...]:
            value = row.parameter_value if side == "candidate" else row.baseline_value
            block = blocks[row.workload, -1 if numpy.isnan(value) else value]
            return (block, getattr(row, f"{side}_variant"), getattr(row, f"{side}_allocator"),
                    row.threads)

        rows = {(row.claim, row.metric, cell(row, "candidate"), cell(row, "baseline")): row
                for row in self.run_.claim_tests.itertuples() if row.kind == "ratio"}
        wanted = run.claims()
        self.assertEqual(len(rows), len(wanted))
        self.assertGreater(len(rows), 0)
        for test in wanted:
            key = (test.evidence["claim"], test.evidence["metric"], test.candidate, test.baseline)
            row = rows[key]
            self.assert_close(row.effect, test.ratio.point, EXACT, key)
            self.assert_close(row.lower, test.ratio.lower, EXACT, key)
            self.assert_close(row.upper, test.ratio.upper, EXACT, key)
            self.assert_close(row.confidence, test.confidence, EXACT, key)
            self.assertEqual((row.samples, row.outcome), (test.ratio.n, test.outcome), key)
        self.assertEqual(list(self.run_.claims.claim), list(range(1, 11)))
        for row in self.run_.claims.itertuples():
            outcomes = self.run_.claim_tests[self.run_.claim_tests.claim == row.claim].outcome
            held, failed = ((outcomes == text).sum() for text in ("holds", "does not hold here"))
            self.assertEqual((row.tests, row.held, row.failed), (len(outcomes), held, failed))
            self.assertEqual(row.verdict, {(True, True): "mixed", (True, False): "holds",
                                           (False, True): "does not hold here",
                                           (False, False): "not measured"}[held > 0, failed > 0])
            self.assertRegex(row.sentence, r"^[A-Z].*\.$")


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


@support.needs_allocators
class RoundsTest(RunTest):
    """Eight rounds over a few cheap cells, for intervals and verdicts."""

    ROUNDS = 8

    @classmethod
    def arguments_of(cls, folder: Path) -> tuple[Any, ...]:
        # The path has a blank, at which LD_PRELOAD would be split.
        (folder / "my libraries").mkdir()
        library = folder / "my libraries" / "mine.so"
        shutil.copy2(support.REFERENCE, library)
        return ("--profile", "quick", "--workload", "heap/pair", "--allocator", "glibc",
                "--allocator", "reference", "--allocator", f"mine={library}", "--threads", "1,2",
                "--rounds", str(cls.ROUNDS), "--seed", "3", "--label", "rounds")

    def test_each_cell_ran_once_in_each_round(self) -> None:
        self.assertEqual(self.ended.returncode, 0, self.ended.stderr)
        timed = self.run_.timed
        self.assertEqual(set(timed.status), {"ok"})
        for _, rows in timed.groupby(["variant", "allocator", "threads"]):
            self.assertEqual(sorted(rows["round"]), list(range(self.ROUNDS)))
        self.assertEqual(len(timed), (3 + 1) * 2 * self.ROUNDS)

    def test_the_order_differs_between_rounds(self) -> None:
        orders = {tuple(map(label_of, rows.itertuples()))
                  for _, rows in self.run_.timed.groupby("round")}
        self.assertGreater(len(orders), self.ROUNDS // 2)

    def test_all_cells_of_a_variant_do_the_same_work_in_a_window(self) -> None:
        blocks = {entry["block"]: entry["shares"] for entry in self.run_.document["plan"]["blocks"]}
        timed = self.run_.timed
        self.assertEqual(set(timed.block), set(blocks))
        for row in timed.itertuples():
            share = [entry["operations_per_window_and_thread"] for entry in blocks[row.block]
                     if entry["variant"] == row.variant
                     and entry["oversubscribed"] == bool(row.oversubscribed)]
            self.assertEqual(share, [row.ops / row.windows / row.threads], label_of(row))

    def test_the_intervals_are_those_of_scipy(self) -> None:
        self.check_summary()
        self.check_comparisons()
        self.check_scaling()
        self.check_claims()

    def test_the_heap_is_slower_because_it_must_be_asked(self) -> None:
        claim = self.run_.claims.set_index("claim").loc[8]
        self.assertEqual(claim.verdict, "holds", claim.sentence)
        self.assertGreater(claim.lower, 1)
        self.assertIn("heap/pair/malloc/glibc/size:64/threads:1 against", claim.effect_of)
        self.assertRegex(claim.sentence, r"^At 64 B malloc and free took .* 2 of 2 tests hold\.$")

    def test_there_are_intervals_and_families_of_two(self) -> None:
        rows = self.run_.comparisons[self.run_.comparisons.metric == "ns_per_op"]
        allocators = rows[rows.family.str.startswith("allocators/")]
        self.assertEqual(sorted(set(allocators.candidate_allocator)), ["mine", "reference"])
        self.assertEqual(list(allocators.confidence.round(9).unique()), [0.975])
        self.assertTrue((rows.lower <= rows.ratio).all() and (rows.ratio <= rows.upper).all())
        cells = self.run_.summary[self.run_.summary.metric == "ns_per_op"]
        self.assertTrue((cells.lower <= cells.estimate).all())
        self.assertTrue((cells.estimate <= cells.upper).all())


class SeedTest(FolderTest):
    def order_of(self, seed: int, name: str) -> list[tuple[Any, ...]]:
        out = self.folder / name
        ended = stackheap(
            "run", "--profile", "smoke", "--workload", "heap/pair", "--workload", "stack/frame",
            "--allocator", "glibc", "--threads", "1", "--rounds", "2", "--seed", seed, "--out", out,
        )
        self.assertEqual(ended.returncode, 0, ended.stderr)
        samples = support.read_csv(out / "samples.csv")
        return [(row.round, row.kind, row.order, label_of(row), row.seed)
                for row in samples.itertuples()]

    def test_a_seed_fixes_the_order_and_the_random_numbers(self) -> None:
        first = self.order_of(1, "first")
        self.assertGreater(len(first), 20)
        self.assertEqual(self.order_of(1, "again"), first)
        other = self.order_of(2, "other")
        self.assertNotEqual([row[:4] for row in other], [row[:4] for row in first])
        self.assertEqual({row[4] for row in other} & {row[4] for row in first}, set())
        self.assertEqual(sorted(row[3] for row in other), sorted(row[3] for row in first))


# A bump allocator: enough for a process to start with, and nothing is ever given back.
PARTIAL_MALLOC = """
#include <stddef.h>
#include <string.h>
static _Alignas(64) char memory[64 << 20];
static size_t used;
void *malloc(size_t n) {
  size_t at = __atomic_fetch_add(&used, ((n + 63) / 64 + 1) * 64, __ATOMIC_RELAXED);
  *(size_t *)(memory + at) = n;
  return memory + at + 64;
}
void free(void *p) { (void)p; }
void *calloc(size_t n, size_t m) { return malloc(n * m); }
void *realloc(void *p, size_t n) {
  void *q = malloc(n);
  if (p != NULL) {
    size_t old = *(size_t *)((char *)p - 64);
    memcpy(q, p, old < n ? old : n);
  }
  return q;
}
"""
EI_OSABI = 7
NO_OS = 0x53


@support.needs_allocators
class ProofTest(FolderTest):
    """A sample is under an allocator's name only where the process ran on it."""

    RUN = ("run", "--profile", "smoke", "--workload", "heap/pair", "--threads", "1", "--variant",
           "malloc", "--variant", "no-alloc", "--allocator", "glibc")

    def run_with(self, *arguments: Any) -> pandas.DataFrame:
        """The rows, by allocator."""
        self.ended = stackheap(*self.RUN, *arguments, "--out", self.out)
        samples = support.read_csv(self.out / "samples.csv")
        samples = samples[samples.kind == "timed"].set_index("allocator")
        self.assertEqual(samples.status["glibc"], "ok", samples.detail["glibc"])
        self.assertEqual(samples.status["none"], "ok", samples.detail["none"])
        return samples

    def check_fails(self, samples: pandas.DataFrame, status: str, detail: str) -> None:
        self.assertEqual(self.ended.returncode, 1, self.ended.stderr)
        self.assertEqual(samples.status["mine"], status, samples.detail["mine"])
        self.assertRegex(samples.detail["mine"], detail)
        self.assertTrue(samples.loc["mine", "windows":].isna().all())
        summary = support.read_csv(self.out / "summary.csv")
        self.assertEqual(set(summary.allocator), {"glibc", "none"})

    def test_a_library_that_replaces_only_a_part_of_malloc_is_not_injected(self) -> None:
        library = support.compile_library(self.folder, "partial", PARTIAL_MALLOC)
        samples = self.run_with("--allocator", f"mine={library}")
        self.check_fails(samples, "not_injected",
                         rf"posix_memalign resolves into .*libc\.so.*, expected {library}$")

    def test_a_library_that_the_linker_only_warns_of_is_not_injected(self) -> None:
        content = bytearray(support.REFERENCE.read_bytes())
        content[EI_OSABI] = NO_OS
        library = self.folder / "foreign.so"
        library.write_bytes(content)
        samples = self.run_with("--allocator", f"mine={library}")
        self.check_fails(samples, "not_injected",
                         rf"malloc resolves into .*libc\.so.*, expected {library}$")

    def test_a_library_that_misses_another_one_fails_by_name(self) -> None:
        lacking = support.compile_library(self.folder, "lacking", "int lacking;\n",
                                          ["-Wl,-soname,libstackheap-lacking.so.1"])
        library = support.compile_library(self.folder, "needy", PARTIAL_MALLOC,
                                          ["-Wl,--no-as-needed", str(lacking)])
        samples = self.run_with("--allocator", f"mine={library}")
        self.check_fails(samples, "crashed", r"^exit code 127: .*libstackheap-lacking\.so\.1")

    def test_a_worker_that_loses_its_preload_is_caught(self) -> None:
        wrapper = self.folder / "worker"
        wrapper.write_text(f'#!/bin/sh\nunset LD_PRELOAD\nexec "{support.WORKER}" "$@"\n')
        wrapper.chmod(0o755)
        library = self.folder / "mine.so"
        shutil.copy2(support.REFERENCE, library)
        samples = self.run_with("--worker", wrapper, "--allocator", f"mine={library}")
        self.check_fails(samples, "not_injected",
                         rf"malloc resolves into .*libc\.so.*, expected {library}$")

    def test_a_sound_library_of_the_users_own_is_measured(self) -> None:
        folder = self.folder / "with blank:and $dollar"
        folder.mkdir()
        library = folder / "mine.so"
        shutil.copy2(support.REFERENCE, library)
        samples = self.run_with("--allocator", f"mine={library}")
        self.assertEqual(self.ended.returncode, 0, self.ended.stderr)
        self.assertEqual(samples.status["mine"], "ok", samples.detail["mine"])
        document = json.loads((self.out / "run.json").read_text())
        mine = next(entry for entry in document["allocators"] if entry["name"] == "mine")
        self.assertEqual((mine["origin"], len(mine["libraries"])), ("user", 1))
        self.assertEqual(Path(mine["libraries"][0]["path"]), library.resolve())

    def test_the_log_of_a_failed_sample_repeats_it_with_its_environment(self) -> None:
        library = support.compile_library(self.folder, "partial", PARTIAL_MALLOC)
        self.run_with("--allocator", f"mine={library}", "--allocator-env", "mine", "MINE=a b")
        log = next((self.out / "logs").iterdir()).read_text()
        self.assertRegex(log, rf"\nrepeat: MINE='a b' LD_PRELOAD={library} .*--cell '{{")


if __name__ == "__main__":
    unittest.main()
