"""Write Markdown tables."""

from collections.abc import Iterable, Sequence


def cell(text: object) -> str:
    """Return a text that a cell of a table can hold; code may have bars of its own."""
    line = str(text).replace("\n", " ")
    return line if line.startswith("`") else line.replace("|", "\\|")


def code(text: object) -> str:
    """Return a text as code, or nothing for an empty one."""
    return f"`{text}`" if str(text) else ""


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table in Markdown."""
    lines = [columns, ["---"] * len(columns), *([cell(value) for value in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
