"""What the tests of whole runs share: a run that is made once and read back, and whether what is derived
from its samples is what NumPy and SciPy derive."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import numpy
import pandas

import recomputed
import support
from support import FolderTest, stackheap

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
