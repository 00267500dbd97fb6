"""scripts/report and folders that are no run, edited files, and runs that were not finished."""

from __future__ import annotations

import unittest
from typing import Any

from in_process import call
from report_case import ReportCase, main, report

FILES = ("samples.csv", "summary.csv", "comparisons.csv", "scaling.csv", "twins.csv", "claims.csv",
         "claim_tests.csv", "latency.csv", "timeline.csv")
DERIVED = FILES[1:7]


def remedy(name: str) -> str:
    return "'stackheap summarize " if name in DERIVED else "restore it from a copy of the run"


def change_line(content: bytes, number: int, old: bytes, new: bytes) -> bytes:
    lines = content.split(b"\n")
    lines[number - 1] = lines[number - 1].replace(old, new, 1)
    return b"\n".join(lines)


class ReportRefuses(ReportCase):
    def test_the_script_exits_with_what_its_main_function_returns(self) -> None:
        result = report(self.folder / "gone")
        self.assertEqual((result.returncode, result.stdout), (2, ""))
        self.assertEqual(result.stderr, call(main, self.folder / "gone").stderr)

    def test_folders_that_are_no_run(self) -> None:
        self.refuse(self.folder / "gone", says=("gone: no such folder", "'stackheap run'"))
        self.refuse(self.folder.parent, says=("not a run folder, it has no run.json",))
        (self.folder.parent / "calibration.json").write_text("{}")
        self.refuse(self.folder.parent, says=("it is a calibration", "scripts/plot"))
        self.refuse(self.folder, self.folder.parent, "--out", self.folder / "x.html",
                    says=("has no run.json",))

    def test_options_that_cannot_be_meant(self) -> None:
        self.refuse(self.folder, "--baseline", "jemaloc", says=(
            "--baseline jemaloc: no run has that allocator", "did you mean jemalloc"))
        self.refuse(self.folder, self.folder, says=("several folders", "--out FILE"))
        self.refuse(self.folder, "--out", self.folder, says=("is a folder",))
        self.refuse(self.folder, "--out", self.folder / "no" / "x.html",
                    says=("No such file or directory", "--out"))

    def test_csv_files_that_a_spreadsheet_rewrote(self) -> None:
        edits = ((lambda content: b"\xef\xbb\xbf" + content, ":1: a byte-order mark"),
                 (lambda content: content.replace(b"\n", b"\r\n"), ":1: a line end of CR LF"),
                 (lambda content: content.replace(b",", b";"), ":1: semicolons"),
                 (lambda content: content[:-1] + b"\xff\n", "bytes that are not UTF-8"))
        for place, name in enumerate(FILES):
            # Each kind of file and each kind of edit, and not all of their pairs.
            change, complaint = edits[place % len(edits)]
            with self.subTest(name, complaint=complaint):
                self.write()
                path = self.edit(name, change)
                self.refuse(says=(f"{path}:", complaint, "spreadsheet", remedy(name)))

    def test_columns_that_are_missing_or_unknown(self) -> None:
        for name, column in (("samples.csv", b"status"), ("summary.csv", b"estimate"),
                             ("twins.csv", b"differs"), ("latency.csv", b"upper_ns")):
            with self.subTest(name):
                self.write()
                path = self.edit(name, lambda content: content.replace(column, b"state", 1))
                self.refuse(says=(f"{path}:1: column 'state' is not one that stackheap writes",))
        self.write()
        path = self.edit("summary.csv", lambda content: b"".join(
            b",".join(line.split(b",")[:-1]) + b"\n" for line in content.splitlines()))
        self.refuse(says=(f"{path}:1: no column planned", "'stackheap summarize "))

    def test_rows_that_are_damaged_naming_their_line(self) -> None:
        edits: tuple[tuple[str, bytes, bytes, str], ...] = (
            ("samples.csv", b",timed,", b",", "fields where the header has"),
            ("samples.csv", b",timed,", b",timed,,", "fields where the header has"),
            ("latency.csv", b",900000", b",9x5", "is not a whole number"),
            ("timeline.csv", b",grow", b"", "3 fields where the header has 4"),
            ("comparisons.csv", b",slower,", b",slower,x", "is not a number"))
        for name, old, new, complaint in edits:
            with self.subTest(name, new=new):
                self.write()
                line = 1 + next(place for place, text in enumerate(
                    (self.folder / name).read_bytes().split(b"\n")) if old in text)
                path = self.edit(name, lambda content: change_line(content, line, old, new))
                self.refuse(says=(f"{path}:{line}: ", complaint, remedy(name)))

    def test_files_of_different_runs(self) -> None:
        path = self.edit("twins.csv", lambda content: content.replace(b"made/pair", b"made/up"))
        self.refuse(says=(f"{path}:", "workload 'made/up' is not in run.json", "different runs"))

    def test_a_finished_run_that_lacks_a_file(self) -> None:
        (self.folder / "samples.csv").unlink()
        self.refuse(says=("samples.csv: no such file, though the run is finished", "copy of the run"))
        self.write()
        (self.folder / "summary.csv").unlink()
        self.refuse(says=("summary.csv: no such file", "'stackheap summarize "))


class ReportOfAPartialRun(ReportCase):
    def unfinish(self, **more: Any) -> None:
        self.info(lambda info: info.update(finished=None, **more))

    def test_killed_in_its_third_round_with_a_torn_row(self) -> None:
        self.unfinish()
        lines = (self.folder / "samples.csv").read_bytes().split(b"\n")
        third = next(place for place, line in enumerate(lines) if b",2,crowd/swap,0,timed" in line)
        (self.folder / "samples.csv").write_bytes(b"\n".join(lines[:third + 1]) + b"\n" + b"9999,2,cro")
        for name in DERIVED:
            (self.folder / name).unlink()
        said = self.words()
        self.assertIn("PARTIAL: this run is not finished: it was killed, or is still under way.", said)
        self.assertIn("summary.csv, comparisons.csv, scaling.csv, twins.csv, claims.csv and "
                      "claim_tests.csv missing", said)
        self.assertIn("stackheap summarize run", said)
        timed = sum(b",timed," in line for line in lines[:third + 1])
        self.assertIn(f"{timed:,} timed samples are there, of about ", said)
        blocks = len({line.split(b",")[2] for line in lines if b",timed," in line})
        self.assertIn(f"{blocks} of {blocks} blocks have fewer rounds than planned: 2 to 3, of 12.", said)
        self.assertIn("stackheap run --resume run", said)

    def test_interrupted_with_all_files_still_shows_its_numbers(self) -> None:
        self.info(lambda info: info.update(result={"interrupted": True}))
        said = self.words()
        self.assertIn("PARTIAL: this run was interrupted before its last round.", said)
        self.assertIn("comparisons, each of one workload", said)

    def test_a_finished_one_is_not_called_partial(self) -> None:
        self.assertNotIn("PARTIAL", self.words())

    def test_a_run_of_too_few_rounds_claims_nothing(self) -> None:
        self.write(rounds=2)
        said = self.words()
        self.assertIn("too few rounds", said)
        self.assertNotIn("led most often", said)


if __name__ == "__main__":
    unittest.main()
