"""What the figures of claims, latency, fitted laws and limits of stacks draw, against their CSV."""

from __future__ import annotations

import re
import sys
import unittest
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(SOURCE / "scripts"), str(SOURCE / "tests")]

from matplotlib.axes import Axes  # noqa: E402
from matplotlib.collections import PolyCollection  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

from plot_case import (SWAP, PlotCase, assert_text_fits, labelled, marked, rounded,  # noqa: E402
                       segments, words, xs, ys)
from stackheap_plots.command import plan_figures  # noqa: E402
from stackheap_plots.load import load_run  # noqa: E402
from synthetic_claims import CLAIM_TESTS, CLAIMS  # noqa: E402
from synthetic_run import LATENCY, SCALING, Kind, Synthetic, every_role  # noqa: E402

NAME = {kind.name: kind for kind in every_role()}
WIDE = (1, 2, 3, 4, 6, 8)


class Columns(unittest.TestCase):
    def test_made_up_files_have_the_columns_that_the_driver_writes(self) -> None:
        source = (SOURCE / "harness/driver/run_columns.cpp").read_text()

        def names(table: str) -> list[str]:
            body = re.search(rf"{table} = \{{\n(.*?)\n\}};", source, re.DOTALL).group(1)
            return re.findall(r'^    \{"(\w+)"', body, re.MULTILINE)

        self.assertEqual(CLAIMS, names("kClaims"))
        self.assertEqual(CLAIM_TESTS, names("kClaimTests"))
        self.assertEqual(LATENCY, names("kLatency"))
        self.assertEqual(SCALING, [*names("kCell"), *names("kScaling")])


class Claims(PlotCase):
    def draw(self) -> Axes:
        return self.figures([SWAP], claims=True)["claims"].axes[0]

    def test_every_ratio_is_a_mark_with_its_interval_by_what_became_of_it(self) -> None:
        axes = self.draw()
        ratios = {"kind": "ratio"}
        self.assertEqual(xs(marked(axes)), self.column("claim_tests.csv", "effect", **ratios))
        bounded = [row for row in self.rows("claim_tests.csv", **ratios) if row["lower"]]
        found = segments(axes)
        self.assertEqual(len(bounded), 3)
        self.assertEqual(rounded(part[0][0] for part in found),
                         rounded(float(row["lower"]) for row in bounded))
        self.assertEqual(rounded(part[1][0] for part in found),
                         rounded(float(row["upper"]) for row in bounded))
        drawn = {(line.get_marker(), line.get_markerfacecolor() == "white")
                 for line in marked(axes)}
        self.assertEqual(len(drawn), 4)  # holds, does not, unresolved, told: also without colour

    def test_every_claim_has_its_statement_verdict_tally_and_effect(self) -> None:
        texts = [text.get_text() for text in self.draw().texts]
        for row in self.rows("claims.csv"):
            self.assertIn(f"{row['claim']}. {row['statement']}", texts)
            self.assertIn(row["verdict"], texts)
        for text in ("1 of 3 hold, 1 unresolved", "1 of 1 hold",
                     "4 [3, 5]: made/frame/malloc against made/frame/local-array",
                     "100 % of samples [90, 100]: made/frame", "no ratio: verified, or told in words"):
            self.assertIn(text, texts)

    def test_the_side_that_a_claim_expects_is_shaded(self) -> None:
        shades = [one for one in self.draw().collections if isinstance(one, PolyCollection)]
        self.assertEqual(len(shades), 1)
        self.assertEqual(min(shades[0].get_paths()[0].vertices[:, 0]), 1)

    def test_a_run_that_tests_no_claim_has_no_such_figure(self) -> None:
        self.assertNotIn("claims", self.figures([SWAP]))
        (self.folder / "claims.csv").write_text(",".join(CLAIMS) + "\n")
        (self.folder / "claim_tests.csv").write_text(",".join(CLAIM_TESTS) + "\n")
        self.assertNotIn("claims", [one.name for one in plan_figures(load_run(self.folder), [])])


