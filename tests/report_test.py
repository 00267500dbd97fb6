"""The page of scripts/report in a real browser: it draws, asks for nothing, and does what it offers."""

from __future__ import annotations

import csv
import math
import tempfile
import unittest
from pathlib import Path
from typing import Any

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from browser import Browser
from report_case import ALLOCATORS, report
from report_run import ReportRun, kinds

ATTACK = "<script>document.title='taken'</script>"
PAIR = '[data-figure="cells"][data-workload="made/pair"]'
# A figure's traces as plotly has them.
TRACES = """const root = document.querySelector(arguments[0]);
return figures.find((figure) => figure.root === root).panes.map((pane) => pane.plot.data.map((trace) => (
  {name: trace.name, x: trace.x, y: trace.y, error: trace.error_x, colour: trace.marker && trace.marker.color})));"""
SETTLED = """return Promise.all(figures.map((figure) => figure.turn)).then(() => (
  figures.every((figure) => !figure.wanted || figure.drawn)))"""


class Page(unittest.TestCase):
    browser: Browser

    @classmethod
    def setUpClass(cls) -> None:
        temporary = tempfile.TemporaryDirectory(prefix="stackheap-")
        cls.addClassCleanup(temporary.cleanup)
        cls.place = Path(temporary.name)
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.close)
        cls.page = cls.write()
        cls.browser.open(cls.page)
        cls.browser.all_drawn()

    @classmethod
    def write(cls) -> Path:
        raise NotImplementedError

    @classmethod
    def reported(cls, *arguments: Any) -> Path:
        result = report(*arguments)
        assert result.returncode == 0, result.stderr
        return Path(result.stdout.strip())

    def traces(self, figure: str = PAIR, pane: int = 0) -> list[dict[str, Any]]:
        self.browser.until(SETTLED)
        return self.browser.run(TRACES, figure)[pane]

    def names(self, figure: str = PAIR) -> list[str]:
        return sorted(trace["name"] for trace in self.traces(figure))

    def find(self, selector: str) -> Any:
        return self.browser.driver.find_element(By.CSS_SELECTOR, selector)

    def choose(self, label: str, text: str, figure: str = PAIR) -> None:
        for field in self.browser.driver.find_elements(By.CSS_SELECTOR, f"{figure} label"):
            if field.text.startswith(label):
                Select(field.find_element(By.TAG_NAME, "select")).select_by_visible_text(text)
                return
        self.fail(f"no control '{label}'")


