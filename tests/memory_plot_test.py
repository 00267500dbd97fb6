"""The figures of memory show what timeline.csv and summary.csv say."""

from __future__ import annotations

import csv
import json
import sys
import tempfile
import unittest
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

SOURCE = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(SOURCE / "scripts"), str(SOURCE / "tests")]

from matplotlib import rc_context  # noqa: E402
from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: E402
from matplotlib.collections import LineCollection, PolyCollection  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

from stackheap_plots import memory_timeline, resident_per_live  # noqa: E402
from stackheap_plots.load import PlotError, load_run  # noqa: E402
from stackheap_plots.sheet import drawn_for  # noqa: E402
from stackheap_plots.style import RC  # noqa: E402
from synthetic_run import Kind, Synthetic  # noqa: E402

MIB = 1 << 20
GROW = Kind("room/grow", ("memory-timeline",), (("idle", True), ("busy", True)), ("watch", "ms"))
DENSE = Kind("room/dense", ("resident-per-live",), (("malloc", True),), ("size", "B"))
ALLOCATORS = ("glibc", "other", "NA")  # pandas would take the last for a gap


def cell(kind: Kind, variant: str, allocator: str, value: int, metric: str, estimate: float,
         rounds: int = 3) -> dict[str, object]:
    return {"block": f"{kind.name}/{kind.parameter[0]}:{value}", "suite": "room",
            "workload": kind.name, "variant": variant, "allocator": allocator,
            "parameter": kind.parameter[0], "parameter_value": value, "threads": 1,
            "oversubscribed": 0, "metric": metric, "unit": "B", "estimate": estimate,
            "lower": estimate * 0.9, "upper": estimate * 1.1, "samples": rounds,
            "planned": rounds}


def drawn_lines(figure: Figure, place: int) -> list:
    """The allocators' lines of a panel, without the mark at 0."""
    return [line for line in figure.axes[place].get_lines() if len(line.get_xdata()) > 2]


