"""scripts/report: what the page says, against the files that it is made of."""

from __future__ import annotations

import csv
import math
import re
import statistics
import sys
import unittest
from collections import defaultdict
from pathlib import Path
from typing import Any

from report_case import ALLOCATORS, ReportCase, Words, numbers_of
from report_run import SOURCE, ReportRun, kinds

sys.path[:0] = [str(SOURCE / "scripts")]

from stackheap_report.contests import Contender, leaders_of  # noqa: E402
from stackheap_report.markup import element  # noqa: E402
from stackheap_report.own_error import share_interval  # noqa: E402

ATTACK = "<script>document.title='taken'</script>"


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


class ThePage(ReportCase):
    def test_is_one_file_that_asks_for_nothing(self) -> None:
        page = self.page()
        self.assertEqual(page, self.folder / "report.html")
        self.assertLess(page.stat().st_size, 5e6)
        words = Words(page)
        addresses = [value for _, attributes in words.tags for name, value in attributes.items()
                     if name in ("src", "href", "action", "srcset", "data")]
        self.assertEqual([a for a in addresses if not str(a).startswith(("#", "data:,"))], [])
        self.assertNotIn("@import", page.read_text())
        self.assertNotIn("url(", page.read_text())

    def test_is_the_same_each_time(self) -> None:
        first, second = self.folder.parent / "a.html", self.folder.parent / "b.html"
        self.page(self.folder, "--out", first)
        self.page(self.folder, "--out", second)
        self.assertEqual(first.read_bytes(), second.read_bytes())

    def test_has_a_section_for_everything_and_each_link_leads_somewhere(self) -> None:
        words = Words(self.page())
        addresses = [attributes["id"] for _, attributes in words.tags if "id" in attributes]
        self.assertEqual(len(addresses), len(set(addresses)))
        for name in ("answer", "claims", "workloads", "scaling", "contention", "memory", "latency",
                     "fibers", "machine", "doctor", "versions", "error", "failures", "repeat",
                     "workload-made-pair", "workload-wait-single"):
            self.assertIn(name, addresses)
        links = {attributes["href"][1:] for tag, attributes in words.tags
                 if tag == "a" and attributes.get("href")}
        self.assertEqual(links - set(addresses), set())

    def test_opens_with_the_answer(self) -> None:
        said = self.words()
        # glibc is cheapest in every comparison of this made-up run, by far more than its intervals.
        contests = len({(row["block"], row["family"]) for row in rows_of(self.folder / "comparisons.csv")
                        if row["metric"] == "ns_per_op"})
        self.assertIn(f"{contests} comparisons, each of one workload at one value", said)
        self.assertIn(f"glibc led most often: alone in {contests}.", said)
        self.assertLess(said.index("led most often"), said.index("Claims of stack and heap"))
        self.assertIn("where 5 % are expected", said)
        self.assertIn("This machine was never calibrated", said)

    def test_says_what_it_cannot_tell(self) -> None:
        self.edit("comparisons.csv", lambda content: content.replace(b",slower,", b",unresolved,40"))
        said = self.words()
        pairs = sum(row["metric"] == "ns_per_op" for row in rows_of(self.folder / "comparisons.csv"))
        self.assertIn(f"{pairs} of {pairs} pairs unresolved", said)
        self.assertIn("40 rounds in all would settle them", said)

    def test_the_run_s_own_false_positives(self) -> None:
        twins = rows_of(self.folder / "twins.csv")
        differing = sum(row["differs"] == "1" for row in twins)
        self.assertIn(f"{differing} of {len(twins)} twins", self.words())

    def test_failed_cells_with_their_logs_and_how_to_repeat(self) -> None:
        self.write(failing=3, log="status: crashed\nrepeat: worker --cell\n" + "x" * 20000 + "\nthe end")
        said = self.words()
        self.assertIn("3 samples failed", said)
        self.assertIn("signal 11 (segmentation fault), \"quoted\"", said)
        self.assertIn("repeat: worker --cell", said)
        self.assertIn("bytes are left out here; see logs/", said)
        self.assertIn("the end", said)
        self.assertIn("stackheap run --label 'a b'", said)
        self.assertIn("--seed 7", said)

    def test_machine_doctor_versions_and_hashes(self) -> None:
        said = self.words()
        for text in ("Example(R) CPU $9$ @ 3.00GHz", "turbo", "echo 1 > no_turbo", "cycles: no PMU",
                     "gcc 12.2.0", "ab" * 32, "0123456789abcdef"):
            self.assertIn(text, said)

    def test_nothing_that_a_run_says_becomes_html(self) -> None:
        folder = self.folder.parent / f"a{ATTACK.replace('/', '')}b"
        run = ReportRun(folder, ALLOCATORS, (1,), kinds=kinds(), failing=2, log=f"\x1b[31m{ATTACK}\0\n",
                        detail=f"exit <b>{ATTACK}", info={"label": ATTACK,
                                                          "command_line": ["stackheap", ATTACK],
                                                          "options": {"baseline": "glibc", "x": ATTACK}})
        run.write()
        page = self.page(folder)
        self.assertNotIn("<script>document", page.read_text())
        self.assertNotIn("\x1b", page.read_text())
        said = Words(page).all()
        self.assertGreaterEqual(said.count(ATTACK), 5)