class OneRun(Page):
    @classmethod
    def write(cls) -> Path:
        cls.folder = ReportRun(
            cls.place / f"a{ATTACK.replace('/', '')}b", ALLOCATORS, (1, 2), kinds=kinds(), failing=2,
            log=f"{ATTACK}\n", detail=ATTACK, info={"label": ATTACK}).write()
        return cls.reported(cls.folder)

    def rows(self, name: str) -> list[dict[str, str]]:
        with (self.folder / name).open(newline="") as stream:
            return list(csv.DictReader(stream))

    def at(self, rows: list[dict[str, str]], **wanted: str) -> list[dict[str, str]]:
        return [row for row in rows if all(row[name] == value for name, value in wanted.items())]

    def setUp(self) -> None:
        self.browser.size(1440, 1000)
        self.browser.media()
        self.browser.open(self.page)
        self.browser.until("return figures.length > 0 && document.querySelectorAll('#allocators .chip').length > 0")

    def show_pair(self) -> None:
        self.browser.run("document.querySelector(arguments[0]).scrollIntoView()", PAIR)
        self.browser.until("return document.querySelector(arguments[0]).dataset.state === 'drawn'", PAIR)

    def test_every_figure_draws_and_the_browser_has_nothing_to_complain_of(self) -> None:
        self.browser.all_drawn()
        states = self.browser.run("return figures.map((figure) => [figure.title, figure.root.dataset.state])")
        self.assertEqual([state for state in states if state[1] != "drawn"], [])
        kinds_drawn = set(self.browser.run("return figures.map((figure) => figure.root.dataset.figure)"))
        self.assertEqual(kinds_drawn, {"cells", "contention", "pareto", "timeline", "latency", "twins",
                                       "anchors"})
        # Something stands on each canvas: as many paths as a figure has points, or more.
        empty = self.browser.run("""return figures.filter((figure) => figure.panes.some((pane) => (
            !pane.plot.querySelector('.scatterlayer path, .barlayer path')
            || pane.plot.getBoundingClientRect().height < 150))).map((figure) => figure.title)""")
        self.assertEqual(empty, [])
        console, requests = self.browser.logs()
        self.assertEqual((console, requests), ([], []))

    def test_what_a_run_says_stays_text(self) -> None:
        self.assertEqual(self.browser.driver.title, f"stackheap: {self.folder.name}")
        taken = "return [...document.scripts].filter((one) => one.text.includes('<script>document')).length"
        self.assertEqual(self.browser.run(taken), 0)
        log = self.find("details.log pre").get_attribute("textContent")
        self.assertEqual(log, f"{ATTACK}\n")
        self.assertIn(ATTACK, self.find(".run").text)

    def test_a_figure_draws_the_estimates_and_intervals_of_the_files(self) -> None:
        self.show_pair()
        self.choose("order", "side by side")
        self.choose("threads", "2")
        shown = {trace["name"]: trace for trace in self.traces()}
        rows = self.at(self.rows("summary.csv"), workload="made/pair", variant="malloc", threads="2",
                       metric="ns_per_op", parameter_value=self.chosen_value())
        self.assertEqual(set(shown), {row["allocator"] for row in rows})
        for row in rows:
            trace = shown[row["allocator"]]
            self.assertTrue(math.isclose(trace["x"][0], float(row["estimate"]), rel_tol=1e-3))
            self.assertTrue(math.isclose(trace["error"]["array"][0], float(row["upper"]) - float(
                row["estimate"]), rel_tol=0.05))

    def chosen_value(self) -> str:
        return self.browser.run("""const root = document.querySelector(arguments[0]);
            return figures.find((figure) => figure.root === root).chosen.value""", PAIR)

    def test_allocators_are_switched_off_and_on_in_all_figures_by_mouse_and_by_keyboard(self) -> None:
        self.browser.all_drawn()
        self.assertEqual(self.names(), sorted(ALLOCATORS))
        chip = self.find('#allocators [data-name="jemalloc"]')
        chip.click()
        self.assertEqual(self.names(), ["glibc", "mimalloc"])
        contention = '[data-figure="contention"]'
        labels = {label for trace in self.traces(contention) for label in trace["y"]}
        self.assertEqual({label.split(" ")[0] for label in labels}, {"glibc", "mimalloc"})
        self.assertEqual(chip.get_attribute("aria-pressed"), "false")
        chip.send_keys(Keys.SPACE)
        self.assertEqual(self.names(), sorted(ALLOCATORS))
        self.find(f'{PAIR} [data-name="glibc"]').click()
        self.assertEqual(self.names(), ["jemalloc", "mimalloc"])
        self.assertEqual(self.find('#allocators [data-name="glibc"]').get_attribute("aria-pressed"), "false")

    def test_ratios_are_those_of_comparisons_and_only_against_the_run_s_baseline(self) -> None:
        self.show_pair()
        self.choose("order", "side by side")
        self.choose("show", "ratios to the baseline")
        shown = {trace["name"]: trace["x"][0] for trace in self.traces()}
        threads = self.browser.run("""const root = document.querySelector(arguments[0]);
            return figures.find((figure) => figure.root === root).chosen.threads""", PAIR)
        rows = self.at(self.rows("comparisons.csv"), workload="made/pair", metric="ns_per_op",
                       threads=threads, parameter_value=self.chosen_value())
        self.assertEqual(set(shown), {row["candidate_allocator"] for row in rows})
        for row in rows:
            self.assertTrue(math.isclose(shown[row["candidate_allocator"]], float(row["ratio"]),
                                         rel_tol=1e-4))
        Select(self.find("#baseline")).select_by_visible_text("mimalloc")
        shown = {trace["name"]: trace["x"][0] for trace in self.traces()}
        values = {row["allocator"]: float(row["estimate"]) for row in self.at(
            self.rows("summary.csv"), workload="made/pair", metric="ns_per_op", variant="malloc",
            threads=threads, parameter_value=self.chosen_value())}
        self.assertEqual(shown.keys(), values.keys())
        for name, value in values.items():
            self.assertTrue(math.isclose(shown[name], value, rel_tol=1e-3))
        self.assertIn("a ratio to mimalloc would have no interval", self.find(f"{PAIR} .note").text)

    def test_another_metric_and_another_comparison_are_drawn(self) -> None:
        self.show_pair()
        before = self.traces()
        self.choose("metric", "peak_rss_bytes")
        self.assertNotEqual(self.traces()[0]["y"], before[0]["y"])
        self.choose("compare", "variants")
        self.choose("metric", "ns_per_op")
        self.assertEqual(self.names(), ["malloc", "no-alloc"])

    def test_hovering_tells_value_interval_and_samples(self) -> None:
        self.show_pair()
        self.choose("order", "side by side")
        self.traces()
        point = self.find(f"{PAIR} .scatterlayer .trace .points path")
        ActionChains(self.browser.driver).move_to_element(point).perform()
        self.browser.until("return document.querySelector(arguments[0] + ' .hoverlayer text')", PAIR)
        said = self.find(f"{PAIR} .hoverlayer").get_attribute("textContent")
        self.assertRegex(said, r"[\d.]+ ns \([\d.]+ ns – [\d.]+ ns\)")
        self.assertIn("12 of 12 samples", said)

    def test_tables_sort_by_number_both_ways_and_by_keyboard(self) -> None:
        table = self.find("#error table")
        heading = next(button for button in table.find_elements(By.CSS_SELECTOR, "th button")
                       if "twin / itself" in button.text)

        def ratios() -> list[float]:
            return [float(row.find_elements(By.TAG_NAME, "td")[4].text.split()[0])
                    for row in table.find_elements(By.CSS_SELECTOR, "tbody tr")]

        self.assertGreater(len(set(ratios())), 1)
        heading.click()
        self.assertEqual(ratios(), sorted(ratios()))
        heading.send_keys(Keys.ENTER)
        self.assertEqual(ratios(), sorted(ratios(), reverse=True))
        cell = heading.find_element(By.XPATH, "..")
        self.assertEqual(cell.get_attribute("aria-sort"), "descending")

    def test_a_figure_has_its_numbers_as_a_table(self) -> None:
        self.show_pair()
        self.find(f"{PAIR} summary").click()
        self.browser.until("return document.querySelector(arguments[0] + ' table')", PAIR)
        text = self.find(f"{PAIR} table").text
        for word in ("jemalloc", "size 64 B · 2 threads", "12 of 12", "slower", "malloc on glibc"):
            self.assertIn(word, text)

    def test_the_layout_holds_on_a_phone_and_on_a_desk(self) -> None:
        self.browser.all_drawn()
        for width, height in ((390, 844), (1440, 1000)):
            self.browser.size(width, height)
            self.browser.until("return Math.max(...figures.map((figure) => figure.panes[0].plot.querySelector('svg').getBoundingClientRect().right)) <= innerWidth")
            self.assertLessEqual(self.browser.run("return document.documentElement.scrollWidth"), width)
            # What is wider than the page scrolls by itself.
            wide = self.browser.run("""return [...document.querySelectorAll('main *')].filter((node) => (
                !node.closest('.scroll, svg, pre, details:not([open])') && node.getClientRects().length
                && node.getBoundingClientRect().right > innerWidth + 1)).map((node) => node.outerHTML.slice(0, 80))""")
            self.assertEqual(wide, [])
            narrow = self.browser.run("return figures.filter((figure) => figure.panes[0].plot.clientWidth < 300).length")
            self.assertEqual(narrow, 0)

    def test_dark_by_the_system_and_by_the_switch_figures_included(self) -> None:
        self.show_pair()

        def look() -> tuple[str, str]:
            ground = self.browser.run("return getComputedStyle(document.body).backgroundColor")
            return ground, next(t["colour"] for t in self.traces() if t["name"] == "glibc")

        light = look()
        self.browser.media(scheme="dark")
        self.browser.until("return getComputedStyle(document.body).backgroundColor !== arguments[0]", light[0])
        dark = look()
        self.assertNotEqual(dark[1], light[1])
        switch = self.find("#theme")
        switch.click()
        self.assertEqual((switch.text, look()), ("theme: light", light))
        switch.send_keys(Keys.ENTER)
        self.assertEqual((switch.text, look()), ("theme: dark", dark))
        switch.click()

    def test_a_link_into_a_closed_part_opens_it(self) -> None:
        link = self.find("#failures a[href^='#log-']")
        self.browser.run("arguments[0].scrollIntoView()", link)
        target = link.get_attribute("href").split("#")[1]
        self.assertFalse(self.browser.run("return document.getElementById(arguments[0]).open", target))
        link.click()
        self.browser.until("return document.getElementById(arguments[0]).open", target)

    def test_on_paper_there_are_no_controls(self) -> None:
        self.show_pair()
        self.browser.media("print")
        hidden = self.browser.run("""return ['.top', '.controls'].map((name) => (
            getComputedStyle(document.querySelector(name)).display))""")
        self.assertEqual(hidden, ["none", "none"])

    def test_the_keyboard_comes_first_to_the_answer_and_escape_closes_the_menu(self) -> None:
        self.find("body").send_keys(Keys.TAB)
        self.assertEqual(self.browser.run("return document.activeElement.className"), "skip")
        summary = self.find(".menu summary")
        summary.send_keys(Keys.ENTER)
        self.assertTrue(self.browser.run("return document.querySelector('.menu').open"))
        summary.send_keys(Keys.ESCAPE)
        self.assertFalse(self.browser.run("return document.querySelector('.menu').open"))