class MemoryFigures(unittest.TestCase):
    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory(prefix="stackheap-")
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name) / "run"

    def write(self, kinds: list[Kind], summary: list[dict[str, object]]) -> None:
        run = Synthetic(self.folder, ALLOCATORS, kinds=kinds, rounds=3)
        run.add = lambda kind: None  # type: ignore[method-assign] # only the given rows
        run.summary = summary
        run.write()

    def write_rows(self, name: str, header: str, rows: list[list[object]]) -> None:
        with (self.folder / name).open("w", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(header.split(","))
            writer.writerows(rows)

    def drawn_label(self, figure: Figure) -> None:
        """The mark's label is on the axis, whole."""
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        for axes in figure.axes:
            label = axes.texts[0].get_window_extent(canvas.get_renderer())
            box = axes.get_window_extent(canvas.get_renderer())
            self.assertGreaterEqual(label.x0, box.x0 - 1)
            self.assertLessEqual(label.x1, box.x1 + 1)

    def figure(self, module: object) -> Figure:
        planned = module.plan(load_run(self.folder))  # type: ignore[attr-defined]
        self.assertEqual(len(planned), 1)
        with rc_context(RC):
            return planned[0].draw()[0]


class MemoryTimeline(MemoryFigures):
    """Each round of a cell grows at its own pace to its own height: round r takes r + 1 readings to
    rise to (r + 1) MiB, all have 5 readings at half of that after the mark."""

    def write_run(self, drop: tuple[str, ...] = ()) -> None:
        self.write([GROW], [cell(GROW, variant, allocator, 100, metric, value)
                            for variant, _ in GROW.variants for allocator in ALLOCATORS
                            for metric, value in (("peak_live_bytes", MIB), ("peak_rss_bytes", 2 * MIB))])
        samples: list[list[object]] = []
        readings: list[list[object]] = []
        for round_number in range(3):
            for variant, _ in GROW.variants:
                for place, allocator in enumerate(ALLOCATORS):
                    number = len(samples)
                    samples.append([number, round_number, "timed", GROW.name, variant, allocator,
                                    100, 1, "ok"])
                    readings += self.readings(number, round_number, (place + 1) * MIB)
        # What is no timed sample of this workload must not be drawn.
        samples.append([len(samples), 3, "instrumented", GROW.name, "idle", "glibc", 100, 1, "ok"])
        readings += self.readings(len(samples) - 1, 0, 1000 * MIB)
        self.write_rows("samples.csv", "sample,round,kind,workload,variant,allocator,"
                        "parameter_value,threads,status", samples)
        self.write_rows("timeline.csv", "sample,elapsed_ms,resident_bytes,phase", readings)
        for name in drop:
            (self.folder / name).unlink()

    @staticmethod
    def readings(sample: int, round_number: int, unit: int) -> list[list[object]]:
        height = (round_number + 1) * unit
        rows: list[list[object]] = [[sample, 0, 0, "start"]]
        rows += [[sample, 10 * (i + 1), height, "grow"] for i in range(round_number + 1)]
        freed = 10 * (round_number + 2)
        rows += [[sample, freed + 10 * i, height // 2, "freed"] for i in range(5)]
        return [*rows, [sample, freed + 50, 7, "watched"], [sample, freed + 60, 1, "end"]]

    def test_each_variant_has_a_panel_with_the_median_of_each_allocator(self) -> None:
        self.write_run()
        figure = self.figure(memory_timeline)
        self.assertEqual([axes.get_title(loc="left") for axes in figure.axes],
                         ["idle · 1 thread · watch 100 ms", "busy · 1 thread · watch 100 ms"])
        for place in range(2):
            lines = drawn_lines(figure, place)
            self.assertEqual(len(lines), len(ALLOCATORS))
            for unit, line in zip((1, 3, 2), lines):  # NA sorts before other
                seen = {round(float(x), 3): float(y) for x, y in line.get_xydata()}
                # The middle round rises to 2 units; its mark is everyone's time 0. Before its
                # own first reading a round counts as small: 0, 0 and 3 units 30 ms before.
                self.assertEqual(seen[-0.04], 0)
                self.assertEqual(seen[-0.03], 0)
                self.assertEqual(seen[-0.02], 2 * unit * MIB)
                self.assertEqual(seen[-0.01], 2 * unit * MIB)
                self.assertEqual(seen[0.0], unit * MIB)
                self.assertEqual(seen[0.04], unit * MIB)
                self.assertNotIn(0.05, seen)

    def test_legend_names_the_allocators_and_what_was_requested(self) -> None:
        self.write_run()
        figure = self.figure(memory_timeline)
        names = [text.get_text() for text in figure.legends[0].get_texts()]
        self.assertEqual(names, ["glibc", "NA", "other", "requested"])
        requested = [c for c in figure.axes[0].collections if isinstance(c, LineCollection)]
        self.assertEqual([float(segment[0][1]) for segment in requested[0].get_segments()], [MIB])
        self.assertEqual([text.get_text() for text in figure.axes[0].texts], ["everything freed"])

    def test_the_marks_label_is_whole_wherever_the_mark_is(self) -> None:
        for before, after in ((1, 200), (200, 1), (50, 50)):
            with self.subTest(before=before, after=after):
                self.write_run()
                self.write_rows("timeline.csv", "sample,elapsed_ms,resident_bytes,phase", [
                    [sample, 10 * i, MIB, "grow" if i < before else "freed"]
                    for sample in range(18) for i in range(before + after)])
                for style in ("screen", "paper"):
                    with drawn_for(style):
                        self.drawn_label(memory_timeline.plan(load_run(self.folder))[0].draw()[0])

    def test_bands_reach_from_the_least_to_the_most_of_the_rounds(self) -> None:
        self.write_run()
        bands = [c for c in self.figure(memory_timeline).axes[0].collections
                 if isinstance(c, PolyCollection)]
        self.assertEqual(len(bands), len(ALLOCATORS))
        for unit, band in zip((1, 3, 2), bands):
            # Rounds of 1, 2 and 3 units are halved at the mark.
            at_mark = {float(y) for x, y in band.get_paths()[0].vertices if abs(x - 0.02) < 1e-9}
            self.assertEqual(at_mark, {unit * MIB // 2, 3 * unit * MIB // 2})

    def test_a_run_without_readings_says_so_in_the_figure(self) -> None:
        self.write_run()
        self.write_rows("timeline.csv", "sample,elapsed_ms,resident_bytes,phase", [])
        figure = self.figure(memory_timeline)
        self.assertIn("no reading", " ".join(text.get_text() for text in figure.axes[0].texts))

    def test_a_missing_or_damaged_file_is_named_with_the_remedy(self) -> None:
        self.write_run(drop=("timeline.csv",))
        with self.assertRaisesRegex(PlotError, r"timeline\.csv: no such file.*restore it"):
            self.figure(memory_timeline)
        self.write_rows("timeline.csv", "sample,elapsed_ms,resident_bytes,phase",
                        [[0, "soon", 1, "grow"]])
        with self.assertRaisesRegex(PlotError, r"timeline\.csv:2: column elapsed_ms: 'soon' is not.*restore it"):
            self.figure(memory_timeline)
        self.write_rows("timeline.csv", "sample,elapsed_ms", [[0, 1]])
        with self.assertRaisesRegex(PlotError, r"timeline\.csv:1: no column resident_bytes, phase"):
            self.figure(memory_timeline)

    def test_a_last_line_that_was_cut_off_is_left_out_of_an_unfinished_run_only(self) -> None:
        self.write_run()
        path = self.folder / "timeline.csv"
        whole = len(self.figure(memory_timeline).axes)
        path.write_text(path.read_text() + "17,9")
        with self.assertRaisesRegex(PlotError, r"timeline\.csv:\d+: 2 fields where"):
            self.figure(memory_timeline)
        info = json.loads((self.folder / "run.json").read_text())
        (self.folder / "run.json").write_text(json.dumps({**info, "finished": None}))
        self.assertEqual(len(self.figure(memory_timeline).axes), whole)


class ResidentPerLive(MemoryFigures):
    def test_each_size_has_a_row_with_a_dot_and_an_interval_for_each_allocator(self) -> None:
        estimates = {(size, allocator): 1 + 8 / size + place
                     for size in (8, 64, 1024) for place, allocator in enumerate(ALLOCATORS)}
        self.write([DENSE], [cell(DENSE, "malloc", allocator, size, "rss_per_live_byte", estimate)
                             for (size, allocator), estimate in estimates.items()])
        axes = self.figure(resident_per_live).axes[0]
        self.assertEqual([label.get_text() for label in axes.get_yticklabels()],
                         ["size 8 B", "size 64 B", "size 1 KiB"])
        dots = [line for line in axes.get_lines() if len(line.get_xdata()) == 1]
        self.assertEqual(sorted(float(dot.get_xdata()[0]) for dot in dots),
                         sorted(estimates.values()))
        intervals = [c for c in axes.collections if isinstance(c, LineCollection)]
        self.assertEqual(len(intervals), len(estimates))
        marks = [line for line in axes.get_lines() if list(line.get_xdata()) == [1, 1]]
        self.assertEqual(len(marks), 1)

    def test_without_values_the_figure_says_why(self) -> None:
        self.write([DENSE], [cell(DENSE, "malloc", "glibc", 8, "peak_rss_bytes", 1.0)])
        axes = self.figure(resident_per_live).axes[0]
        self.assertIn("4 MiB", " ".join(text.get_text() for text in axes.texts))

    def test_runs_without_such_a_workload_have_no_such_figure(self) -> None:
        other = Kind("room/other", ("scaling",), parameter=("size", "B"))
        self.write([other], [cell(other, "malloc", "glibc", 8, "ns_per_op", 1.0)])
        run = load_run(self.folder)
        self.assertEqual(resident_per_live.plan(run), [])
        self.assertEqual(memory_timeline.plan(run), [])


if __name__ == "__main__":
    unittest.main()
