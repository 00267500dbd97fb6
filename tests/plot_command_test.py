"""scripts/plot: its files, its options, and what it says of a folder that it cannot draw."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Callable

SOURCE = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(SOURCE / "scripts"), str(SOURCE / "tests")]

from in_process import assert_refused, call  # noqa: E402
from stackheap_plots.command import main  # noqa: E402
from synthetic_run import Kind, Synthetic, every_role  # noqa: E402

MAGIC = {"svg": b"<?xml", "png": b"\x89PNG\r\n\x1a\n", "pdf": b"%PDF-"}
KINDS = [Kind("made/pair", ("scaling", "ratio"), parameter=("size", "B"), values=(64,)),
         Kind("room/grow", ("memory-timeline",), (("idle", True),), ("watch", "ms"), (400,),
              ("peak_live_bytes", "peak_rss_bytes"))]
ALL = ("svg", "png", "pdf")
REMEDY = "write it again with 'stackheap summarize "


def plot(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The script as a user runs it. Refusals call its main function: starting it takes longer."""
    return subprocess.run([SOURCE / "scripts" / "plot", *arguments], capture_output=True, text=True,
                          timeout=240, check=False)


class PlotCommandCase(unittest.TestCase):
    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory(prefix="stackheap-")
        self.addCleanup(temporary.cleanup)
        self.run_folder = Path(temporary.name) / "run"
        self.write()

    def write(self) -> None:
        Synthetic(self.run_folder, ("glibc", "jemalloc"), (1, 2), kinds=KINDS).write()

    def refuse(self, *arguments: str | Path, says: tuple[str, ...]) -> None:
        assert_refused(self, main, *arguments, says=("scripts/plot: ", *says),
                       folder=self.run_folder.parent)

    def edit(self, name: str, change: Callable[[bytes], bytes]) -> Path:
        path = self.run_folder / name
        before = path.read_bytes()
        path.write_bytes(change(before))
        self.assertNotEqual(path.read_bytes(), before)
        return path


CALIBRATION = """design,what,rule,threads,summary,k,n,sessions,value,lower,upper,target,met
a/a,false positives,12 rounds,,median,101,2010,21,0.0502,0.0411,0.0607,3-7 %,1
a/a,false positives,adaptive,,median,9,300,21,0.03,0.0138,0.0562,3-7 %,
slowdown,"detectable slowdown, 9 of 10 trials",10 s a pair,1,median,,400,11,0.0065,0.006,0.0071,<= 0.7 %,1
slowdown,"detectable slowdown, 9 of 10 trials",60 s a pair,1,median,,80,11,0.0029,0.0026,0.0034,<= 0.3 %,1
slowdown,"detectable slowdown, 9 of 10 trials",60 s a pair,all,median,,72,10,0.0068,0.006,0.0075,<= 0.7 %,1
"""
FACTS = {"version": 1, "machine": {"processor": "Example", "kernel": "6.1", "cpus": 2},
         "when": "2026-01-31T00:00:00Z", "sessions": 21, "turns": False}


