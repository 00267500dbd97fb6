"""scripts/report and folders of `stackheap stress`: what the page says, and what is refused."""

from __future__ import annotations

import csv
import tempfile
import unittest
from collections import Counter
from pathlib import Path
from typing import Any

import report_test
from report_case import ReportCase, Tables, Words, numbers_of
from report_run import ReportRun, kinds
from report_stress import check_run, check_runs, write_stress
from support import needs_allocators, stackheap

ATTACK = "<script>document.title='taken'</script>"


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


class StressCase(ReportCase):
    def write(self, **options: Any) -> Path:
        self.folder.mkdir(exist_ok=True)
        return write_stress(self.folder, **options)

    def tables(self, *arguments: str | Path) -> dict[str, list[list[str]]]:
        return Tables(self.page(*arguments)).found


class Checks(StressCase):
    def test_count_check_runs_by_verdict_and_allocator(self) -> None:
        header, *body = self.tables()["Check-runs by verdict"]
        counts: Counter[tuple[str, str]] = Counter()
        for row in rows_of(self.folder / "stress.csv"):
            known = {"new": ", new", "known": ", known"}.get(row["known"], "")
            counts[row["allocator"], row["verdict"] + known] += 1
        self.assertEqual([row[0] for row in body], ["glibc", "bare", "none"])
        for row in body:
            self.assertEqual({name: int(field) for name, field in zip(header[1:-1], row[1:-1])},
                             {name: counts[row[0], name] for name in header[1:-1]})
            self.assertEqual(int(row[-1]), sum(map(int, row[1:-1])))
        self.assertEqual(sum(int(row[-1]) for row in body), sum(counts.values()))

    def test_a_verdict_that_is_not_known_is_counted_all_the_same(self) -> None:
        self.write(rows=[check_run("blocks/mixed", "glibc", "astonishing")], misuse=False)
        header, row, *_ = self.tables()["Check-runs by verdict"]
        self.assertEqual(row[header.index("astonishing")], "1")

    def test_name_each_failure_with_detail_command_and_log(self) -> None:
        page = self.page()
        body = Tables(page).found["Unsafe or failed"][1:]
        failed = [row for row in rows_of(self.folder / "stress.csv")
                  if row["verdict"] in ("unsafe", "failed")]
        self.assertEqual([row[:5] for row in body], [
            [row["allocator"], row["check"], row["threads"], row["seed"], row["verdict"]]
            for row in failed])
        for shown, row in zip(body, failed):
            self.assertEqual(shown[5], f"{row['detail']}repeat it{row['command']}")
        said = Words(page).all()
        for text in ("Of 14 check-runs: 1 unsafe and 1 failed.", "log of row 2", "log of row 3",
                     "1 in new ways, 2 in known ones"):
            self.assertIn(text, said)

    def test_show_deviations_once_with_new_ones_first(self) -> None:
        body = self.tables()["Deviations"][1:]
        self.assertEqual([row[:4] + row[5:] for row in body], [
            ["bare", "blocks/huge", "new", "block-of-huge-malloc and block-of-huge-calloc", "1"],
            ["glibc", "blocks/huge", "known", "errno-of-huge-valloc", "2"]])
        self.assertIn("errno 0 at 0x1", body[1][4])
        self.assertIn("worker --check blocks/huge --seed 7", body[1][4])

    def test_show_whether_longer_lives_take_more_memory(self) -> None:
        caption = "Peak resident memory of the checks' processes, pass by pass"
        mib = 1 << 20
        self.write(rows=[check_run("blocks/mixed", "glibc")], misuse=False)
        self.assertNotIn(caption, self.tables())  # one pass shows nothing
        self.write(rows=[
            check_run("blocks/mixed", "glibc", peak_resident_bytes=900 * mib, **{"pass": 0}),
            check_run("blocks/mixed", "glibc", peak_resident_bytes=10 * mib),
            check_run("blocks/huge", "glibc", peak_resident_bytes=20 * mib),
            check_run("blocks/mixed", "glibc", peak_resident_bytes=30 * mib, budget_seconds=8,
                      **{"pass": 2}),
            check_run("blocks/huge", "glibc", peak_resident_bytes=20 * mib, **{"pass": 2}),
            check_run("blocks/huge", "bare", "unsafe", peak_resident_bytes="", **{"pass": 2})],
                   misuse=False)
        self.assertEqual(self.tables()[caption][1:], [
            ["glibc", "1", "2", "0.1 s", "20 MiB", "1", "1"],
            ["glibc", "2", "2", "8 s", "30 MiB", "2", "3"]])

    def test_say_what_was_run(self) -> None:
        self.assertEqual(dict(self.tables()["What was run"][1:]), {
            "checks": "6", "allocators": "glibc, bare, none", "check-runs": "14 in 3 passes",
            "time in their processes": "3.25 s", "operations": "13,000", "seed": "7", "CPUs": "2",
            "kernel": "6.1.0-example", "started (UTC)": "2026-01-02T03:04:05Z", "stackheap": "0.1.0"})
        said = self.words()
        for text in ("stackheap stress --label 'a b'", "--seed 7", "ef" * 32, "there is no realloc",
                     "realloc-zero=null", "valloc leaves errno"):
            self.assertIn(text, said)
        self.assertNotIn("PARTIAL", said)

    def test_say_what_did_not_come_to_its_end(self) -> None:
        self.write(rows=check_runs()[:-3], misuse=False)
        path = self.folder / "stress.csv"
        path.write_bytes(path.read_bytes() + b'misuse/double-free,bare,1,7,1000,recorded,"of a torn')
        said = self.words()
        self.assertIn("PARTIAL: not all of these checks", said)
        self.assertIn("The last row of stress.csv was cut off", said)
        self.assertIn("misuse/double-free under bare, misuse/overflow-by-one.", said)
        self.assertIn("misuse.csv is not there: the checks were cut short", said)

    def test_without_a_single_check_run_nothing_is_claimed(self) -> None:
        self.write(rows=[], misuse=False)
        said = self.words()
        self.assertIn("No check-run is there.", said)
        self.assertNotIn("None of", said)