class TheNumbers(ReportCase):
    def test_are_those_of_the_files(self) -> None:
        numbers = numbers_of(self.page())["runs"][0]
        cells = numbers["cells"]

        def place(at: int) -> tuple[str, str, str, str, int]:
            value = cells["value"][at]
            return (cells["workloads"][cells["workload"][at]], cells["variants"][cells["variant"][at]],
                    cells["allocators"][cells["allocator"][at]], "" if value is None else str(value),
                    cells["threads"][at])

        estimates = numbers["estimates"]
        shown = {(*place(cell), numbers["metrics"][metric]): (estimate, lower, upper) for
                 cell, metric, estimate, lower, upper in zip(*(estimates[name] for name in (
                     "cell", "metric", "estimate", "lower", "upper")))}
        rows = rows_of(self.folder / "summary.csv")
        self.assertEqual(len(shown), len(rows))
        for row in rows:
            key = (row["workload"], row["variant"], row["allocator"], row["parameter_value"],
                   int(row["threads"]), row["metric"])
            for value, name in zip(shown[key], ("estimate", "lower", "upper")):
                self.assertTrue(math.isclose(value, float(row[name]), rel_tol=1e-3), (key, name))
        ratios = numbers["ratios"]
        found = sorted(ratios["ratio"])
        wanted = sorted(float(row["ratio"]) for row in rows_of(self.folder / "comparisons.csv"))
        self.assertEqual(len(found), len(wanted))
        self.assertTrue(all(math.isclose(a, b, rel_tol=1e-4) for a, b in zip(found, wanted)))

    def test_tails_are_shares_of_all_operations(self) -> None:
        numbers = numbers_of(self.page())["runs"][0]
        cells = numbers["cells"]
        histogram: dict[int, dict[float, int]] = defaultdict(lambda: defaultdict(int))
        samples = {row["sample"]: row for row in rows_of(self.folder / "samples.csv")}
        for row in rows_of(self.folder / "latency.csv"):
            sample = samples[row["sample"]]
            at = next(at for at in range(len(cells["threads"]))
                      if cells["workloads"][cells["workload"][at]] == sample["workload"]
                      and cells["allocators"][cells["allocator"][at]] == sample["allocator"]
                      and cells["threads"][at] == int(sample["threads"]))
            histogram[at][float(row["upper_ns"])] += int(row["count"])
        every = {tail["cell"]: tail for tail in numbers["tails"] if tail["operation"] == ""}
        self.assertEqual(set(every), set(histogram))
        for cell, counts in histogram.items():
            tail = every[cell]
            total = sum(counts.values())
            self.assertEqual(tail["operations"], total)
            for share, time in zip(tail["longer"], tail["ns"]):
                longer = sum(count for upper, count in counts.items() if upper > time * 1.0001)
                self.assertTrue(math.isclose(share, longer / total, rel_tol=2e-3), (cell, time))
                self.assertGreaterEqual(longer, 100)

    def test_courses_of_memory_are_medians_around_the_moment_of_freeing(self) -> None:
        numbers = numbers_of(self.page())["runs"][0]
        lines = numbers["timelines"]
        self.assertEqual(len(lines), len(ALLOCATORS) * 2)
        samples = {row["sample"]: row for row in rows_of(self.folder / "samples.csv")}
        readings = defaultdict(list)
        for row in rows_of(self.folder / "timeline.csv"):
            readings[row["sample"]].append((float(row["elapsed_ms"]), int(row["resident_bytes"]),
                                            row["phase"]))
        cells = numbers["cells"]
        for line in lines:
            place = (cells["allocators"][cells["allocator"][line["cell"]]],
                     str(cells["threads"][line["cell"]]))
            at_zero = []
            for sample, rows in readings.items():
                if (samples[sample]["allocator"], samples[sample]["threads"]) == place:
                    freed = min(ms for ms, _, phase in rows if phase == "freed")
                    at_zero += [resident for ms, resident, _ in rows
                                if -line["step_ms"] / 2 <= ms - freed < line["step_ms"] / 2]
            zero = line["seconds"].index(0)
            self.assertEqual(line["median"][zero], int(statistics.median(at_zero)))
            self.assertEqual((line["low"][zero], line["high"][zero]), (min(at_zero), max(at_zero)))
            self.assertEqual(line["rounds"], 12)


