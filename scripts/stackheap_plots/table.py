"""A CSV file of a run, read strictly.

pandas.read_csv alone would guess types, turn an allocator called "NA" into a gap and accept a
spreadsheet's rewritten file; a silently shifted column is a wrong number in someone's paper. Every
complaint names file, line and remedy.
"""

from __future__ import annotations

import csv
import difflib
import math
from pathlib import Path
from typing import Any, Callable, Iterable

import numpy as np
import pandas as pd


class PlotError(Exception):
    """A user's mistake or a damaged folder; the message names the remedy."""


def text(field: str) -> str:
    return field


def number(field: str) -> float:
    """NaN where the field is empty, which means "not available"."""
    if field == "":
        return math.nan
    value = float(field)
    if not math.isfinite(value):
        raise ValueError
    return value


def count(field: str) -> int:
    value = int(field)
    if value < 0:
        raise ValueError
    return value


def flag(field: str) -> bool:
    known = {"0": False, "1": True, "false": False, "true": True}
    if field not in known:
        raise ValueError
    return known[field]


Converter = Callable[[str], Any]
EXPECTED: dict[Converter, str] = {
    number: "a number or nothing",
    count: "a whole number",
    flag: "0 or 1",
}


def rewrite(path: Path) -> str:
    return f"restore it, or write it again with 'stackheap summarize {path.parent}'"


def is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def refuse_spreadsheet(path: Path, remedy: str) -> None:
    """A spreadsheet that saves a CSV may also have rewritten its numbers and names."""
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            found = ""
            if number == 1 and line.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
                found = "a byte-order mark"
            elif number == 1 and b";" in line and b"," not in line:
                found = "semicolons where commas should be"
            elif line.endswith(b"\r\n"):
                found = "a line end of CR LF"
            if not found and not is_utf8(line):
                found = "bytes that are not UTF-8"
            if found:
                raise PlotError(f"{path}:{number}: {found}: a spreadsheet has rewritten the file, "
                                f"perhaps its numbers too; {remedy}.")


def check_header(path: Path, header: list[str], columns: Iterable[str], remedy: str) -> None:
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise PlotError(f"{path}:1: column {', '.join(repeated)} stands there twice; {remedy}.")
    missing = [name for name in columns if name not in header]
    if not missing:
        return
    near = {name: difflib.get_close_matches(name, header, n=1) for name in missing}
    unknown = [f"'{match[0]}'" for match in near.values() if match and match[0] not in columns]
    seen = (f"it has {', '.join(unknown)}, which stackheap does not write" if unknown else
            f"it begins with '{','.join(header)[:60]}'")
    raise PlotError(f"{path}:1: no column {', '.join(missing)}; {seen}. Was it edited, or written by "
                    f"another version? {remedy[0].upper()}{remedy[1:]}.")


def further_columns(path: Path, header: list[str], known: Iterable[str]) -> list[str]:
    """What is said of columns that stackheap does not write: they change nothing that is drawn."""
    names = [name for name in header if name not in set(known)]
    if not names:
        return []
    return [f"{path}:1: left aside what stackheap does not write: column {', '.join(names)}."]


def read_table(path: Path, columns: dict[str, Converter], also: Iterable[str] | None = None,
               remarks: list[str] | None = None, remedy: str = "",
               torn: bool = False) -> pd.DataFrame:
    """The named columns of a CSV file, plus `line`. Further ones are left aside, with a remark where
    `also` names what else may be there. `torn`: a last line that was cut off is, too."""
    remedy = remedy or rewrite(path)
    lines: list[int] = []
    cells: dict[str, list[Any]] = {name: [] for name in columns}
    refuse_spreadsheet(path, remedy)
    last = cut_off_line(path) if torn else 0
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            header = next(reader, [])
            check_header(path, header, columns, remedy)
            if also is not None and remarks is not None:
                remarks += further_columns(path, header, [*columns, *also])
            places = {name: header.index(name) for name in columns}
            line = reader.line_num + 1
            for row in reader:
                if last and reader.line_num >= last:
                    break
                if len(row) != len(header):
                    raise PlotError(f"{path}:{line}: {len(row)} fields where the header has "
                                    f"{len(header)}; {remedy}.")
                for name, convert in columns.items():
                    field = row[places[name]]
                    try:
                        cells[name].append(convert(field))
                    except ValueError:
                        raise PlotError(f"{path}:{line}: column {name}: '{field}' is not "
                                        f"{EXPECTED[convert]}; {remedy}.") from None
                lines.append(line)
                line = reader.line_num + 1
    except csv.Error as error:
        # A line that was cut off within quotes is no CSV, and is left aside all the same.
        if not last or reader.line_num < last:
            raise PlotError(f"{path}:{reader.line_num}: not CSV: {error}; {remedy}.") from None
    table = pd.DataFrame(cells)
    table["line"] = lines
    return table


def cut_off_line(path: Path) -> int:
    """Number of a last line without an end; 0 where there is none."""
    content = path.read_bytes()
    return 0 if not content or content.endswith(b"\n") else content.count(b"\n") + 1


def is_ragged(path: Path) -> bool:
    """A line has another number of fields than the header, which pandas would fill up. Lines with
    quotes are not looked at: they are few, and of free text."""
    with path.open("rb") as stream:
        commas = stream.readline().count(b",")
        return any(line.count(b",") != commas for line in stream if b'"' not in line)


KINDS: dict[Converter, str] = {text: "object", number: "float64", count: "int64"}


def read_columns(path: Path, columns: dict[str, Converter], remedy: str,
                 torn: bool = False) -> pd.DataFrame:
    """As read_table, of text, numbers and counts, without `line`, for files of a million rows:
    pandas reads them, and only what it stumbles over is read again, to name the line."""
    refuse_spreadsheet(path, remedy)
    if is_ragged(path) or (torn and cut_off_line(path)):
        return read_table(path, columns, remedy=remedy, torn=torn)[list(columns)]
    texts = [name for name, kind in columns.items() if kind is text]
    try:
        table = pd.read_csv(path, usecols=list(columns), dtype=dict.fromkeys(texts, "object"),
                            keep_default_na=False, encoding="utf-8",
                            na_values={name: [""] for name in columns if name not in texts})
        table = table.astype({name: KINDS[kind] for name, kind in columns.items()})
        counts = [name for name, kind in columns.items() if kind is count]
        numbers = [name for name, kind in columns.items() if kind is number]
        if (not table[texts].isna().any(axis=None) and bool((table[counts] >= 0).all(axis=None))
                and not np.isinf(table[numbers].to_numpy()).any()):
            return table[list(columns)]
    except (ValueError, pd.errors.ParserError):  # a UnicodeDecodeError is a ValueError
        pass
    return read_table(path, columns, remedy=remedy)[list(columns)]


def refuse_repeats(table: pd.DataFrame, key: list[str], path: Path, remedy: str = "") -> None:
    repeated = table[table.duplicated(key)]
    if not repeated.empty:
        row = repeated.iloc[0]
        what = " ".join(str(row[name]) for name in key)
        raise PlotError(f"{path}:{row['line']}: a second row for {what}; {remedy or rewrite(path)}.")