class Misuse(StressCase):
    def test_each_cell_is_a_row_of_the_file(self) -> None:
        tables = self.tables()
        rows = rows_of(self.folder / "misuse.csv")
        shown = 0
        for kind, caption in (("double-free", "double-free: 2 cases"),
                              ("overflow-by-one", "overflow-by-one: 1 case")):
            header, *body = tables[caption]
            for line in body:
                for case, cell in zip(header[1:], line[1:]):
                    row = next(row for row in rows if (row["allocator"], row["misuse"], row["case"]) ==
                               (line[0], kind, case))
                    self.assertEqual(cell.split(), " ".join((row["outcome"], row["when"],
                                                             row["how"])).split())
                    shown += 1
        self.assertEqual(shown, len(rows))

    def test_the_overview_counts_what_was_caught_and_what_became_of_the_others(self) -> None:
        found = self.tables()["Misuse: cases that were caught, and what became of the others"]
        self.assertEqual(found, [
            ["allocator", "double-free", "overflow-by-one"],
            ["glibc", "caught 1 of 2 1 at once · 1 crashed", "caught 1 of 1 1 later"],
            ["bare", "caught 0 of 2 1 reported · 1 silent", "caught 0 of 1 1 harmless"]])

    def test_a_run_without_such_checks_says_how_to_make_them(self) -> None:
        self.write(rows=[check_run("blocks/mixed", "glibc")], misuse=False)
        self.assertIn("stackheap stress --check 'misuse/*'", self.words())


