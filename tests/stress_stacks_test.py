"""The checks of stacks, fibers and misuse: what they say of healthy and of broken ones."""

from __future__ import annotations

import csv
import tempfile
import unittest
from pathlib import Path

from support import BUILD, REFERENCE, WORKER, command, needs_allocators, stackheap

STACK_MUTANTS = BUILD / "tests" / "mutants" / "stacks"


def run_check(name: str, *, preload: str = "", seed: int = 1, mutant_seed: int = 1) -> tuple[int, str]:
    env = {"MUTANT_SEED": str(mutant_seed)} | ({"LD_PRELOAD": preload} if preload else {})
    done = command(WORKER, "--check", name, "--seed", str(seed), "--seconds", "0.1", env=env)
    return done.returncode, done.stdout + done.stderr


def records(text: str) -> dict[str, str]:
    lines = [line.removeprefix("record ") for line in text.splitlines() if line.startswith("record ")]
    return dict(line.split(": ", 1) if ": " in line else (line, "") for line in lines)


@needs_allocators
class StackChecks(unittest.TestCase):
    HEALTHY = ("stacks/neighbours", "stacks/guard", "stacks/depth", "fibers/lifetimes",
               "fibers/foreign-free", "fibers/signal-stack")

    def test_healthy_stacks_are_not_accused(self) -> None:
        for name in self.HEALTHY:
            for preload in ("", str(STACK_MUTANTS.parent / "libmutant-M0.so")):
                with self.subTest(check=name, preload=preload):
                    code, text = run_check(name, preload=preload)
                    self.assertEqual((code, text.splitlines()[0]), (0, "ok"), text)

    def test_each_broken_stack_is_named(self) -> None:
        for mutant, check, words in (
                ("S1", "stacks/guard", "has no guard"),
                ("S2", "stacks/depth", "shorter than promised"),
                ("S3", "stacks/neighbours", "changed")):
            for seed in range(1, 6):
                with self.subTest(mutant=mutant, seed=seed):
                    code, text = run_check(check, preload=str(STACK_MUTANTS / f"libmutant-{mutant}.so"),
                                           seed=seed, mutant_seed=seed)
                    self.assertEqual(code, 1, text)
                    self.assertIn(words, text)


@needs_allocators
class Misuse(unittest.TestCase):
    def test_glibc_notices_a_double_free_at_once(self) -> None:
        code, text = run_check("misuse/double-free")
        self.assertEqual(code, 0, text)
        self.assertEqual(records(text)["small"],
                         "caught at once: SIGABRT, free(): double free detected in tcache 2")

    def test_glibc_notices_an_invalid_free(self) -> None:
        found = records(run_check("misuse/invalid-free")[1])
        self.assertEqual(found["odd-address"], "caught at once: SIGABRT, free(): invalid pointer")

    def test_an_allocator_without_checks_notices_nothing(self) -> None:
        found = records(run_check("misuse/double-free", preload=str(REFERENCE))[1])
        self.assertEqual(found["small"], "crashed later: SIGSEGV")
        found = records(run_check("misuse/use-after-free", preload=str(REFERENCE))[1])
        self.assertEqual(found["read-small"], "silent: the old content was read")
        found = records(run_check("misuse/overflow-by-one", preload=str(REFERENCE))[1])
        self.assertEqual(found["behind-small"], "silent: a neighbour's byte was overwritten")

    def test_each_case_is_recorded_under_each_allocator(self) -> None:
        for check, cases in (("misuse/double-free", 5), ("misuse/invalid-free", 5),
                             ("misuse/overflow-by-one", 3), ("misuse/use-after-free", 4)):
            for preload in ("", str(REFERENCE)):
                with self.subTest(check=check, preload=preload):
                    self.assertEqual(len(records(run_check(check, preload=preload)[1])), cases)

    def test_a_stress_run_sets_the_allocators_side_by_side(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "out"
            done = stackheap("stress", "--check", "misuse/*", "--allocator", "glibc", "--allocator",
                             "reference", "--out", out)
            self.assertEqual(done.returncode, 0, done.stderr)
            with (out / "misuse.csv").open(newline="") as file:
                rows = list(csv.DictReader(file))
            listed = stackheap("list", "columns", "--csv").stdout.splitlines()
            self.assertEqual(list(rows[0]), [row["column"] for row in csv.DictReader(listed)
                                             if row["file"] == "misuse.csv"])
            self.assertEqual(len(rows), 2 * 17)
            outcomes = {row["outcome"] for row in rows}
            self.assertLessEqual(outcomes, {"caught", "reported", "crashed", "hangs", "silent",
                                            "harmless"})
            self.assertRegex(done.stdout, r"(?m)^double-free small +caught ")


if __name__ == "__main__":
    unittest.main()
