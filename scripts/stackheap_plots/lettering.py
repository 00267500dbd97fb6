"""Text of a figure: measured, wrapped, shortened and put in place, in inches."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Iterable

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font

from .sheet import sheet

LEADING = 1.39  # a line's height, in the size of its text


@lru_cache(maxsize=4096)
def text_width(text: str, size: float, bold: bool = False) -> float:
    """Inches that a line of text takes."""
    font = get_font(findfont(FontProperties(family="DejaVu Sans",
                                            weight="bold" if bold else "normal")))
    font.set_size(size, 72)
    font.set_text(text, 0.0)
    return float(font.get_width_height()[0]) / 64 / 72


def wrap(text: str, width: float, size: float, bold: bool = False) -> list[str]:
    """Lines no wider than that many inches; a word that is wider by itself is broken."""
    lines: list[str] = []
    current = ""
    for word in text.split():
        joined = f"{current} {word}".strip()
        if text_width(joined, size, bold) <= width:
            current = joined
            continue
        if current:
            lines.append(current)
        while text_width(word, size, bold) > width:
            fits = max(1, int(len(word) * width / text_width(word, size, bold)) - 1)
            lines.append(word[:fits])
            word = word[fits:]
        current = word
    return [*lines, current] if current else lines


def literal(text: str) -> str:
    """Text that matplotlib shall not read as a formula."""
    return text.replace("$", r"\$")


def line_height(size: float) -> float:
    return LEADING * size / 72


def shorten(text: str, width: float, size: float, bold: bool = False) -> str:
    """Without its middle where it is wider than that: names that differ mostly do so at an end."""
    if text_width(text, size, bold) <= width:
        return text
    keep = len(text) - 1
    while keep > 2 and text_width(cut(text, keep), size, bold) > width:
        keep -= 1
    return cut(text, keep)


def cut(text: str, keep: int) -> str:
    return f"{text[:(keep + 1) // 2]}…{text[len(text) - keep // 2:]}"


def axis_names(names: Iterable[str]) -> tuple[dict[str, str], float]:
    """What an axis calls them, and the room that takes; two names never become one."""
    size = sheet().tick
    called = {name: shorten(name, sheet().names, size) for name in names}
    taken: dict[str, int] = {}
    for name, label in called.items():
        taken[label] = taken.get(label, 0) + 1
        if taken[label] > 1:
            called[name] = f"{label} ({taken[label]})"
    return called, max((text_width(label, size) for label in called.values()), default=1.0)


def put(figure: Figure, x: float, top: float, lines: Iterable[str], **how: Any) -> None:
    """Text whose upper left corner is at (x, top) inches from the figure's lower left corner."""
    width, height = figure.get_size_inches()
    figure.text(x / width, top / height, literal("\n".join(lines)), ha="left", va="top",
                linespacing=1.25, **how)


def put_beside(axes: Axes, inches: float, y: float, text: str, **how: Any) -> None:
    """Text that begins so far to the right of an axis, or left where negative, at the height y of
    its data. Lines do not run through it."""
    axes.annotate(literal(text), (0, y), xycoords=("axes fraction", "data"),
                  xytext=(inches * 72, 0), textcoords="offset points", va="center",
                  annotation_clip=False, zorder=6,
                  bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6}, **how)