class ThePage(StressCase):
    def test_of_checks_alone_is_small_and_its_links_lead_somewhere(self) -> None:
        page = self.page()
        self.assertEqual(page, self.folder / "report.html")
        self.assertLess(page.stat().st_size, 5e5)
        self.links_lead_somewhere(page, "checks", "misuse", "versions", "repeat")

    def links_lead_somewhere(self, page: Path, *wanted: str) -> None:
        tags = Words(page).tags
        addresses = [attributes["id"] for _, attributes in tags if "id" in attributes]
        self.assertEqual(len(addresses), len(set(addresses)))
        links = {str(attributes["href"])[1:] for tag, attributes in tags
                 if tag == "a" and attributes.get("href")}
        self.assertEqual(links - set(addresses), set())
        self.assertLessEqual(set(wanted), set(addresses) & links)

    def test_of_runs_and_checks_has_the_sections_of_both(self) -> None:
        runs = [ReportRun(self.folder.parent / name, ("glibc",), (1,), kinds=kinds()[:2]).write()
                for name in ("a", "b")]
        other = write_stress(self.folder.parent / "other" / "run", seed=99)
        page = self.page(self.folder, *runs, other, "--out", self.folder.parent / "all.html")
        self.links_lead_somewhere(page, "answer", "machine", "checks", "checks-stress-1",
                                  "misuse-stress-4", "failures", "repeat")
        self.assertEqual([run["name"] for run in numbers_of(page)["runs"]],
                         ["synthetic (a)", "synthetic (b)"])
        said = Words(page).all()
        for text in ("2 runs, side by side", "run #1", "run #2", "seed 99"):
            self.assertIn(text, said)

    def test_is_unchanged_in_a_run_s_own_sections_by_checks_beside_it(self) -> None:
        run = ReportRun(self.folder.parent / "a", ("glibc", "jemalloc"), (1,), kinds=kinds()[:2]).write()
        alone = numbers_of(self.page(run, "--out", self.folder.parent / "alone.html"))
        both = numbers_of(self.page(run, self.folder, "--out", self.folder.parent / "both.html"))
        self.assertEqual(alone, both)

    def test_nothing_that_checks_say_becomes_html(self) -> None:
        self.write(attack=ATTACK, kernel=ATTACK, command_line=["stackheap", ATTACK])
        page = self.page()
        self.assertNotIn("<script>document", page.read_text())
        self.assertNotIn("<b>not mine", page.read_text())
        self.assertGreaterEqual(Words(page).all().count(ATTACK), 4)

    @needs_allocators
    def test_reads_what_the_program_writes(self) -> None:
        out = self.folder.parent / "real"
        done = stackheap("stress", "--check", "misuse/overflow-by-one", "--check", "blocks/zero-size",
                         "--allocator", "glibc", "--out", out)
        self.assertEqual(done.returncode, 0, done.stderr)
        tables = self.tables(out)
        self.assertEqual([row[0] for row in tables["overflow-by-one: 3 cases"]], ["allocator", "glibc"])
        self.assertEqual(int(tables["Check-runs by verdict"][1][-1]), len(rows_of(out / "stress.csv")))


