"""The blocks of a report, and how a page of them becomes one HTML file that needs no other.

One template renders all blocks and escapes every text. Drawings are matplotlib figures as SVG
within the page, whose text stays text, so that it can be searched and read at any size.
"""

import base64
import io
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

T = TypeVar("T")

TEMPLATE = Path(__file__).with_name("report.html.jinja")

FONTS = ("DejaVu Sans", "Verdana", "Helvetica", "Arial")
"""Figures are laid out in the first, the widest; a reader without it sees a narrower one."""


@dataclass(frozen=True)
class Text:
    """A paragraph; ``weight`` is "lead" for findings, "note" for what qualifies them, or ""."""

    text: str
    weight: str = ""


@dataclass(frozen=True)
class Table:
    """A table whose first column names the rows.

    Attributes:
        caption: what the numbers are, with units.
        align: a letter for each column, "l" or "r"; the first left and all others right if empty.
        note: what the intervals are, and what else one must know to read it; stands below.
    """

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    align: str = ""
    note: str = ""

    def side(self, column: int) -> str:
        """Return "l" or "r" for a column."""
        return self.align[column] if self.align else "l" if column == 0 else "r"


@dataclass(frozen=True)
class Drawing:
    """A figure of matplotlib; ``about`` describes it for screen readers."""

    figure: "Figure"
    caption: str
    about: str


@dataclass(frozen=True)
class Picture:
    """A figure that was drawn earlier, as the bytes of a PNG file; ``about`` as of a drawing."""

    png: bytes
    caption: str
    about: str


@dataclass(frozen=True)
class Code:
    """Text to be copied."""

    text: str


@dataclass(frozen=True)
class Folded:
    """Blocks that open on demand, and are open on paper."""

    title: str
    blocks: "Sequence[Block]"


Block: TypeAlias = Text | Table | Drawing | Picture | Code | Folded


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it; ``name`` is its address within the page."""

    name: str
    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Page:
    """A report; sections without blocks are left out, and ``about`` stands below the title."""

    title: str
    about: str
    sections: Sequence[Section]


def render(page: Page) -> str:
    """Render a page as HTML, without scripts and without anything to load, every text escaped."""
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    numbers = iter(range(1, 10_000))
    environment.globals["kind"] = lambda block: type(block).__name__
    environment.globals["svg"] = lambda drawing: Markup(
        svg(drawing.figure, drawing.about, f"f{next(numbers)}-")
    )
    environment.globals["base64"] = lambda data: base64.b64encode(data).decode()
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    sections = [section for section in page.sections if section.blocks]
    return template.render(page=page, sections=sections) + "\n"


def svg(figure: "Figure", about: str, prefix: str) -> str:
    """Render a figure as an ``<svg>`` element within HTML, its ids made unique by ``prefix``."""
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


def table_of(
    caption: str,
    rows: Iterable[T],
    columns: Mapping[str, Callable[[T], object]],
    align: str = "",
) -> Table:
    """Make a table whose columns each have a name and a function from a row to its cell."""
    cells = [[str(cell(row)) for cell in columns.values()] for row in rows]
    return Table(caption, list(columns), cells, align)


def facts(caption: str, values: Mapping[str, Any]) -> Table:
    """Make a table of names and values."""
    return Table(caption, ("", ""), [(name, str(value)) for name, value in values.items()], "ll")


def records(table: "pd.DataFrame") -> list[dict[str, Any]]:
    """Convert the rows of a table to dictionaries."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def number(value: float) -> str:
    """Format with three decimals, or as a dash if it was not measured."""
    return f"{value:.3f}" if math.isfinite(value) else "-"


def signed(value: float) -> str:
    """Format with three decimals and a sign, or as a dash if it was not measured."""
    return f"{value:+.3f}" if math.isfinite(value) else "-"


def bounds(low: float, high: float, form: Callable[[float], str] = number) -> str:
    """Format the bounds of an interval, or as a dash if there is none, as for a single run."""
    return f"[{form(low)}, {form(high)}]" if math.isfinite(low) and math.isfinite(high) else "-"


def configuration(tables: Mapping[str, Any]) -> Folded:
    """Show nested tables as TOML, with the keys that have no value named below it."""
    import tomli_w

    unset: list[str] = []

    def given(value: Any, path: str) -> Any:
        if isinstance(value, Mapping):
            unset.extend(f"{path}{key}" for key, inner in value.items() if inner is None)
            return {k: given(v, f"{path}{k}.") for k, v in value.items() if v is not None}
        if isinstance(value, list | tuple):
            return [given(inner, path) for inner in value]
        return value

    blocks: list[Block] = [Code(tomli_w.dumps(given(tables, "")).strip())]
    if unset:
        blocks.append(Text(f"Not set: {', '.join(unset)}.", "note"))
    return Folded("Configuration as resolved", blocks)


def reading(lines: Sequence[str]) -> Code:
    """Show Python lines that read tables with pandas."""
    return Code("\n".join(("import pandas as pd", "", *lines)))
