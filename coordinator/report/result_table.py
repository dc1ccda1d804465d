"""Tables of results on a terminal."""

from rich.table import Table
from rich.text import Text

from spikeloop.coordinator.report import page


def result_table(title: str, *columns: str, left: str = "", caption: str | None = None) -> Table:
    """Make a table whose columns are right-aligned, except for ``left``."""
    table = Table(title=title, title_justify="left", caption=caption, caption_justify="left")
    for column in columns:
        table.add_column(column, justify="left" if column == left else "right")
    return table


def terminal_table(shown: page.Table) -> Table:
    """Lay out a table of a page for a terminal; its text may come from a foreign folder."""
    table = Table(
        title=Text(shown.caption, "table.title"),
        title_justify="left",
        caption=Text(shown.note, "table.caption") if shown.note else None,
        caption_justify="left",
    )
    for number, column in enumerate(shown.head):
        table.add_column(Text(column), justify="left" if shown.side(number) == "l" else "right")
    for row in shown.rows:
        table.add_row(*map(Text, row))
    return table
