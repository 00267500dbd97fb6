"""Each mutant has its fault, and no other: plain programs that know nothing of the stress checks."""

from __future__ import annotations

import csv
import os
import subprocess
import unittest
from concurrent.futures import ThreadPoolExecutor

from support import BUILD, SOURCE, needs_allocators

FOLDER = BUILD / "tests" / "mutants"
SOURCES = SOURCE / "tests" / "mutants"
SEEDS = (1, 2)
# What a mutant may fail at as well: its fault seen from another side, or by luck.
SHARED = {"kept", "grown", "apart", "zeroed", "zeroed_tail", "usable", "raced", "aligned_small"}
ALSO = {
    "M1": SHARED,
    "M1-own": SHARED | {"forked"},
    "M2": {"kept", "grown"},
    "M2-own": {"kept", "grown"},
    "M20": {"distinct", "kept", "raced", "remote_free", "forked"},  # they call malloc often
}


def rows() -> list[dict[str, str]]:
    with (SOURCES / "table.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def library(row: dict[str, str]) -> str:
    folder, _, name = row["library"].rpartition("/")
    return str(FOLDER / folder / f"libmutant-{name}.so")


def facts(program: str) -> list[str]:
    done = subprocess.run([FOLDER / program, "--list"], capture_output=True, text=True, check=True)
    return done.stdout.split()


def holds(program: str, fact: str, preload: str, seed: int) -> bool:
    done = subprocess.run(
        [FOLDER / program, fact],
        env={**os.environ, "LD_PRELOAD": preload, "MUTANT_SEED": str(seed)},
        capture_output=True, timeout=120, check=False)
    assert done.returncode != 3, f"{program} {fact} could not run"
    return done.returncode == 0


@needs_allocators
class Mutants(unittest.TestCase):
    def test_every_source_is_in_the_table_and_the_other_way_round(self) -> None:
        sources = {str(path.relative_to(SOURCES).with_suffix(""))
                   for pattern in ("M*.cpp", "own/M*.cpp", "stacks/S*.cpp")
                   for path in SOURCES.glob(pattern)}
        self.assertEqual({row["library"] for row in rows()}, sources)
        self.assertEqual(len({row["name"] for row in rows()}), len(rows()))

    def test_each_has_its_fault_and_no_other(self) -> None:
        of_heap, of_stacks = facts("heap_facts"), facts("stack_facts")
        jobs = []
        for row in rows():
            program, names = ("stack_facts", of_stacks) if row["family"] == "stacks" else (
                "heap_facts", of_heap)
            own = row["facts"].split()
            jobs += [(row, program, fact, seed) for fact in own for seed in SEEDS]
            others = set(names) - set(own) - ALSO.get(row["name"], set())
            jobs += [(row, program, fact, SEEDS[0]) for fact in sorted(others)]
        with ThreadPoolExecutor(2) as pool:
            found = list(pool.map(lambda job: holds(job[1], job[2], library(job[0]), job[3]), jobs))
        for (row, _, fact, seed), held in zip(jobs, found):
            with self.subTest(mutant=row["name"], fact=fact, seed=seed):
                if fact in row["facts"].split():
                    self.assertFalse(held, "the fault does not show")
                else:
                    self.assertTrue(held, "another fault than its own shows")

    def test_every_fact_is_broken_by_a_mutant(self) -> None:
        broken = {fact for row in rows() for fact in row["facts"].split()}
        self.assertEqual(broken, {*facts("heap_facts"), *facts("stack_facts")})


if __name__ == "__main__":
    unittest.main()
