"""Figures can be printed as they are: text fits, allocators differ, and gaps are told."""

from __future__ import annotations

import sys
import unittest
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(SOURCE / "scripts"), str(SOURCE / "tests")]

from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

from plot_case import SWAP, PlotCase, assert_text_fits, marked, segments, words  # noqa: E402
from stackheap_plots import axis  # noqa: E402
from stackheap_plots.command import plan_figures  # noqa: E402
from stackheap_plots.load import load_run  # noqa: E402
from synthetic_run import SUMMARY, Kind, Synthetic, every_role, write_csv  # noqa: E402

SEVEN = ("glibc", "jemalloc", "mimalloc", "reference", "scudo", "tbbmalloc", "tcmalloc")


class FiguresArePublishable(PlotCase):
    def test_an_allocator_looks_the_same_in_all_figures(self) -> None:
        drawn = self.figures(every_role(), allocators=SEVEN)
        seen: dict[str, set[tuple[str, str]]] = {name: set() for name in SEVEN}
        figures = dict.fromkeys(SEVEN, 0)
        for figure in drawn.values():
            legend = figure.legends[0] if figure.legends else None
            for handle, text in zip(legend.legendHandles, legend.get_texts()) if legend else ():
                name = text.get_text().replace(" (baseline)", "")
                if name in seen:
                    seen[name].add((handle.get_color(), handle.get_marker()))
                    figures[name] += 1
        axes = drawn["ratio-made"].axes[0]
        labels = [label.get_text() for label in axes.get_yticklabels()]
        for line, name in zip(marked(axes), labels):
            seen[name].add((line.get_color(), line.get_marker()))
        self.assertEqual(set(figures.values()), {7})
        self.assertEqual([len(found) for found in seen.values()], [1] * 7)
        self.assertEqual(len(set.union(*seen.values())), 7)

    def test_without_colour_seven_allocators_differ_by_mark_and_line(self) -> None:
        drawn = self.figures(every_role(), allocators=SEVEN)
        for name in ("scaling-crowd-swap", "memory-timeline-room-grow"):
            lines = marked(drawn[name].axes[0])
            self.assertEqual(len({(line.get_marker(), str(line._dash_pattern)) for line in lines}),
                             7, name)
            self.assertEqual(len({line.get_marker() for line in lines}), 7, name)

    def test_the_footer_names_machine_date_rounds_and_version(self) -> None:
        for name, figure in self.figures(every_role()).items():
            with self.subTest(name):
                self.assertIn(r"Example(R) CPU \$9\$ @ 3.00GHz · 2 CPUs · Linux 6.1.0-28-amd64 · "
                              "2025-01-31 · profile quick · 12 rounds · stackheap 0.1.0",
                              words(figure))
                self.assertNotIn("PARTIAL", words(figure))

    def test_an_unfinished_or_interrupted_run_is_labelled_in_every_figure(self) -> None:
        for info in ({"finished": None}, {"result": {"interrupted": True}}):
            drawn = self.figures(every_role(), info=info)
            self.assertEqual([name for name, figure in drawn.items()
                              if "PARTIAL: this run was not finished" not in words(figure)], [])

    def test_what_an_unfinished_run_lacks_is_told(self) -> None:
        info = {"finished": None, "plan": {"runnable_cells": 30}}
        run = Synthetic(self.folder, kinds=[SWAP], info=info)
        run.write()
        for row in run.summary:
            row["samples"] = 7 if row["threads"] == 4 else 8
        write_csv(self.folder / "summary.csv", SUMMARY, run.summary)
        for figure in plan_figures(load_run(self.folder), ["scaling", "ratio"]):
            self.assertIn("PARTIAL: this run was not finished: 7 to 8 of 12 rounds in 18 of 18 "
                          "cells; 12 of 30 cells without a sample", words(figure.draw()[0]))

    def test_all_text_of_an_ordinary_run_fits(self) -> None:
        assert_text_fits(self, self.figures(every_role()))

    def test_names_of_sixty_four_characters_fit(self) -> None:
        long = "x" * 63
        kinds = [Kind(f"suite/{long}{place}", kind.roles,
                      [(f"{long}{number}", heap) for number, (_, heap) in enumerate(kind.variants)],
                      kind.parameter, kind.values, kind.metrics)
                 for place, kind in enumerate(every_role())]
        drawn = self.figures(kinds, allocators=(f"{long}a", f"{long}b"), baseline=f"{long}a")
        assert_text_fits(self, drawn)

    def test_ticks_say_where_they_stand(self) -> None:
        for low, high in ((1.84, 1.99), (0.99, 1.01), (123, 131), (1.5, 5.9), (3, 9000)):
            for draw in (lambda axes, values: axis.log_values(axes, "y", values, "ns"),
                         lambda axes, values: axis.ratio_axis(axes, "y", values)):
                axes = Figure().add_subplot()
                draw(axes, [low, high])
                labels = [label.get_text() for label in axes.get_yticklabels()]
                ticks = list(axes.get_yticks())
                self.assertGreaterEqual(len(ticks), 2)
                for tick, label in zip(ticks, labels):
                    self.assertAlmostEqual(float(label.rstrip("×").replace(",", "")), tick,
                                           delta=tick * 1e-6, msg=f"{low} to {high}")

    def test_small_ratios_are_labelled_as_fractions(self) -> None:
        axes = Figure().add_subplot()
        axis.ratio_axis(axes, "x", [0.003, 5])
        self.assertEqual([label.get_text() for label in axes.get_xticklabels()],
                         ["1/256×", "1/64×", "1/16×", "0.25×", "1×", "4×"])

    def test_a_run_of_few_rounds_claims_no_interval(self) -> None:
        for rounds, say in ((1, "Points: one round, without an interval."),
                            (2, "which are too few for an interval")):
            drawn = self.figures(every_role(), rounds=rounds)
            for name, figure in drawn.items():
                self.assertNotIn("its interval", words(figure), name)
                if not name.startswith("memory-timeline"):  # there `requested` is such a line
                    self.assertEqual(sum(len(segments(axes)) for axes in figure.axes), 0, name)
            self.assertIn(say, words(drawn["scaling-crowd-swap"]))
            self.assertIn("rounds are too few for intervals", words(drawn["ratio-made"]))


