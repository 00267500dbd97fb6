"""Reading the CSV files of a run: strictly, and the big ones fast.

A file is one that stackheap wrote, or the report is not made: a column that it does not know, a field
too few or a spreadsheet's semicolons would be a wrong number on a page that people cite. The readers
of big files are pandas' own; where one of them stumbles, the slow reader finds the line.
"""

from __future__ import annotations

import codecs
import csv
import io
from pathlib import Path
from typing import Any, BinaryIO, Mapping, Union

import pandas as pd

from stackheap_plots.table import (Converter, PlotError, count, flag, number, read_table,
                                   refuse_spreadsheet, text)

from . import known

CHUNK_BYTES = 1 << 24
# Of the converters, what pandas calls the same.
DTYPES: dict[Converter, str] = {text: "category", number: "float64", count: "int64", flag: "int64"}
DATA = ("samples.csv", "windows.csv", "latency.csv", "timeline.csv")  # no command writes these again
CHECKS = ("stress.csv", "misuse.csv")  # nor these, of checks


def remedy(path: Path) -> str:
    if path.name in (*DATA, *CHECKS):
        return "restore it from a copy of the run"
    return f"write it again with 'stackheap summarize {path.parent}'"


def read_slowly(path: Path, columns: Mapping[str, Converter], torn: bool = False) -> pd.DataFrame:
    """read_table, whose complaints say how to get the file back."""
    return read_table(path, dict(columns), remedy=remedy(path), torn=torn)


def refuse_unknown_columns(path: Path) -> None:
    """Also the end of a header line that has been cut off."""
    with path.open("rb") as stream:
        line = stream.readline()
    header = next(csv.reader([line.decode("utf-8", "replace").rstrip("\n")]), [])
    unknown = [name for name in header if name not in known.columns(path.name)]
    if unknown:
        raise PlotError(f"{path}:1: column '{unknown[0]}' is not one that stackheap writes there; was "
                        f"it edited, or written by another version? Use that version's scripts, or "
                        f"{remedy(path)}.")


def read_small(path: Path, columns: Mapping[str, Converter], torn: bool = False) -> pd.DataFrame:
    """Every field converted and checked, with its line number in the column `line`. `torn`: a last
    line that was cut off is left aside."""
    refuse_spreadsheet(path, remedy(path))
    refuse_unknown_columns(path)
    return read_slowly(path, columns, torn)


Source = Union[Path, BinaryIO]


def whole_lines(path: Path, torn: bool) -> Source:
    """The file, without a last line that was cut off where the run was killed while it wrote."""
    if not torn:
        return path
    content = path.read_bytes()
    return io.BytesIO(content[:content.rfind(b"\n") + 1])


def read_big(path: Path, columns: Mapping[str, Converter], torn: bool = False) -> pd.DataFrame:
    """Like read_small, for files of millions of rows. `torn`: the run is not finished."""
    parts = list(read_chunks(path, columns, 1 << 62, torn))
    return parts[0]


def read_chunks(path: Path, columns: Mapping[str, Converter], rows: int,
                torn: bool = False) -> Any:
    """The same in pieces of so many rows, of which only one at a time is in memory."""
    check_lines(path, columns, torn)
    categories = {name: DTYPES[convert] for name, convert in columns.items()}
    # Only an empty field is a gap: an allocator may be called "NA".
    gaps = {name: [""] for name, convert in columns.items() if convert is not text}
    try:
        reader = pd.read_csv(whole_lines(path, torn), usecols=list(columns), dtype=categories,
                             keep_default_na=False, na_values=gaps, chunksize=min(rows, 1 << 40),
                             encoding="utf-8")
        empty = True
        for chunk in reader:
            empty = False
            yield chunk
        if empty:
            yield pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in categories.items()})
    except (ValueError, pd.errors.ParserError) as error:
        read_slowly(path, columns)  # names the line, unless only pandas is at a loss
        reason = " ".join(str(error).split())
        raise PlotError(f"{path}: {reason}; {remedy(path)}.") from None


def check_lines(path: Path, columns: Mapping[str, Converter], torn: bool) -> None:
    """What pandas would let pass: a spreadsheet's line ends, columns that are unknown, rows that are
    too short."""
    with path.open("rb") as stream:
        header = stream.readline()
        fields = header.count(b",") + 1
        clean = header.endswith(b"\n") and header[:3] != codecs.BOM_UTF8 and fields > 1
        decoder = codecs.getincrementaldecoder("utf-8")()
        rest = b""
        while clean and (chunk := stream.read(CHUNK_BYTES)):
            lines, end = (rest + chunk).rpartition(b"\n")[::2]
            clean = b"\r" not in lines and decodes(decoder, chunk) and has_fields(lines, fields)
            rest = end
    if clean and (torn or not rest):
        refuse_unknown_columns(path)
        missing = [name for name in columns if name.encode() not in header.rstrip(b"\n").split(b",")]
        if not missing:
            return
    refuse_spreadsheet(path, remedy(path))
    refuse_unknown_columns(path)
    # What is left is a short row, a missing column or a torn end, which this names.
    read_slowly(path, columns)
    if not torn and rest:
        raise PlotError(f"{path}: its last line is cut off; {remedy(path)}.")


def decodes(decoder: codecs.IncrementalDecoder, chunk: bytes) -> bool:
    try:
        decoder.decode(chunk)
    except UnicodeDecodeError:
        return False
    return True


def has_fields(lines: bytes, fields: int) -> bool:
    """Whether every line has as many. Counted over all of them, and one by one where that is not
    enough; a line with quotes is parsed."""
    if not lines:
        return True
    if b'"' not in lines and lines.count(b",") == (lines.count(b"\n") + 1) * (fields - 1):
        return True
    for line in lines.split(b"\n"):
        if line.count(b",") + 1 == fields:
            continue
        if line.count(b'"') % 2 or len(next(csv.reader([line.decode("utf-8", "replace")]))) != fields:
            return False
    return True