class Refused(StressCase):
    def test_options_that_cannot_be_meant(self) -> None:
        self.refuse(self.folder, "--baseline", "glibc", says=("--baseline glibc: checks have none",))
        self.refuse(self.folder, self.folder, says=("several folders", "--out FILE"))

    def test_folders_that_lack_a_file(self) -> None:
        for name in ("stress.json", "stress.csv"):
            self.write()
            path = self.folder / name
            path.unlink()
            self.refuse(says=(f"{path}: no such file", "copy of the run"))

    def test_files_that_a_spreadsheet_rewrote(self) -> None:
        edits = ((lambda content: b"\xef\xbb\xbf" + content, ":1: a byte-order mark"),
                 (lambda content: content.replace(b"\n", b"\r\n"), ":1: a line end of CR LF"),
                 (lambda content: content.replace(b",", b";"), ":1: semicolons"),
                 (lambda content: content[:-1] + b"\xff\n", "bytes that are not UTF-8"))
        for place, (change, complaint) in enumerate(edits):
            name = ("stress.csv", "misuse.csv")[place % 2]
            with self.subTest(name, complaint=complaint):
                self.write()
                path = self.edit(name, change)
                self.refuse(says=(f"{path}:", complaint, "restore it from a copy of the run"))

    def test_columns_that_are_missing_or_unknown(self) -> None:
        for name, column in (("stress.csv", b"verdict"), ("misuse.csv", b"outcome")):
            with self.subTest(name):
                self.write()
                path = self.edit(name, lambda content: content.replace(column, b"state", 1))
                self.refuse(says=(f"{path}:1: column 'state' is not one that stackheap writes",))
                self.write()
                path = self.edit(name, lambda content: b"".join(
                    b",".join(line.split(b",")[:-1]) + b"\n" for line in content.splitlines()))
                self.refuse(says=(f"{path}:1: no column ", "Restore it from a copy of the run"))

    def test_rows_that_are_damaged_or_of_another_run_naming_their_line(self) -> None:
        edits: tuple[tuple[str, bytes, bytes, str], ...] = (
            ("stress.csv", b"glibc,", b"glibc,x", "is not a whole number"),
            ("stress.csv", b"glibc,", b"", "fields where the header has"),
            ("stress.csv", b"glibc,", b"other,", "'other' is not in stress.json"),
            ("stress.csv", b"blocks/mixed,", b"blocks/up,", "'blocks/up' is not in stress.json"),
            ("misuse.csv", b"glibc,", b"other,", "under other is not in stress.csv"))
        for name, old, new, complaint in edits:
            with self.subTest(name, new=new):
                self.write()
                path = self.edit(name, lambda content: content.replace(old, new, 1))
                self.refuse(says=(f"{path}:2: ", complaint))
        self.write()
        path = self.edit("misuse.csv", lambda content: content + content.splitlines()[1] + b"\n")
        self.refuse(says=(f"{path}:8: a second row for glibc double-free small", "copy of the run"))

    def test_a_description_that_is_none(self) -> None:
        path = self.folder / "stress.json"
        for text, complaint in (("{", "not JSON"), ('{"version": 9}', "version 9"),
                                ('{"version": 1, "checks": []}', "no list 'allocators'")):
            path.write_text(text)
            self.refuse(says=(f"{path}: ", complaint))


class InABrowser(report_test.Page):
    @classmethod
    def write(cls) -> Path:
        run = ReportRun(cls.place / "run", ("glibc", "jemalloc"), (1,), kinds=kinds()[:1]).write()
        checks = write_stress(cls.place / "checks", attack=ATTACK)
        return cls.reported(run, checks, "--out", cls.place / "page.html")

    def test_checks_hold_on_a_phone_without_an_error(self) -> None:
        self.browser.size(390, 844)
        self.browser.until("return document.documentElement.scrollWidth <= 390")
        self.assertTrue(self.find("#misuse table").is_displayed())
        wide = self.browser.run("""return [...document.querySelectorAll('#checks *, #misuse *')].filter(
            (node) => !node.closest('.scroll, pre, details:not([open])') && node.getClientRects().length
            && node.getBoundingClientRect().right > innerWidth + 1).map((node) => node.outerHTML)""")
        self.assertEqual(wide, [])
        self.assertEqual(self.browser.logs(), ([], []))

    def test_a_column_of_misuse_sorts_by_what_was_caught(self) -> None:
        self.browser.size(1440, 1000)
        self.find("#misuse th:nth-child(2) button").click()
        first = "#misuse tbody tr:first-child td:first-child"
        self.assertEqual(self.find(first).text, "bare")
        self.find("#misuse th:nth-child(2) button").click()
        self.assertEqual(self.find(first).text, "glibc")

    def test_a_page_of_checks_alone_starts_without_figures(self) -> None:
        with tempfile.TemporaryDirectory(prefix="stackheap-") as folder:
            alone = self.reported(write_stress(Path(folder) / "alone"))
            self.browser.open(alone)
            self.browser.all_drawn()
            self.assertEqual(self.browser.logs(), ([], []))
            self.assertFalse(self.find("#trouble").is_displayed())
            self.assertEqual(self.browser.driver.title, "stackheap: alone")
        self.browser.open(self.page)
        self.browser.all_drawn()


if __name__ == "__main__":
    unittest.main()
