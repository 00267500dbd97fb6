"""scripts/mutation-score: catches what is broken, accuses nobody, and says what it did."""

from __future__ import annotations

import csv
import subprocess
import tempfile
import unittest
from pathlib import Path

from support import BUILD, SOURCE, environment, needs_allocators

SCRIPT = SOURCE / "scripts" / "mutation-score"


def score(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["/usr/bin/python3", SCRIPT, "--build", BUILD, *map(str, arguments)],
                          capture_output=True, text=True, env=environment(), timeout=500, check=False)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@needs_allocators
class MutationScore(unittest.TestCase):
    def test_every_mutant_is_caught(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "score"
            done = score("--seeds", "1", "--check-runs", "0", "--out", out)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            found = rows(out / "mutants.csv")
            with (SOURCE / "tests" / "mutants" / "table.csv").open(newline="") as file:
                broken = [row["name"] for row in csv.DictReader(file) if row["family"] != "control"]
            self.assertEqual([row["mutant"] for row in found], broken)
            for row in found:
                if row["caught"] == "1":
                    self.assertTrue(row["check"] and row["detail"], row)
                    continue
                # A race may be won once by chance: then two other seeds must do.
                again = score("--mutants", row["mutant"], "--seeds", "2", "--first-seed", "2",
                              "--check-runs", "0", "--out", Path(folder) / row["mutant"],
                              "--require", "100")
                self.assertEqual(again.returncode, 0, again.stdout + again.stderr)
            self.assertIn("| M4 |", (out / "mutation-score.md").read_text())

    def test_what_is_healthy_is_not_accused(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "score"
            done = score("--mutants", "M0*", "--healthy", "glibc", "--check-runs", "1", "--out", out,
                         "--require", "100")
            found = rows(out / "healthy.csv")
            self.assertEqual([row["allocator"] for row in found], ["M0", "M0-own", "glibc"], done.stderr)
            for row in found:
                self.assertEqual(row["accusations"], "0", row)  # which says why
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_a_mutant_that_no_check_looks_for_is_not_called_caught(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "score"
            done = score("--mutants", "M9", "--seeds", "1", "--check-runs", "0", "--out", out,
                         "--require", "99", "--stress=--check=stacks/depth")
            self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
            self.assertEqual(rows(out / "mutants.csv")[0]["caught"], "0")

    def test_mistakes_are_named(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            done = score("--mutants", "M99", "--out", Path(folder) / "out")
            self.assertEqual(done.returncode, 2)
            self.assertIn("no mutant of that name", done.stderr)
            (Path(folder) / "mutants.csv").write_text("mine\n")
            done = score("--mutants", "M1", "--out", folder)
            self.assertEqual(done.returncode, 2)
            self.assertIn("another program", done.stderr)
            self.assertEqual((Path(folder) / "mutants.csv").read_text(), "mine\n")

    def test_goes_on_where_it_was_interrupted(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "score"
            words = ("--mutants", "M[48]", "--check-runs", "0", "--out", out)
            self.assertEqual(score("--seeds", "1", *words).returncode, 0)
            journal = out / "mutants.csv"
            before = journal.read_text()
            journal.write_text(before + "M4,2,1,thr")  # torn in the middle of a row
            done = score("--seeds", "2", *words)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertTrue(journal.read_text().startswith(before))
            self.assertEqual([(row["mutant"], row["seed"]) for row in rows(journal)],
                             [("M4", "1"), ("M8", "1"), ("M4", "2"), ("M8", "2")])
            self.assertIn("| M8 | a free-list link in a live block's last word | 2 | 2 |", done.stdout)

            # Another program's rows are no part of this one's score.
            report = out / "mutation-score.md"
            report.write_text(report.read_text().replace("stackheap 0", "stackheap 9"))
            done = score("--seeds", "3", *words)
            self.assertEqual(done.returncode, 2)
            self.assertIn("choose another folder", done.stderr)
            self.assertEqual(len(rows(journal)), 4)


if __name__ == "__main__":
    unittest.main()
