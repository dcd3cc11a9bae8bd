"""The page of a history, as a browser reads it."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Final

from typing_extensions import override

_VOID: Final = {"meta", "br"}


class Page(HTMLParser):
    """A page taken apart: its tables by class, as rows of cells, and a cell as the texts in it."""

    def __init__(self, html: str) -> None:
        """Read a page."""
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.tables: dict[str, list[list[list[str]]]] = {}
        self.legend: list[list[str]] = []
        self.chips: list[tuple[str, str]] = []
        """The kind of each chip, and what the mouse finds."""
        self.frames = 0
        self.hues: list[str] = []
        self._texts: list[str] = []
        self._rows: list[list[list[str]]] = []
        self.feed(html)
        self.close()

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.tags.add(tag)
        self.attributes |= found.keys()
        if tag not in _VOID:
            self.open.append(tag)
        kinds = found.get("class", "").split()
        if tag == "table":
            self._rows = self.tables.setdefault(found["class"], [])
        elif tag == "tr":
            self._rows.append([])
        elif tag in {"td", "th"}:
            self._texts = []
            self._rows[-1].append(self._texts)
        elif tag == "li":
            self._texts = []
            self.legend.append(self._texts)
        elif "chip" in kinds:
            self.chips.append((kinds[1], found["title"]))
        self.frames += "call" in kinds
        if "lane" in kinds:
            self.hues.append(found["style"])

    @override
    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        if tag in {"td", "th", "li"}:
            self._texts = []

    @override
    def handle_data(self, data: str) -> None:
        if data.strip():
            self._texts.append(data.strip())

    def lane(self, name: str) -> list[list[str]]:
        """The cells of a lane."""
        return next(row for row in self.tables["lanes"] if row[0] == [name])[1:]