class PlotOfACalibration(PlotCommandCase):
    def write_anew(self) -> None:
        shutil.rmtree(self.run_folder)
        self.write()

    def write(self) -> None:
        self.run_folder.mkdir()
        (self.run_folder / "calibration.csv").write_text(CALIBRATION)
        (self.run_folder / "calibration.json").write_text(json.dumps(FACTS))

    def test_its_one_figure_has_every_rate_and_every_budget(self) -> None:
        result = plot(self.run_folder)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(sorted(Path(line).name for line in result.stdout.split()),
                         ["calibration.pdf", "calibration.png", "calibration.svg"])
        figure = (self.run_folder / "figures" / "calibration.svg").read_text()
        for text in ("equal pairs, 12 rounds", "(n = 2,010)", "1 thread", "all CPUs", "21 sessions"):
            self.assertIn(f"<!-- {text}" if text[0] != "2" else text, figure)
        self.assertNotIn("family of 6", figure)
        self.assertIn("measured one after the other", figure)

    def test_it_says_that_the_sides_took_turns(self) -> None:
        (self.run_folder / "calibration.json").write_text(json.dumps({**FACTS, "turns": True}))
        self.assertEqual(plot(self.run_folder, "--format", "svg").returncode, 0)
        figure = (self.run_folder / "figures" / "calibration.svg").read_text()
        self.assertIn("measured in turns", figure)

    def test_what_cannot_be_read_is_told_with_the_command_that_writes_it_again(self) -> None:
        (self.run_folder / "calibration.json").write_text("{")
        self.refuse(self.run_folder, says=("stackheap calibrate --evaluate --out",))

    def test_it_has_no_other_figure(self) -> None:
        self.refuse(self.run_folder, "--only", "scaling", says=("--only scaling",))
        self.refuse(self.run_folder, "--baseline", "glibc", says=("compares no allocators",))

    def test_what_a_spreadsheet_did_to_it_is_told_with_the_line(self) -> None:
        for change, says in (
                (lambda content: b"\xef\xbb\xbf" + content, ":1: a byte-order mark"),
                (lambda content: content.replace(b"\n", b"\r\n"), ":1: a line end of CR LF"),
                (lambda content: content.replace(b",value,", b",", 1), ":1: no column value"),
                (lambda content: content.replace(b"0.0502", b"5 %"), ":2: column value: '5 %'")):
            self.write_anew()
            self.edit("calibration.csv", change)
            self.refuse(self.run_folder, says=(f"calibration.csv{says}",
                                               "stackheap calibrate --evaluate --out"))

    def test_in_a_paper_it_is_a_column_wide(self) -> None:
        result = plot(self.run_folder, "--style", "paper", "--format", "svg")
        self.assertEqual(result.returncode, 0, result.stderr)
        path = self.run_folder / "figures" / "paper" / "calibration.svg"
        self.assertEqual(result.stdout, f"{path}\n")
        self.assertIn('width="240.9', path.read_text())  # 85 mm in points


class PlotWrites(PlotCommandCase):
    def test_all_three_formats_into_the_runs_own_figures_folder(self) -> None:
        result = plot(self.run_folder)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        paths = [Path(line) for line in result.stdout.splitlines()]
        names = ("scaling-made-pair", "ratio", "memory-timeline-room-grow")
        self.assertEqual(paths, [self.run_folder / "figures" / f"{name}.{kind}" for name in names
                                 for kind in ("svg", "png", "pdf")])
        for path in paths:
            content = path.read_bytes()
            self.assertTrue(content.startswith(MAGIC[path.suffix[1:]]), path)
            self.assertGreater(len(content), 8000, path)

    def test_the_same_bytes_each_time(self) -> None:
        first = {}
        for out in ("a", "b"):
            folder = self.run_folder.parent / out
            self.assertEqual(plot(self.run_folder, "--out", folder, "--only", "scaling").stderr, "")
            files = {path.name: path.read_bytes() for path in folder.iterdir()}
            self.assertEqual(sorted(files), [f"scaling-made-pair.{kind}" for kind in sorted(ALL)])
            first = first or files
        self.assertEqual(files, first)
        self.assertFalse((self.run_folder / "figures").exists())

    def test_a_run_of_every_kind_and_of_too_few_rounds_warns_of_nothing(self) -> None:
        shutil.rmtree(self.run_folder)
        Synthetic(self.run_folder, rounds=2, kinds=every_role()).write()
        result = plot(self.run_folder, "--format", "png")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(len(result.stdout.splitlines()), 13)

    def test_further_columns_are_left_aside_and_told(self) -> None:
        for name in ("summary.csv", "comparisons.csv", "scaling.csv", "claims.csv",
                     "claim_tests.csv"):
            run = Synthetic(self.run_folder, ("glibc", "jemalloc"), (1, 2), kinds=KINDS,
                            claims=True)
            run.add_law(KINDS[0], 0.1, 0.01)
            run.write()
            path = self.edit(name, lambda content: content.replace(b"\n", b",x\n"))
            result = plot(self.run_folder, "--only", "ratio", "--format", "svg")
            self.assertEqual((result.returncode, result.stderr), (
                0, f"scripts/plot: {path}:1: left aside what stackheap does not write: column x.\n"))

    def test_a_paper_style_goes_to_a_folder_of_its_own(self) -> None:
        result = plot(self.run_folder, "--style", "paper", "--format", "pdf", "--only", "scaling")
        path = self.run_folder / "figures" / "paper" / "scaling-made-pair.pdf"
        self.assertEqual((result.returncode, result.stdout), (0, f"{path}\n"), result.stderr)
        box = re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ", path.read_bytes())
        self.assertAlmostEqual(float(box.group(1)), 85 / 25.4 * 72, places=2)
        self.assertNotIn(b"/Type3", path.read_bytes())  # journals refuse such fonts

    def test_another_baseline_is_drawn_as_far_as_the_run_goes(self) -> None:
        result = plot(self.run_folder, "--baseline", "jemalloc", "--format", "svg", "--only",
                      "ratio")
        self.assertEqual(result.returncode, 0, result.stderr)
        figure = (self.run_folder / "figures" / "ratio.svg").read_text()
        self.assertIn("<!-- Allocators against jemalloc -->", figure)


