"""What figures are drawn for: a screen, or one column of a paper.

A figure of the screen that is scaled down to a column has text of 3 points. So a style is another
layout, not another scale: text of a size that can be read in print, panels below each other, and
pages no taller than a sheet. Modules ask `sheet()` for sizes, as matplotlib's own ask rcParams.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Iterator

from matplotlib import rc_context

from .style import RC


@dataclass(frozen=True)
class Sheet:
    """Lengths in inches, text in points."""

    name: str
    width: float = 0.0  # of the whole figure; 0: what its panels need
    height: float = math.inf  # no figure is taller, unless one panel is
    edge: float = 0.18
    room: float = 1.0  # scale of what panels, rows and their margins take
    names: float = math.inf  # widest a name on an axis may be; a longer one is shortened
    brief: bool = False  # numbers that the marks show already are not written out too
    rows: int = 62  # lines of a list of ratios on one page
    title: float = 11.5
    subtitle: float = 8.0
    panel: float = 9.0  # titles of panels
    tick: float = 8.0
    legend: float = 8.0
    note: float = 7.5
    value: float = 7.0  # numbers beside marks
    footer: float = 7.0
    mark: float = 5.0
    line: float = 1.4
    rc: dict[str, Any] = field(default_factory=dict)


SCREEN = Sheet("screen", rc=RC)
# 85 mm is a column of most two-column journals; 6 points is the least that they ask for.
PAPER = Sheet(
    "paper", width=85 / 25.4, height=9.2, edge=0.06, room=0.74, names=1.35, brief=True, rows=56,
    title=8.0, subtitle=6.5, panel=7.0, tick=6.5, legend=6.5, note=6.0, value=6.0, footer=6.0,
    mark=3.6, line=1.0,
    rc={**RC, "font.size": 7, "axes.labelsize": 7, "axes.titlesize": 7, "xtick.labelsize": 6.5,
        "ytick.labelsize": 6.5, "axes.linewidth": 0.6, "grid.linewidth": 0.5,
        "xtick.major.width": 0.6, "ytick.major.width": 0.6, "xtick.major.size": 2.5,
        "ytick.major.size": 2.5, "axes.labelpad": 2.5, "hatch.linewidth": 0.4,
        "savefig.dpi": 300},
)
SHEETS = {sheet.name: sheet for sheet in (SCREEN, PAPER)}
_current = [SCREEN]


def sheet() -> Sheet:
    return _current[-1]


@contextmanager
def drawn_for(name: str) -> Iterator[Sheet]:
    """All that is planned and drawn inside is for that style."""
    _current.append(SHEETS[name])
    try:
        with rc_context(sheet().rc):
            yield sheet()
    finally:
        _current.pop()
