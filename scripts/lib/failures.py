"""Names the failed tests of a JUnit report of ctest, each with the end of what it printed.

usage: failures.py PRESET REPORT     A name stands at the start of a line, what was printed is indented.
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree

LAST_LINES = 25
LONGEST_LINE = 300


def main(preset: str, report: str) -> None:
    for case in ElementTree.parse(report).iter("testcase"):
        if case.get("status") != "fail":
            continue
        print(f"{preset}: {case.get('name')}")
        printed = (case.findtext("system-out") or "").rstrip().splitlines()
        for line in printed[-LAST_LINES:]:
            print(f"  {line[:LONGEST_LINE]}")


if __name__ == "__main__":
    main(*sys.argv[1:])
