"""A page of a report: what stands on it, and how it becomes one HTML file that needs no other.

A report is built of plain blocks, such as texts and tables, and rendered by one template that
escapes everything. Drawings are matplotlib figures as SVG within the page, with their text kept as
text, so that it can be searched and read at any size.
"""

import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TEMPLATE = Path(__file__).with_name("report.html.jinja")

FONTS = ("DejaVu Sans", "Verdana", "Helvetica", "Arial")
"""Figures are laid out in the first, the widest; a reader without it sees a narrower one."""


@dataclass(frozen=True)
class Text:
    """A paragraph; ``weight`` is "lead" for the findings on top, "note" for what qualifies them."""

    block: ClassVar[str] = "text"
    text: str
    weight: str = ""


@dataclass(frozen=True)
class Table:
    """A table whose first column names the rows.

    Attributes:
        caption: what the numbers are, with units.
        head: names of the columns.
        rows: the cells, as they are to be read.
        align: a letter for each column, "l" or "r"; the first left and all others right if empty.
    """

    block: ClassVar[str] = "table"
    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    align: str = ""

    def side(self, column: int) -> str:
        """Which side the cells of a column stand on."""
        return self.align[column] if self.align else "l" if column == 0 else "r"


@dataclass(frozen=True)
class Drawing:
    """A figure.

    Attributes:
        figure: drawn by matplotlib.
        caption: what it shows and how to read it.
        about: what a reader who does not see it should know.
    """

    block: ClassVar[str] = "drawing"
    figure: "Figure"
    caption: str
    about: str


@dataclass(frozen=True)
class Code:
    """Text to be copied."""

    block: ClassVar[str] = "code"
    text: str


@dataclass(frozen=True)
class Folded:
    """Blocks that open on demand, and are open on paper."""

    block: ClassVar[str] = "folded"
    title: str
    blocks: "Sequence[Block]"


Block: TypeAlias = Text | Table | Drawing | Code | Folded


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it; ``name`` is its address within the page."""

    name: str
    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Page:
    """A whole report.

    Attributes:
        title: its name.
        about: one line below the title.
        sections: those without blocks are left out.
    """

    title: str
    about: str
    sections: Sequence[Section]


def render(page: Page) -> str:
    """The page as HTML: no script, nothing to load, every text escaped."""
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    numbers = iter(range(1, 10_000))
    environment.globals["svg"] = lambda drawing: Markup(
        svg(drawing.figure, drawing.about, f"f{next(numbers)}-")
    )
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    sections = [section for section in page.sections if section.blocks]
    return template.render(page=page, sections=sections) + "\n"


def svg(figure: "Figure", about: str, prefix: str) -> str:
    """A figure as an ``<svg>`` element to stand within HTML.

    Args:
        figure: the figure.
        about: its description for screen readers.
        prefix: put before all its ids, which must be unique in the page.
    """
    import matplotlib
    from markupsafe import escape

    with matplotlib.rc_context(
        {"svg.fonttype": "none", "svg.hashsalt": "spikeloop", "font.sans-serif": FONTS}
    ):
        image = io.StringIO()
        nothing = {"Creator": None, "Date": None, "Format": None, "Type": None}
        figure.savefig(image, format="svg", metadata=nothing)
    text = image.getvalue()
    text = text[text.index("<svg") :].strip()
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}", text)
    # A hundredth of a point is finer than any screen; six decimals triple the file.
    text = re.sub(
        r' (?:d|x|y)="[^"]*"', lambda match: re.sub(r"(\.\d\d)\d+", r"\1", match[0]), text
    )
    opening, _, rest = text.partition(">")
    box = re.search(r'viewBox="[^"]*"', opening)
    width = re.search(r'width="([\d.]+)pt"', opening)
    assert box and width, "matplotlib gives every SVG a width and a view box"
    # matplotlib writes no user's text into attributes, and escapes it elsewhere.
    return (
        f'<svg {box[0]} role="img" aria-label="{escape(about)}" '
        f'style="width:{float(width[1]) / 72 * 96:.0f}px">{rest}'
    )


def facts(caption: str, values: Mapping[str, Any]) -> Table:
    """A table of names and values."""
    return Table(caption, ("", ""), [(name, str(value)) for name, value in values.items()], "ll")


def records(table: "pd.DataFrame") -> list[dict[str, Any]]:
    """The rows of a table as dictionaries."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def number(value: float) -> str:
    """Three decimals, or a dash for what was not measured."""
    return f"{value:.3f}" if math.isfinite(value) else "-"


def signed(value: float) -> str:
    """Three decimals and a sign, or a dash for what was not measured."""
    return f"{value:+.3f}" if math.isfinite(value) else "-"


def toml(tables: Mapping[str, Any]) -> str:
    """Nested tables as TOML; keys without a value are left out, because TOML has no null."""
    import tomli_w

    return tomli_w.dumps(_without_none(tables))


def _without_none(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_none(inner) for key, inner in value.items() if inner is not None}
    return [_without_none(inner) for inner in value] if isinstance(value, list | tuple) else value
