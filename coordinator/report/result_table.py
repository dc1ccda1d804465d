"""Tables of results on a terminal."""

from rich.table import Table


def result_table(title: str, *columns: str, left: str = "", caption: str | None = None) -> Table:
    """Make a table whose columns are right-aligned, except for ``left``."""
    table = Table(title=title, title_justify="left", caption=caption, caption_justify="left")
    for column in columns:
        table.add_column(column, justify="left" if column == left else "right")
    return table
