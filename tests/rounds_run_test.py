"""Runs of several rounds: intervals and verdicts are those of SciPy, and a seed fixes the order."""

from __future__ import annotations

import shutil
import unittest
from pathlib import Path
from typing import Any

import support
from run_case import RunTest, label_of
from support import FolderTest, stackheap


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


if __name__ == "__main__":
    unittest.main()
