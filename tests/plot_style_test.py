"""A figure of the style `paper` can be read in one column, and another baseline is drawn honestly."""

from __future__ import annotations

import sys
import unittest
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(SOURCE / "scripts"), str(SOURCE / "tests")]

from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

from plot_case import (SWAP, PlotCase, assert_text_fits, drawn_texts, labelled,  # noqa: E402
                       marked, rounded, segments, words, xs)
from stackheap_plots.sheet import PAPER, drawn_for  # noqa: E402
from stackheap_plots.lettering import axis_names  # noqa: E402
from synthetic_run import Kind, every_role  # noqa: E402

COLUMN = 85 / 25.4  # inches
SMALLEST = 6  # points


class Paper(PlotCase):
    def paper(self, kinds: list[Kind], **options: object) -> dict[str, Figure]:
        self.write(kinds, **options)
        return self.drawn("paper")

    def test_every_figure_is_a_column_wide_no_taller_than_a_sheet_and_legible(self) -> None:
        for name, figure in self.paper(every_role(), claims=True).items():
            with self.subTest(name):
                width, height = figure.get_size_inches()
                self.assertAlmostEqual(width, COLUMN)
                self.assertLessEqual(height, PAPER.height)
                self.assertGreaterEqual(min(text.get_size() for text in drawn_texts(figure)),
                                        SMALLEST)

    def test_all_text_fits(self) -> None:
        assert_text_fits(self, self.paper(every_role(), claims=True))

    def test_texts_of_the_frame_do_not_lie_on_each_other(self) -> None:
        for name, figure in self.paper(every_role(), info={"finished": None}).items():
            canvas = FigureCanvasAgg(figure)
            canvas.draw()
            boxes = [(text.get_text(), text.get_window_extent(canvas.get_renderer()))
                     for text in figure.texts if text.get_text()]
            boxes += [("legend", legend.get_window_extent(canvas.get_renderer()))
                      for legend in figure.legends]
            boxes += [("panel", axes.get_window_extent(canvas.get_renderer()))
                      for axes in figure.axes]
            for place, (first, one) in enumerate(boxes):
                for second, other in boxes[place + 1:]:
                    touch = min(one.y1, other.y1) - max(one.y0, other.y0)
                    if "panel" in (first, second) and first == second:
                        continue
                    self.assertLess(touch, 3, f"{name}: {first!r} on {second!r}")  # a font's edge

    def test_panels_that_do_not_fit_go_on_further_pages(self) -> None:
        screen = self.figures(every_role())
        paper = self.drawn("paper")
        for name in ("contention-crowd-swap", "latency-tail-slots", "stack-kinds-own-switch"):
            pages = [figure for page, figure in paper.items() if page.startswith(name)]
            self.assertEqual(sum(len(page.axes) for page in pages), len(screen[name].axes))
            titles = [" ".join(axes.get_title(loc="left").split())
                      for page in pages for axes in page.axes]
            self.assertEqual(titles, [" ".join(axes.get_title(loc="left").split())
                                      for axes in screen[name].axes])
        self.assertIn("page 2 of", words(paper["latency-tail-slots-2"]))

    def test_it_draws_the_same_numbers_as_the_screen(self) -> None:
        screen = self.figures(every_role())
        paper = self.drawn("paper")
        for name in ("scaling-crowd-swap", "stack-against-heap-made-frame", "pareto"):
            for one, other in zip(screen[name].axes, paper[name].axes):
                self.assertEqual(xs(marked(one)), xs(marked(other)))
                self.assertEqual(len(segments(one)), len(segments(other)))

    def test_names_of_sixty_four_characters_are_shortened_and_still_differ(self) -> None:
        long = "x" * 63
        kinds = [Kind(f"suite/{long}{place}", kind.roles,
                      [(f"{long}{number}", heap) for number, (_, heap) in enumerate(kind.variants)],
                      kind.parameter, kind.values, kind.metrics)
                 for place, kind in enumerate(every_role())]
        drawn = self.paper(kinds, allocators=(f"{long}a", f"{long}b"), baseline=f"{long}a")
        assert_text_fits(self, drawn)
        with drawn_for("paper"):
            called, room = axis_names([f"{long}{end}{long}" for end in "abc"])
        self.assertEqual(len(set(called.values())), 3)
        self.assertLess(room, COLUMN / 2)

    def test_forty_allocators_all_have_their_rows(self) -> None:
        names = tuple(f"alloc-{place:02}" for place in range(40))
        drawn = self.paper([SWAP], allocators=names, baseline="alloc-00")
        assert_text_fits(self, drawn)
        self.assertEqual(sum(len(marked(figure.axes[0])) for name, figure in drawn.items()
                             if name.startswith("ratio")), 3 * 39)

    def test_256_threads_have_labels_that_do_not_overlap(self) -> None:
        counts = (1, 2, 4, 8, 16, 32, 48, 64, 96, 128, 192, 256)
        figure = self.paper([SWAP], threads=counts, cpus=256)["scaling-crowd-swap"]
        renderer = FigureCanvasAgg(figure).get_renderer()
        boxes = [label.get_window_extent(renderer) for label in figure.axes[0].get_xticklabels()]
        self.assertGreaterEqual(len(boxes), 7)
        for left, right in zip(boxes, boxes[1:]):
            self.assertLess(left.x1, right.x0)


class AnotherBaseline(PlotCase):
    """The run compared six allocators with glibc; the figures are to compare with scudo."""

    def setUp(self) -> None:
        super().setUp()
        self.own = self.figures([SWAP])
        self.other = self.drawn(compared_with="scudo")

    def test_only_the_pair_that_was_measured_has_a_ratio_the_other_way_round(self) -> None:
        wanted = {"metric": "ns_per_op", "candidate_allocator": "scudo"}
        axes = self.other["ratio"].axes[0]
        self.assertEqual([label.get_text() for label in axes.get_yticklabels()], ["glibc"] * 3)
        self.assertEqual(xs(marked(axes)), rounded(
            1 / value for value in self.column("comparisons.csv", "ratio", **wanted)))
        for end, column in ((0, "upper"), (1, "lower")):
            self.assertEqual(rounded(part[end][0] for part in segments(axes)), rounded(
                1 / value for value in self.column("comparisons.csv", column, **wanted)))
        self.assertEqual({text.get_text().split()[-1] for text in axes.texts
                          if "[" in text.get_text()}, {"faster"})

    def test_what_is_left_out_is_told_with_the_remedy(self) -> None:
        self.assertIn("jemalloc, mimalloc, tbbmalloc, tcmalloc are left out. 'stackheap run "
                      "--baseline scudo' measures them.", words(self.other["ratio"]))
        self.assertNotIn("left out", words(self.own["ratio"]))

    def test_what_compares_nothing_is_drawn_as_ever_in_the_same_colours(self) -> None:
        looks = [[(line.get_color(), line.get_marker(), line.get_ydata().tolist())
                  for line in marked(drawn["scaling-crowd-swap"].axes[0])]
                 for drawn in (self.own, self.other)]
        self.assertEqual(looks[0], looks[1])
        self.assertEqual(labelled(self.other["scaling-crowd-swap"].axes[0], "_law"), [])


if __name__ == "__main__":
    unittest.main()