class PlotRefuses(PlotCommandCase):
    def test_unknown_formats_and_figures_naming_what_is_near(self) -> None:
        self.refuse(self.run_folder, "--format", "png,gif",
                    says=("--format png,gif: 'gif' is not one of svg, png, pdf",))
        self.refuse(self.run_folder, "--format", ",", says=("--format: nothing named",))
        self.refuse(self.run_folder, "--baseline", "jemaloc",
                    says=("--baseline jemaloc: this run has no such allocator; did you mean "
                          "jemalloc?",))
        self.refuse(self.run_folder, "--baseline", "zzz", says=("it has glibc, jemalloc.",))
        self.refuse(self.run_folder, "--only", "calibration", says=("the figure of a calibration",))
        self.refuse(self.run_folder, "--only", "scalling", says=("--only scalling:", "scaling"))
        self.refuse(self.run_folder, "--only", "zzz", says=("--only zzz:", "it has claims, scaling"))
        self.refuse(self.run_folder, "--only", "pareto",
                    says=("no workload of this run plays in that figure", "scaling-made-pair"))

    def test_the_script_exits_with_what_its_main_function_returns(self) -> None:
        result = plot(self.run_folder / "gone")
        self.assertEqual((result.returncode, result.stdout), (2, ""))
        self.assertEqual(result.stderr, call(main, self.run_folder / "gone").stderr)

    def test_folders_that_are_no_run(self) -> None:
        self.refuse(self.run_folder / "gone", says=("gone: no such folder", "'stackheap run'"))
        self.refuse(self.run_folder.parent, says=("not a run folder, it has no run.json",))

    def test_a_run_without_summary_saying_how_to_finish_it(self) -> None:
        (self.run_folder / "summary.csv").unlink()
        self.refuse(self.run_folder, says=(
            "the run is not finished, it has no summary.csv",
            f"'stackheap run --resume {self.run_folder}'", "'stackheap summarize"))

    def test_run_json_of_another_version_or_no_json(self) -> None:
        info = json.loads((self.run_folder / "run.json").read_text())
        (self.run_folder / "run.json").write_text(json.dumps({**info, "version": 2}))
        self.refuse(self.run_folder, says=("run.json: version 2", "version 1"))
        (self.run_folder / "run.json").write_text("{")
        self.refuse(self.run_folder, says=("run.json: not JSON", "restore it"))

    def test_csv_files_that_a_spreadsheet_rewrote(self) -> None:
        edits = (
            (lambda content: b"\xef\xbb\xbf" + content, ":1: a byte-order mark"),
            (lambda content: content.decode().encode("utf-16"), ":1: a byte-order mark"),
            (lambda content: content.replace(b"\n", b"\r\n"), ":1: a line end of CR LF"),
            (lambda content: content[:-1] + b"\r\n", ": a line end of CR LF"),
            (lambda content: content.replace(b",", b";"), ":1: semicolons"),
            (lambda content: content.replace(b"glibc", b"gl\xefbc"), ":2: bytes that are not UTF-8"),
        )
        for name in ("summary.csv", "comparisons.csv"):
            for change, complaint in edits:
                with self.subTest(name, complaint=complaint):
                    self.write()
                    path = self.edit(name, change)
                    self.refuse(self.run_folder, says=(f"{path}:", complaint, REMEDY,
                                                       "spreadsheet"))
        for name in ("samples.csv", "timeline.csv"):
            self.write()
            path = self.edit(name, lambda content: content.replace(b"\n", b"\r\n"))
            self.refuse(self.run_folder, says=(f"{path}:1: a line end of CR LF", "restore it"))

    def test_missing_renamed_and_repeated_columns(self) -> None:
        edits = (
            (b",estimate,", b",", "no column estimate; it begins with 'block,suite,"),
            (b",estimate,", b",Estimate_,", "no column estimate; it has 'Estimate_', which"),
            (b",suite,", b",block,", "column block stands there twice"),
        )
        for old, new, complaint in edits:
            with self.subTest(complaint):
                self.write()
                path = self.edit("summary.csv", lambda content: content.replace(old, new, 1))
                self.refuse(self.run_folder, says=(f"{path}:1: {complaint}", REMEDY))

    def test_fields_that_are_no_values_naming_line_and_column(self) -> None:
        def third_line(content: bytes, change: Callable[[list[bytes]], None]) -> bytes:
            lines = content.split(b"\n")
            fields = lines[2].split(b",")
            change(fields)
            lines[2] = b",".join(fields)
            return b"\n".join(lines)

        edits = (
            (lambda fields: fields.__setitem__(11, b"12.3 ms"),
             "column estimate: '12.3 ms' is not a number"),
            (lambda fields: fields.__setitem__(11, b"nan"), "column estimate: 'nan' is not a number"),
            (lambda fields: fields.__setitem__(7, b"1.0"), "column threads: '1.0' is not a whole"),
            (lambda fields: fields.__setitem__(8, b"TRUE"), "column oversubscribed: 'TRUE' is not"),
            (lambda fields: fields.pop(), "15 fields where the header has 16"),
        )
        for change, complaint in edits:
            with self.subTest(complaint):
                self.write()
                path = self.edit("summary.csv", lambda content: third_line(content, change))
                self.refuse(self.run_folder, says=(f"{path}:3: {complaint}", REMEDY))

    def test_rows_that_stand_there_twice_or_belong_to_another_run(self) -> None:
        path = self.edit("summary.csv", lambda content: content + content.split(b"\n")[1] + b"\n")
        last = len(path.read_bytes().splitlines())
        self.refuse(self.run_folder, says=(f"{path}:{last}: a second row for made/pair/size:64",))
        self.write()
        path = self.edit("summary.csv", lambda content: content.replace(b"made/pair,", b"made/other,"))
        self.refuse(self.run_folder, says=(f"{path}:2: workload 'made/other' is not in run.json",))

    def test_a_run_in_which_nothing_ended_well(self) -> None:
        self.edit("summary.csv", lambda content: content.split(b"\n")[0] + b"\n")
        self.refuse(self.run_folder, says=("summary.csv: no rows", "samples.csv"))

    def test_a_folder_that_cannot_be_written_to(self) -> None:
        file = self.run_folder.parent / "file"
        file.write_text("")
        self.refuse(self.run_folder, "--out", file / "below", says=("file/below", "--out"))


if __name__ == "__main__":
    unittest.main()
