"""Each figure shows what summary.csv and comparisons.csv say, and nothing that they do not."""

from __future__ import annotations

import math
import re
import sys
import unittest
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(SOURCE / "scripts"), str(SOURCE / "tests")]

from matplotlib.patches import Rectangle  # noqa: E402

from plot_case import SWAP, PlotCase, labelled, marked, rounded, segments, xs, ys  # noqa: E402
from synthetic_run import COMPARISONS, SUMMARY, every_role  # noqa: E402


class FiguresShowTheCsv(PlotCase):
    def test_made_up_runs_have_the_columns_that_the_driver_writes(self) -> None:
        source = (SOURCE / "harness/driver/run_columns.cpp").read_text()

        def names(table: str) -> list[str]:
            body = re.search(rf"{table} = \{{\n(.*?)\n\}};", source, re.DOTALL).group(1)
            return re.findall(r'^    \{"(\w+)"', body, re.MULTILINE)

        self.assertEqual(SUMMARY, names("kCell") + names("kSummary"))
        self.assertEqual(COMPARISONS, names("kComparisons"))

    def test_every_kind_of_figure_is_drawn_and_no_other(self) -> None:
        self.assertEqual(sorted(self.figures(every_role())), [
            "contention-crowd-swap", "latency-tail-slots", "memory-timeline-room-grow", "pareto",
            "pareto-2", "ratio-crowd", "ratio-made", "resident-per-live-room-dense",
            "scaling-crowd-swap", "scaling-made-pair", "stack-against-heap-made-frame",
            "stack-kinds-own-live", "stack-kinds-own-switch"])

    def test_scaling_has_a_line_and_an_interval_per_allocator_and_thread_count(self) -> None:
        axes = self.figures([SWAP])["scaling-crowd-swap"].axes[0]
        throughput = {"workload": "crowd/swap", "metric": "ops_per_second"}
        self.assertEqual(len(marked(axes)), 6)
        self.assertEqual(ys(marked(axes)), self.column("summary.csv", "estimate", oversubscribed=0,
                                                       **throughput))
        self.assertEqual(ys(labelled(axes, "_oversubscribed")),
                         self.column("summary.csv", "estimate", oversubscribed=1, **throughput))
        self.assertEqual({line.get_markerfacecolor() for line in labelled(axes, "_oversubscribed")},
                         {"white"})
        found = segments(axes)
        self.assertEqual(len(found), 18)
        self.assertEqual(rounded(part[0][1] for part in found),
                         self.column("summary.csv", "lower", **throughput))
        self.assertEqual(rounded(part[1][1] for part in found),
                         self.column("summary.csv", "upper", **throughput))
        self.assertEqual([label.get_text() for label in axes.get_xticklabels()], ["1", "2", "4"])
        self.assertEqual(axes.get_ylabel(), "throughput (operations / s)")

    def test_scaling_has_a_panel_per_parameter_value_and_a_line_for_what_needs_no_heap(self) -> None:
        figure = self.figures(every_role())["scaling-made-pair"]
        self.assertEqual([axes.get_title(loc="left") for axes in figure.axes],
                         ["size 64 B", "size 4 KiB"])
        names = [text.get_text() for text in figure.legends[0].get_texts()]
        self.assertEqual(names, ["glibc", "jemalloc", "mimalloc", "scudo", "tbbmalloc", "tcmalloc",
                                 "no-alloc (no heap)", "more threads than CPUs"])
        for axes in figure.axes:
            self.assertEqual(len(marked(axes)), 7)

    def test_ratio_has_a_row_with_interval_and_verdict_per_comparison(self) -> None:
        axes = self.figures([SWAP])["ratio"].axes[0]
        found = self.rows("comparisons.csv", metric="ns_per_op")
        self.assertEqual(len(found), 15)
        self.assertEqual(xs(marked(axes)), self.column("comparisons.csv", "ratio",
                                                       metric="ns_per_op"))
        self.assertEqual(rounded(part[1][0] for part in segments(axes)),
                         self.column("comparisons.csv", "upper", metric="ns_per_op"))
        labels = [label.get_text() for label in axes.get_yticklabels()]
        self.assertEqual(labels, ["jemalloc", "mimalloc", "scudo", "tbbmalloc", "tcmalloc"] * 3)
        texts = [text.get_text() for text in axes.texts]
        self.assertEqual(sum(text.endswith("]  slower") for text in texts), 15)
        self.assertEqual([text for text in texts if "crowd/swap" in text], [
            "crowd/swap · malloc · 1 thread", "crowd/swap · malloc · 2 threads",
            "crowd/swap · malloc · 4 threads (more than CPUs)"])

    def test_stack_against_heap_has_a_line_per_variant_with_the_heap_broken(self) -> None:
        figure = self.figures(every_role())["stack-against-heap-made-frame"]
        self.assertEqual(len(figure.axes), 3)
        for axes, threads in zip(figure.axes, (1, 2, 4)):
            found = {allocator: self.column("summary.csv", "estimate", workload="made/frame",
                                            threads=threads, allocator=allocator)
                     for allocator in ("none", "glibc")}
            self.assertEqual(ys(marked(axes)), rounded([*found["none"], *found["glibc"]]))
            self.assertEqual([line.get_linestyle() == "-" for line in marked(axes)],
                             [True, True, True, False, False])
            self.assertEqual(len(segments(axes)), 5 * 4)
            self.assertEqual([label.get_text() for label in axes.get_xticklabels()],
                             ["16 B", "256 B", "4 KiB", "64 KiB"])

    def test_stack_kinds_has_a_dot_per_kind_allocator_and_parameter_value(self) -> None:
        figure = self.figures(every_role())["stack-kinds-own-switch"]
        self.assertEqual(len(figure.axes), 6)  # two metrics at three thread counts
        self.assertEqual([label.get_text() for label in figure.axes[0].get_yticklabels()],
                         ["call", *(f"fiber-fixed on {name}" for name in (
                             "glibc", "jemalloc", "mimalloc", "scudo", "tbbmalloc", "tcmalloc")),
                          "fiber-mapped", "thread"])
        self.assertEqual(xs(marked(figure.axes[0])),
                         self.column("summary.csv", "estimate", metric="switch_ns", threads=1))
        self.assertEqual(len(segments(figure.axes[0])), 9 * 2)

    def test_pareto_has_both_ratios_of_each_cell_and_their_geometric_mean(self) -> None:
        figure = self.figures(every_role()[:2])["pareto"]
        cells = 2 * 3 + 3
        self.assertEqual(figure.axes[0].get_title(loc="left"), f"Geometric mean of {cells} cells")
        times = self.column("comparisons.csv", "ratio", metric="ns_per_op",
                            candidate_allocator="scudo")
        self.assertEqual(len(times), cells)
        mean = math.exp(sum(map(math.log, times)) / cells)
        self.assertIn(float(f"{mean:.9g}"), xs(marked(figure.axes[0])))
        self.assertEqual(segments(figure.axes[0]), [])
        one = {"block": "made/pair/size:64", "threads": 1}
        self.assertEqual(xs(marked(figure.axes[1])), rounded(
            [1, *self.column("comparisons.csv", "ratio", metric="ns_per_op", **one)]))
        self.assertEqual(ys(marked(figure.axes[1])), rounded(
            [1, *self.column("comparisons.csv", "ratio", metric="peak_rss_bytes", **one)]))
        self.assertEqual(len(segments(figure.axes[1])), 2 * 5)

    def test_contention_stacks_three_parts_per_allocator(self) -> None:
        figure = self.figures([SWAP])["contention-crowd-swap"]
        for axes, threads in zip(figure.axes, (1, 2, 4)):
            bars = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
            expected = [value for metric in ("cpu_ns_per_op", "run_queue_ns_per_op",
                                             "blocked_ns_per_op")
                        for value in self.column("summary.csv", "estimate", metric=metric,
                                                 threads=threads)]
            self.assertEqual(len(bars), 18)
            self.assertEqual(rounded(bar.get_width() for bar in bars), rounded(expected))
            self.assertEqual(xs([line for line in axes.get_lines() if line.get_marker() == "|"]),
                             self.column("summary.csv", "estimate", metric="thread_ns_per_op",
                                         threads=threads))
            self.assertEqual(len(segments(axes)), 6)


if __name__ == "__main__":
    unittest.main()
