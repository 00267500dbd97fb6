"""HTML that escapes by construction.

A page is made of names, paths and logs that anybody may have written. Whatever is put into an element
is escaped unless it is itself Markup, which only this module makes: there is no call to forget.
"""

from __future__ import annotations

from html import escape
from typing import Iterable, Sequence, Union

MOST_OPEN_ROWS = 40
VOID = frozenset(("br", "meta", "hr", "input", "col"))


class Markup(str):
    """Text that is HTML already."""


Child = Union[str, int, float, None, Markup, Iterable["Child"]]


def text_of(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return str(child)
    if isinstance(child, (str, int, float)):
        return escape(printable(str(child)))
    return "".join(text_of(one) for one in child)


def printable(text: str) -> str:
    """Control characters, which HTML forbids and terminals hide things with, as a visible sign."""
    if text.isprintable():
        return text
    return "".join(c if c >= " " or c in "\n\t" else chr(0x2400 + ord(c)) for c in text)


def element(tag: str, *children: Child, **attributes: object) -> Markup:
    """<tag attribute="...">children</tag>. `class_` is class, `data_x` is data-x; an attribute that
    is None or False is left out, True stands without a value."""
    written = []
    for name, value in attributes.items():
        if value is None or value is False:
            continue
        name = name.rstrip("_").replace("_", "-")
        written.append(f" {name}" if value is True else f' {name}="{escape(printable(str(value)))}"')
    opening = f"<{tag}{''.join(written)}>"
    if tag in VOID:
        return Markup(opening)
    return Markup(f"{opening}{text_of(children)}</{tag}>")


def joined(separator: str, parts: Iterable[Child]) -> Markup:
    return Markup(escape(separator).join(text_of(part) for part in parts))


def code(text: object) -> Markup:
    return element("code", str(text))


def paragraph(*children: Child, **attributes: object) -> Markup:
    return element("p", children, **attributes)


def section(name: str, title: Child, *children: Child, level: int = 2, **attributes: object) -> Markup:
    """A part of the page with an address of its own, which its heading links to."""
    link = element("a", "#", href=f"#{name}", class_="anchor", aria_label="link to this section")
    return element("section", element(f"h{level}", title, " ", link), children, id=name, **attributes)


class Cell:
    """A table's field whose place in the order is not that of its text."""

    def __init__(self, child: Child, key: float | str | None = None, **attributes: object) -> None:
        self.child = child
        self.key = key
        self.attributes = attributes


Field = Union[Child, Cell]


def table(header: Sequence[Child], rows: Sequence[Sequence[Field]], caption: str,
          numbers: Sequence[int] = (), class_: str = "") -> Markup:
    """A sortable table; a long one is closed until it is asked for. `numbers`: the columns that hold
    numbers, aligned to the right. A field's key, where it has one, decides its place."""

    def field(place: int, value: Field) -> Markup:
        cell = value if isinstance(value, Cell) else Cell(value)
        numeric = "number" if place in numbers else None
        attributes = {"class_": numeric, "data_key": cell.key, **cell.attributes}
        return element("td", cell.child, **attributes)

    head = element("thead", element("tr", [
        element("th", name, scope="col", class_="number" if place in numbers else None)
        for place, name in enumerate(header)]))
    body = element("tbody", [
        element("tr", [field(place, value) for place, value in enumerate(row)]) for row in rows])
    whole = element("table", element("caption", caption), head, body,
                    class_=f"sortable {class_}".rstrip())
    # A wide table scrolls by itself; the keyboard has to be able to reach it.
    region = element("div", whole, class_="scroll", tabindex="0", role="region", aria_label=caption)
    return region if len(rows) <= MOST_OPEN_ROWS else details(f"{caption}: {len(rows):,} rows", region)


def details(summary: Child, *children: Child, **attributes: object) -> Markup:
    return element("details", element("summary", summary), children, **attributes)


def words(items: Sequence[Child]) -> Markup:
    """a, b and c"""
    if len(items) < 2:
        return Markup(text_of(items))
    return Markup(f"{joined(', ', items[:-1])} and {text_of(items[-1])}")
