"""Curves over generations in the characters of a terminal, drawn by plotext."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.text import Text

ASCII_AXES = str.maketrans("│┤└─┬", "|++-+")


@dataclass(frozen=True)
class TerminalSize:
    """The terminal that a frame is drawn for.

    Attributes:
        rows: that a frame should fit into; no line is left out if it does not.
        braille: whether curves are drawn as coloured braille dots, or else as letters.
    """

    columns: int
    rows: int
    braille: bool

    @classmethod
    def of(cls, console: Console) -> "TerminalSize":
        """Measure a console as it is now.

        The console of Linux itself has no braille characters, and without colours the dots of
        several series look the same.
        """
        coloured = console.color_system not in (None, "windows") and not console.no_color
        has_braille = console.encoding.startswith("utf") and os.environ.get("TERM") != "linux"
        rows = console.height if console.is_terminal else 32
        return cls(max(console.width, 40), rows, coloured and has_braille)


@dataclass(frozen=True)
class Series:
    """One curve.

    Attributes:
        x: ascending generations.
        y: values; those that are not finite are left out.
        letter: what marks a point where there is no braille.
        colour: number of a terminal's colour, 0 to 15.
        joined: whether neighbours are joined by a line; else each point is a mark.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    letter: str
    colour: int
    joined: bool = True


def draw_curves(series: Sequence[Series], columns: int, rows: int, braille: bool) -> Text:
    """Draw series with axes, in ``rows`` lines of at most ``columns`` characters.

    Later series lie over earlier ones; at least one must have a finite value.
    """
    import plotext
    from matplotlib.ticker import MaxNLocator

    plotext.clear_figure()
    plotext.limit_size(False, False)
    plotext.plot_size(columns, rows)
    plotext.theme("clear")
    plotext.xaxes(True, False)
    plotext.yaxes(True, False)
    curves = [(one, *_thinned(one, columns)) for one in series]
    curves = [(one, x, y) for one, x, y in curves if x]
    for one, x, y in curves:
        marker = one.letter if not braille else "braille" if one.joined else "●"
        draw = plotext.plot if one.joined and braille else plotext.scatter
        draw(x, y, marker=marker, color=one.colour)
    values = [value for _, _, y in curves for value in y]
    steps = MaxNLocator(max((rows - 2) // 3, 2), steps=(1, 2, 5, 10))
    ticks = steps.tick_values(min(values), max(values))
    decimals = max(-math.floor(math.log10(ticks[1] - ticks[0]) + 1e-9), 0)
    plotext.ylim(ticks[0], ticks[-1])
    plotext.yticks(ticks, [f"{tick + 0.0:.{decimals}f}" for tick in ticks])
    last = max([1.0, *(x[-1] for _, x, _ in curves)])
    whole = MaxNLocator(max(columns // 12, 1), integer=True)
    generations = [tick for tick in whole.tick_values(0, last) if tick <= last]
    plotext.xlim(0, last * (1 + len(f"{last:.0f}") / columns))  # the last label is whole
    plotext.xticks(generations, [f"{generation:.0f}" for generation in generations])
    built = plotext.build()
    text = Text.from_ansi(built if braille else plotext.uncolorize(built).translate(ASCII_AXES))
    lines = text.split("\n")[:rows]
    for line in lines:
        line.rstrip()
    return Text("\n").join(lines)


def _thinned(series: Series, columns: int) -> tuple[list[float], list[float]]:
    """Average neighbouring generations until each has a column to itself."""
    x, y = (np.asarray(values, dtype=np.float64) for values in (series.x, series.y))
    finite = np.isfinite(y)
    groups = max(min(columns, int(finite.sum())), 1)
    x, y = (
        np.array([part.mean() for part in np.array_split(values[finite], groups) if part.size])
        for values in (x, y)
    )
    return x.tolist(), y.tolist()
