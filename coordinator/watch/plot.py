"""Curves over generations in the characters of a terminal.

Where the terminal can, each character is a braille cell of 2 × 4 dots in the colour of its series;
where it has no colours or no such characters, each is the letter of its series.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.text import Text

DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bits of the dots of a braille cell, row by row (Unicode, block 2800)."""


@dataclass(frozen=True)
class Series:
    """Points to be drawn.

    Attributes:
        name: for the legend.
        x, y: ascending generations, and values; those that are no numbers are left out.
        letter: that stands for it where there are no dots.
        style: of rich.
        line: whether neighbours are joined; else each is a mark of its own.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    letter: str
    style: str
    line: bool = True


@dataclass(frozen=True)
class Scale:
    """Where values are: from ``low`` in the first of ``n`` places to ``high`` in the last."""

    low: float
    high: float
    n: int

    def place(self, value: float) -> int:
        """0 to n - 1; values outside are at the nearer end."""
        share = (value - self.low) / (self.high - self.low)
        return round(min(max(share, 0.0), 1.0) * (self.n - 1))


def draw(series: Sequence[Series], columns: int, rows: int, dots: bool) -> list[Text]:
    """The lines of a plot with axes, exactly ``rows`` of at most ``columns`` characters.

    Args:
        series: later ones are drawn over earlier ones.
        columns: at least 30.
        rows: at least 5; two of them are the axis and its numbers.
        dots: whether braille and colours are to be used.
    """
    points = [(x, y) for s in series for x, y in zip(s.x, s.y, strict=True) if math.isfinite(y)]
    last = max((x for x, _ in points), default=1.0)
    values = [y for _, y in points] or [0.0, 1.0]
    ticks = nice(min(values), max(values), max((rows - 2) // 3, min(rows - 2, 3)))
    labels = [_number(tick, ticks) for tick in ticks]
    margin = max(map(len, labels)) + 1
    wide, high = columns - margin - 1, rows - 2
    fine_x, fine_y = (2, 4) if dots else (1, 1)
    x = Scale(0.0, max(last, 1.0), wide * fine_x)
    y = Scale(ticks[-1], ticks[0], high * fine_y)  # rows count downwards
    cells = _cells(series, x, y, dots)
    at = {y.place(tick) // fine_y: label for tick, label in zip(ticks, labels, strict=True)}
    lines = []
    for row in range(high):
        side, corner = ("│", "┤") if dots else ("|", "+")
        line = Text(f"{at.get(row, ''):>{margin}}{corner if row in at else side}")
        for column in range(wide):
            mask, letter, style = cells.get((column, row), (0, " ", ""))
            line.append(chr(0x2800 + mask) if mask else letter, style)
        line.rstrip()
        lines.append(line)
    return lines + _bottom(x, wide, margin, fine_x, dots)


def nice(low: float, high: float, n: int) -> list[float]:
    """Round numbers at equal distances from at or below ``low`` to at or above ``high``.

    At most about ``n`` steps of 1, 2, 2.5 or 5 times a power of ten.
    """
    # Values that are as good as equal get an interval around them.
    span = max(high - low, abs(high) / 100, 1e-6)
    power = 10.0 ** math.floor(math.log10(span / n))
    step = next(s * power for s in (1, 2, 2.5, 5, 10, 20) if s * power * n >= span * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [step * k for k in range(first, max(last, first + 1) + 1)]


def _number(value: float, ticks: Sequence[float]) -> str:
    step = ticks[1] - ticks[0]
    decimals = max(-math.floor(math.log10(step) + 1e-9), 0)
    decimals += abs(round(step, decimals) - step) > step / 100  # of a step of 2.5
    return f"{value + 0.0:.{decimals}f}"


def _cells(
    series: Sequence[Series], x: Scale, y: Scale, dots: bool
) -> dict[tuple[int, int], tuple[int, str, str]]:
    """(column, row) -> dots, or none and a letter; and the style."""
    cells: dict[tuple[int, int], tuple[int, str, str]] = {}
    for one in series:
        for column, row in _places(one, x, y, joined=one.line and dots):
            if not dots:
                cells[column, row] = (0, one.letter, one.style)
            elif not one.line:
                cells[column // 2, row // 4] = (0, "●", one.style)
            else:
                place = (column // 2, row // 4)
                mask = cells.get(place, (0, "", ""))[0] | DOTS[row % 4][column % 2]
                cells[place] = (mask, "", one.style)
    return cells


def _places(series: Series, x: Scale, y: Scale, joined: bool) -> Iterator[tuple[int, int]]:
    """The places of a series; generations that share a column are drawn as their mean."""
    columns: dict[int, list[float]] = {}
    for generation, value in zip(series.x, series.y, strict=True):
        if math.isfinite(value):
            columns.setdefault(x.place(generation), []).append(value)
    before: tuple[int, int] | None = None
    for column, values in columns.items():
        here = (column, y.place(sum(values) / len(values)))
        if joined and before is not None:
            n = max(abs(here[0] - before[0]), abs(here[1] - before[1]), 1)
            for k in range(1, n):
                a, b = (p + (q - p) * k / n for p, q in zip(before, here, strict=True))
                yield round(a), round(b)
        yield here
        before = here


def _bottom(x: Scale, wide: int, margin: int, fine: int, dots: bool) -> list[Text]:
    """The horizontal axis and its numbers."""
    line, tick = ("─", "┬") if dots else ("-", "+")
    axis, numbers = [line] * wide, [" "] * wide
    free = 0
    for value in nice(x.low, x.high, max(wide // 12, 1)):
        label, column = f"{value:.0f}", x.place(value) // fine
        start = min(max(column - len(label) // 2, 0), wide - len(label))
        if value <= x.high and value == round(value) and start >= free:
            axis[column] = tick
            numbers[start : start + len(label)] = label
            free = start + len(label) + 2
    corner = "└" if dots else "+"
    return [
        Text(" " * margin + corner + "".join(axis)),
        Text(" " * (margin + 1) + "".join(numbers).rstrip()),
    ]
