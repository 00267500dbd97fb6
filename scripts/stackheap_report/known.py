"""Which files, columns and metrics stackheap writes, and what they mean.

results/README.md is generated from the program's own tables and held to them by a test, so it is read
here: a second list would be a second truth.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from stackheap_plots.table import PlotError

DOCUMENT = Path(__file__).resolve().parents[2] / "results" / "README.md"
BLOCK = re.compile(r"<!-- generated: ([\w. ]+) -->\n(.*?)<!-- end: \1 -->", re.DOTALL)


@dataclass(frozen=True)
class Metric:
    name: str
    kind: str  # "real", "integer" or "text"
    unit: str
    better: str  # "less", "more" or nothing
    compared: bool
    meaning: str


def plain_text(markdown: str) -> str:
    return markdown.strip().replace("`", "").replace("\\<", "<").replace("\\|", "|")


@lru_cache(maxsize=None)
def generated(name: str) -> tuple[dict[str, str], ...]:
    """The rows of one generated table."""
    try:
        text = DOCUMENT.read_text(encoding="utf-8")
    except OSError as error:
        raise PlotError(f"{DOCUMENT}: {error.strerror}; scripts/report reads there what each column "
                        "means: run it from a whole checkout.") from None
    for block, body in BLOCK.findall(text):
        if block == name:
            lines = [re.split(r"(?<!\\)\|", line)[1:-1] for line in body.strip().splitlines()]
            header = [plain_text(field) for field in lines[0]]
            return tuple(dict(zip(header, map(plain_text, line))) for line in lines[2:])
    raise PlotError(f"{DOCUMENT}: no table '{name}'; restore it, or write it again with "
                    "scripts/generate-docs.")


@lru_cache(maxsize=None)
def metrics() -> dict[str, Metric]:
    rows = (*generated("metrics sample"), *generated("metrics derived"))
    return {row["metric"]: Metric(row["metric"], row["type"], row["unit"], row["better"],
                                  row["compared"] == "yes", row["meaning"]) for row in rows}


@lru_cache(maxsize=None)
def columns(file: str) -> tuple[str, ...]:
    """All columns of a file, samples.csv with its metrics."""
    named = tuple(row["column"] for row in generated(f"columns {file}"))
    if file == "samples.csv":
        named += tuple(row["metric"] for row in generated("metrics sample"))
    return named


def better(metric: str) -> str:
    return metrics()[metric].better if metric in metrics() else ""
