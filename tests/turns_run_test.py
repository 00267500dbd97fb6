"""`stackheap run --turns`: cells of a block alive together, with all that a run promises otherwise."""

from __future__ import annotations

import csv
import json
import unittest
from pathlib import Path

from support import FAKE_WORKER, FolderTest, stackheap


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


class RunInTurns(FolderTest):
    def run_turns(self, *arguments: object) -> list[dict[str, str]]:
        self.done = stackheap("run", "--turns", "--workload", "heap/pair", "--parameter",
                              "size=64", "--rounds", "4", "--seed", "5", "--out", self.out, *arguments)
        return rows_of(self.out / "samples.csv")

    def test_every_cell_of_every_round_is_measured_once(self) -> None:
        # A variant without a heap is much faster, and so has fewer windows than the others.
        rows = self.run_turns("--allocator", "glibc", "--allocator", "mimalloc", "--threads", "1,2")
        self.assertEqual(self.done.returncode, 0, self.done.stderr)
        timed = [row for row in rows if row["kind"] == "timed"]
        keys = [(row["round"], row["variant"], row["allocator"], row["threads"]) for row in timed]
        self.assertEqual(len(keys), len(set(keys)))
        cells = {key[1:] for key in keys}
        self.assertEqual(len(keys), 4 * len(cells))
        self.assertGreater(len(cells), 4)
        self.assertEqual({row["status"] for row in rows}, {"ok"})
        self.assertEqual([int(row["sample"]) for row in rows], list(range(len(rows))))
        self.assertTrue(json.loads((self.out / "run.json").read_text())["options"]["turns"])

    def test_the_time_of_a_sample_is_without_that_of_the_others(self) -> None:
        rows = self.run_turns("--allocator", "glibc", "--allocator", "mimalloc", "--allocator",
                              "jemalloc", "--threads", "1")
        together = [row for row in rows if row["kind"] == "timed" and row["round"] == "0"]
        inside = sum(float(row["worker_seconds"]) for row in together)
        done = json.loads((self.out / "run.json").read_text())
        self.assertGreater(len(together), 2)
        self.assertLess(inside, done["result"]["seconds"])

    def test_windows_are_short_and_many(self) -> None:
        rows = self.run_turns("--allocator", "glibc", "--allocator", "mimalloc", "--threads", "1")
        windows: dict[str, int] = {}
        for row in rows_of(self.out / "windows.csv"):
            windows[row["sample"]] = windows.get(row["sample"], 0) + 1
        timed = {row["sample"] for row in rows if row["kind"] == "timed"}
        self.assertTrue(all(windows[sample] >= 30 for sample in timed), windows)

    def test_a_cut_short_run_goes_on_with_the_cells_that_are_missing(self) -> None:
        self.run_turns("--allocator", "glibc", "--allocator", "mimalloc", "--threads", "1")
        rows = rows_of(self.out / "samples.csv")
        path = self.out / "samples.csv"
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(lines[: len(lines) // 2]))
        document = json.loads((self.out / "run.json").read_text())
        document["finished"] = None
        del document["result"]
        (self.out / "run.json").write_text(json.dumps(document))
        done = stackheap("run", "--resume", self.out)
        self.assertEqual(done.returncode, 0, done.stderr)

        def key(row: dict[str, str]) -> tuple[str, ...]:
            return tuple(row[name] for name in ("round", "kind", "variant", "allocator", "seed"))

        again = rows_of(path)
        self.assertEqual(sorted(map(key, again)), sorted(map(key, rows)))
        self.assertEqual(again[: len(lines) // 2 - 1], rows[: len(lines) // 2 - 1])


class WhereOneFails(FolderTest):
    def test_it_is_told_and_the_others_are_measured_by_themselves(self) -> None:
        done = stackheap("run", "--turns", "--worker", FAKE_WORKER, "--profile", "smoke",
                         "--out", self.out, "--variant", "ok", "--variant", "also-ok",
                         "--variant", "crash")
        rows = [row for row in rows_of(self.out / "samples.csv") if row["kind"] == "timed"]
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual({row["variant"]: row["status"] for row in rows},
                         {"ok": "ok", "also-ok": "ok", "crash": "crashed"})


if __name__ == "__main__":
    unittest.main()
