"""The parts of a report's HTML, and the faults in it."""

import re
from html.parser import HTMLParser
from typing import Any

VOID = {"meta", "br", "hr", "img", "input", "link"}
LOADING = {"script", "link", "img", "iframe", "object", "embed", "audio", "video", "base", "form"}


class HtmlPage(HTMLParser):
    """Parses a page and collects its parts.

    Attributes:
        faults: what is wrong with it.
        tables: caption -> rows of cells, the head first.
        drawings: descriptions of its figures.
        text: everything that is shown.
    """

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.faults: list[str] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.drawings: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self._ids: list[str] = []
        self._wanted: set[str] = set()
        self._caption = ""
        self._rows: list[list[str]] = []
        self.feed(html)
        self.close()
        self.faults += [f"<{tag}> is never closed" for tag in self._open]
        self.faults += [f"id {i!r} stands twice" for i in set(self._ids) if self._ids.count(i) > 1]
        self.faults += [f"nothing is #{name}" for name in self._wanted - set(self._ids)]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self._check(tag, values)
        if tag == "svg":
            self.drawings.append(values.get("aria-label", ""))
            if not values.get("aria-label") or values.get("role") != "img":
                self.faults.append("a figure without description")
        elif tag == "table":
            self._caption, self._rows = "", []
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("th", "td"):
            self._rows[-1].append("")
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._check(tag, {name: value or "" for name, value in attrs})

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.faults.append(f"</{tag}> closes nothing")
        if tag == "table":
            if not self._caption:
                self.faults.append("a table without caption")
            self.tables[self._caption] = self._rows

    def handle_data(self, data: str) -> None:
        if "style" in self._open:
            self._check_style(data)
            return
        self.text += data
        if "caption" in self._open:
            self._caption += data
        elif "th" in self._open or "td" in self._open:
            self._rows[-1][-1] += data

    def _check(self, tag: str, values: dict[str, str]) -> None:
        if tag in LOADING:
            self.faults.append(f"<{tag}> has no place in a report")
        for name, value in values.items():
            if name.startswith("on"):
                self.faults.append(f"{tag} {name}: a script")
            if re.search(r"(?i)https?:|javascript:|data:|//", value):
                self.faults.append(f"{tag} {name}: an address outside the page")
            if name in ("href", "xlink:href"):
                self._wanted.add(value.removeprefix("#"))
                if not value.startswith("#"):
                    self.faults.append(f"{tag} {name}: an address outside the page")
            self._check_style(value)
        if "id" in values:
            self._ids.append(values["id"])

    def _check_style(self, text: str) -> None:
        self._wanted.update(re.findall(r"url\(#([^)]*)\)", text))
        if "@import" in text or re.search(r"url\((?!#)", text):
            self.faults.append("a style loads something")


def column(table: list[list[str]], name: str) -> list[str]:
    """The cells below a name of the head."""
    place = table[0].index(name)
    return [row[place] for row in table[1:]]


def table_of(page: HtmlPage, words: str) -> Any:
    """The one table whose caption begins with some words."""
    (found,) = (rows for caption, rows in page.tables.items() if caption.startswith(words))
    return found