class SeveralRuns(Page):
    @classmethod
    def write(cls) -> Path:
        folders = [ReportRun(cls.place / name, ALLOCATORS, (1, 2), cpus=cpus, kinds=kinds()[:2]).write()
                   for name, cpus in (("laptop", 2), ("server", 1))]
        return cls.reported(*folders, "--out", cls.place / "both.html", "--baseline", "jemalloc")

    def test_each_has_a_pane_and_their_axes_agree(self) -> None:
        panes = self.browser.run(f"""const root = document.querySelector('{PAIR}');
            return figures.find((figure) => figure.root === root).panes.map((pane) => [
              pane.run.name, pane.plot.layout.yaxis.range, pane.plot.data.length])""")
        self.assertEqual([pane[0] for pane in panes], ["laptop", "server"])
        self.assertEqual(panes[0][1], panes[1][1])
        self.assertEqual([pane[2] for pane in panes], [3, 3])
        self.assertNotEqual(self.traces(pane=0)[0], self.traces(pane=1)[0])
        self.assertEqual(self.browser.logs(), ([], []))

    def test_the_baseline_is_the_one_that_was_asked_for(self) -> None:
        self.assertEqual(self.find("#baseline").get_attribute("value"), "jemalloc")

    def test_without_decompression_the_page_says_so_and_keeps_its_text(self) -> None:
        self.browser.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument",
                                            {"source": "delete window.DecompressionStream"})
        self.browser.open(self.page)
        self.browser.until("return !document.getElementById('trouble').hidden")
        self.assertIn("no DecompressionStream", self.find("#trouble").text)
        self.assertIn("comparisons, each of one workload", self.find("#answer").text)


if __name__ == "__main__":
    unittest.main()