class SeveralRuns(ReportCase):
    def test_stand_side_by_side_and_are_never_pooled(self) -> None:
        other = self.folder.parent / "other"
        ReportRun(other, ("glibc", "mimalloc"), (1, 2, 4), cpus=4, kinds=kinds(), rounds=8).write()
        page = self.page(self.folder, other, "--out", self.folder.parent / "both.html")
        numbers = numbers_of(page)
        self.assertEqual([run["name"] for run in numbers["runs"]], ["run", "other"])
        alone = numbers_of(self.page(self.folder))["runs"][0]
        self.assertEqual({**numbers["runs"][0], "address": ""}, {**alone, "address": ""})
        said = Words(page).all()
        shared = sum(row["candidate_allocator"] == "mimalloc" and row["metric"] == "ns_per_op"
                     for row in rows_of(self.folder / "comparisons.csv"))
        self.assertIn(f"{shared} pairs were compared in more than one run", said)
        for text in ("speed-up · run", "speed-up · other", "ratio · other", "Nothing is pooled"):
            self.assertIn(text, said)

    def test_runs_of_one_name_are_told_apart(self) -> None:
        twice = self.folder.parent / "x" / "run"
        ReportRun(twice, ALLOCATORS, (1, 2), kinds=kinds(), info={"label": "server"}).write()
        page = self.page(self.folder, twice, "--out", self.folder.parent / "both.html")
        self.assertEqual([run["name"] for run in numbers_of(page)["runs"]],
                         ["synthetic (run)", "server (run)"])


class Leaders(unittest.TestCase):
    @staticmethod
    def one(name: str, lower: float, upper: float, **more: Any) -> Contender:
        given = {"outcome": "better", "rounds_needed": math.nan, "floor": False, "inverted": False, **more}
        return Contender(name, (lower + upper) / 2, lower, upper, **given)

    def leading(self, *contenders: Contender) -> list[str]:
        return [one.name for one in leaders_of(contenders)]

    def test_one_that_is_certainly_best_leads_alone(self) -> None:
        self.assertEqual(self.leading(self.one("base", 1, 1), self.one("a", 0.5, 0.6),
                                      self.one("b", 0.7, 0.9)), ["a"])

    def test_those_whose_intervals_overlap_the_best_share_the_lead(self) -> None:
        self.assertEqual(self.leading(self.one("base", 1, 1), self.one("a", 0.5, 0.8),
                                      self.one("b", 0.7, 0.9), self.one("c", 0.85, 0.9)), ["a", "b"])

    def test_the_baseline_may_lead(self) -> None:
        self.assertEqual(self.leading(self.one("base", 1, 1), self.one("a", 1.1, 1.2)), ["base"])

    def test_where_more_is_better_the_largest_leads(self) -> None:
        self.assertEqual(self.leading(self.one("base", 1, 1, inverted=True),
                                      self.one("a", 1.4, 1.6, inverted=True)), ["a"])

    def test_a_floor_never_leads_and_no_interval_decides_nothing(self) -> None:
        self.assertEqual(self.leading(self.one("base", 1, 1), self.one("a", 0.1, 0.2, floor=True)), [])
        self.assertEqual(self.leading(self.one("base", 1, 1), self.one("a", math.nan, math.nan)), [])


class Parts(unittest.TestCase):
    def test_share_intervals_are_clopper_and_pearson_s(self) -> None:
        from scipy.stats import beta

        for k, n in ((0, 20), (1, 20), (5, 53), (20, 20), (250, 5000)):
            low, high = share_interval(k, n)
            self.assertAlmostEqual(low, beta.ppf(0.025, k, n - k + 1) if k else 0, 9)
            self.assertAlmostEqual(high, beta.ppf(0.975, k + 1, n - k) if k < n else 1, 9)

    def test_elements_escape_text_and_attributes(self) -> None:
        made = element("a", "<b>&", href='"><script>', class_="x", hidden=True, title=None)
        self.assertEqual(made, '<a href="&quot;&gt;&lt;script&gt;" class="x" hidden>&lt;b&gt;&amp;</a>')
        self.assertEqual(element("p", "a\0\x1b\n"), "<p>a\u2400\u241b\n</p>")

    def test_template_scripts_build_no_html_from_text(self) -> None:
        for path in (SOURCE / "scripts/stackheap_report/templates").glob("*.js"):
            found = re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(",
                               path.read_text())
            self.assertEqual(found, [], path)


if __name__ == "__main__":
    unittest.main()