class Latency(PlotCase):
    def draw(self, **options: object) -> Figure:
        return self.figures([NAME["tail/slots"]], **options)["latency-tail-slots"]

    def test_there_is_a_panel_for_all_operations_and_each_kind_at_each_thread_count(self) -> None:
        titles = [axes.get_title(loc="left") for axes in self.draw().axes]
        self.assertEqual(titles, [
            f"{kind} · {threads}" for threads in ("1 thread", "2 threads", "4 threads")
            for kind in ("all operations", "each malloc", "each free")])

    def test_a_line_reaches_as_far_as_a_hundred_operations_beyond_it(self) -> None:
        figure = self.draw()
        for axes, total in ((figure.axes[0], 1_000_000), (figure.axes[1], 900_000),
                            (figure.axes[2], 100_000)):
            lines = labelled(axes, "_tail")
            self.assertEqual(len(lines), 7)  # six allocators and no heap
            for line in lines:
                self.assertGreaterEqual(total * 10 ** -line.get_xdata()[-1], 100)
                self.assertLess(total * 10 ** -(line.get_xdata()[-1] + 0.041), 100)

    def test_a_line_passes_through_the_quantiles_of_its_histogram(self) -> None:
        glibc = labelled(self.draw().axes[0], "_tail")[0]
        at = {round(float(x), 2): float(y) for x, y in glibc.get_xydata()}
        # Nine in ten took 20 ns, of the rest nine in ten 200, the others 2,000 and 20,000.
        for nines, time in ((0.0, 20), (1.0, 20), (1.04, 200), (2.0, 200), (2.04, 2000),
                            (3.0, 2000), (3.04, 20000)):
            self.assertAlmostEqual(at[nines], time * 1.002, places=6)

    def test_marks_and_intervals_are_the_quantiles_of_the_summary(self) -> None:
        axes = self.draw().axes[0]
        wanted = {"workload": "tail/slots", "threads": 1}
        quantiles = ("p50", "p90", "p99", "p999")
        for column, values in (
                ("estimate", ys(marked(axes))),
                ("lower", rounded(part[0][1] for part in segments(axes))),
                ("upper", rounded(part[1][1] for part in segments(axes)))):
            self.assertEqual(values, rounded(
                value for name in quantiles
                for value in self.column("summary.csv", column, metric=name, **wanted)))

    def test_the_timer_is_told(self) -> None:
        figure = self.draw()
        self.assertIn("the timer's own cost in them, 3 ns", words(figure))
        self.assertIn("timer alone (median)",
                      [text.get_text() for text in figure.legends[0].get_texts()])

    def test_a_run_without_histograms_says_so_in_the_figure(self) -> None:
        self.draw()
        (self.folder / "latency.csv").write_text(",".join(LATENCY) + "\n")
        figure = plan_figures(load_run(self.folder), ["latency"])[0].draw()[0]
        self.assertIn("no histogram", words(figure))
        self.assertEqual([axes.axison for axes in figure.axes], [False])


class FittedLaw(PlotCase):
    def draw(self, **law: object) -> Figure:
        run = Synthetic(self.folder, kinds=[SWAP], threads=WIDE, cpus=8)
        run.add_law(SWAP, **law)  # type: ignore[arg-type]
        run.write()
        return plan_figures(load_run(self.folder), ["scaling"])[0].draw()[0]

    def test_each_allocator_has_the_curve_of_its_sigma_and_kappa(self) -> None:
        axes = self.draw(sigma=0.08, kappa=0.004).axes[0]
        curves = labelled(axes, "_law")
        self.assertEqual(len(curves), 6)
        for curve in curves:
            threads, throughput = 2 ** curve.get_xdata(), curve.get_ydata()
            self.assertAlmostEqual(threads[0], 1)
            self.assertAlmostEqual(threads[-1], 8)
            shape = threads / (1 + 0.08 * (threads - 1) + 0.004 * threads * (threads - 1))
            for at, value in zip(shape, throughput / throughput[0]):
                self.assertAlmostEqual(at, value)
        dots = [line for line in marked(axes) if line.get_label() != "_law"]
        self.assertEqual({line.get_linestyle() for line in dots}, {"None"})

    def test_the_numbers_of_the_law_are_told_with_their_intervals(self) -> None:
        figure = self.draw(sigma=0.08, kappa=0.004)
        self.assertIn("glibc 0.08 [0.072, 0.088], 0.004 [0.002, 0.008]; jemalloc", words(figure))
        self.assertIn("fitted law", [text.get_text() for text in figure.legends[0].get_texts()])
        assert_text_fits(self, {"scaling": figure})

    def test_where_there_is_none_the_reason_is_told(self) -> None:
        figure = self.draw(sigma=0, kappa=0, not_fitted="2 thread counts, and it takes 6")
        self.assertEqual(labelled(figure.axes[0], "_law"), [])
        self.assertIn("No scalability law is fitted: 2 thread counts, and it takes 6.",
                      words(figure))


class LimitsOfStacks(PlotCase):
    def test_memory_mappings_and_the_most_alive_have_panels_with_what_ended_it(self) -> None:
        figure = self.figures([NAME["own/live"]], threads=(1,))["stack-kinds-own-live"]
        self.assertEqual([axes.get_title(loc="left") for axes in figure.axes], [
            "resident memory per stack · 1 thread", "mappings per stack · 1 thread",
            "most alive at once · 1 thread"])
        self.assertEqual(xs(marked(figure.axes[0])),
                         self.column("summary.csv", "estimate", metric="rss_per_stack_bytes"))
        self.assertEqual(xs(marked(figure.axes[2])),
                         self.column("summary.csv", "estimate", metric="max_live"))
        said = [text.get_text() for text in figure.axes[2].texts]
        self.assertEqual(said, ["cap"] * 7)  # of the larger value, once in each row
        self.assertEqual(len(figure.axes[0].texts), 0)

    def test_a_value_of_zero_is_written_where_a_log_axis_has_no_place_for_it(self) -> None:
        axes = self.figures([NAME["own/live"]], threads=(1,))["stack-kinds-own-live"].axes[1]
        self.assertEqual([text.get_text() for text in axes.texts], ["0"] * 6)
        self.assertEqual(xs(marked(axes)), [2.0, 2.0])

    def test_bytes_have_ticks_at_powers_of_two(self) -> None:
        figure = self.figures([Kind("own/live", ("stack-kinds",), (("a", True), ("b", False)),
                                    metrics=("peak_rss_bytes", "rss_per_stack_bytes"))])
        axes = figure["stack-kinds-own-live"].axes[0]
        self.assertRegex(" ".join(label.get_text() for label in axes.get_xticklabels()),
                         r"^(\d+ K?i?B ?)+$")


if __name__ == "__main__":
    unittest.main()