class UnusualRuns(PlotCase):
    def test_one_allocator_has_nothing_to_be_compared_with_and_says_so(self) -> None:
        drawn = self.figures(every_role(), allocators=("glibc",))
        self.assertEqual(len(drawn), 11)
        self.assertIn("glibc is the only allocator of this run", words(drawn["ratio"]))
        self.assertIn("no allocator with ratios", words(drawn["pareto"]))
        self.assertEqual(len(marked(drawn["scaling-crowd-swap"].axes[0])), 1)

    def test_forty_allocators_all_differ(self) -> None:
        names = tuple(f"alloc-{place:02}" for place in range(40))
        drawn = self.figures([SWAP], allocators=names, baseline="alloc-00")
        lines = marked(drawn["scaling-crowd-swap"].axes[0])
        looks = {(line.get_color(), line.get_marker(), str(line._dash_pattern)) for line in lines}
        self.assertEqual((len(lines), len(looks)), (40, 40))
        self.assertEqual(len(drawn["scaling-crowd-swap"].legends[0].get_texts()), 41)
        self.assertEqual(sum(len(marked(figure.axes[0])) for name, figure in drawn.items()
                             if name.startswith("ratio")), 3 * 39)
        assert_text_fits(self, drawn)

    def test_one_thread_count_is_told(self) -> None:
        drawn = self.figures([SWAP], threads=(1,))
        axes = drawn["scaling-crowd-swap"].axes[0]
        self.assertEqual([len(line.get_xdata()) for line in marked(axes)], [1] * 6)
        self.assertIn("nothing to scale over", words(drawn["scaling-crowd-swap"]))

    def test_that_one_thread_count_is_told_clear_of_the_panels_title(self) -> None:
        mix = Kind("made/mix", ("scaling",), parameter=("producers-share", "%"), values=(25, 50))
        figure = self.figures([mix], threads=(1,))["scaling-made-mix"]
        renderer = FigureCanvasAgg(figure).get_renderer()
        axes = figure.axes[0]
        title, told = axes._left_title, axes.xaxis.label
        self.assertEqual(title.get_text(), "producers-share 25 %")
        self.assertIn("nothing to scale over", told.get_text())
        for text in (told, *axes.texts):
            self.assertFalse(title.get_window_extent(renderer).overlaps(
                text.get_window_extent(renderer)), text.get_text())

    def test_up_to_256_threads_the_labels_do_not_overlap(self) -> None:
        counts = (1, 2, 4, 8, 16, 32, 48, 64, 96, 128, 192, 256)
        drawn = self.figures([SWAP], threads=counts, cpus=256)
        axes = drawn["scaling-crowd-swap"].axes[0]
        self.assertEqual({len(line.get_xdata()) for line in marked(axes)}, {12})
        renderer = FigureCanvasAgg(drawn["scaling-crowd-swap"]).get_renderer()
        boxes = [label.get_window_extent(renderer) for label in axes.get_xticklabels()]
        self.assertGreaterEqual(len(boxes), 7)
        for left, right in zip(boxes, boxes[1:]):
            self.assertLess(left.x1, right.x0)

    def test_missing_metrics_leave_a_note_and_no_empty_axis(self) -> None:
        drawn = self.figures([Kind(kind.name, kind.roles, kind.variants, kind.parameter,
                                   kind.values, ("minor_faults",)) for kind in every_role()
                              if not {"memory-timeline", "latency"} & set(kind.roles)])
        self.assertEqual(len(drawn), 9)
        for name, figure in drawn.items():
            with self.subTest(name):
                self.assertEqual([axes.axison for axes in figure.axes], [False])
                self.assertRegex(" ".join(figure.axes[0].texts[0].get_text().split()),
                                 r"^(No cell has a value of \w+|comparisons\.csv has no )")

    def test_fewer_samples_than_planned_are_told(self) -> None:
        run = Synthetic(self.folder, kinds=[SWAP])
        run.write()
        for row in run.summary:
            if row["allocator"] == "scudo" and row["threads"] == 2:
                row["samples"] = 7
        write_csv(self.folder / "summary.csv", SUMMARY, run.summary)
        figures = plan_figures(load_run(self.folder), ["scaling"])
        self.assertIn("Fewer samples ended ok than were planned: malloc scudo at 2: 7 of 12.",
                      words(figures[0].draw()[0]))


if __name__ == "__main__":
    unittest.main()
