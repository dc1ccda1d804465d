"""What all figures share: colours, size, legends, and the file that a figure is written to."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spikeloop.coordinator.store import atomic_files

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito's palette, which readers with any colour vision can tell apart.
COLOURS = {
    "default": "#E69F00",
    "random": "#999999",
    "learned": "#0072B2",
    "best": "#56B4E9",
    "reference": "#444444",
}

PAGE_WIDTH = 7.2
"""Of a figure, in inches."""

PANEL_COLUMNS = 3


def new(height: float = 4.2, width: float = PAGE_WIDTH, title: str = "") -> "Figure":
    """Make an empty figure, in inches, whose parts make room for one another."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    if title:
        figure.suptitle(title, x=0.01, ha="left")
    return figure


def save(figure: "Figure", path: Path) -> Path:
    """Write a figure as PNG and return its file."""
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=150)
    atomic_files.write_bytes(path, image.getbuffer())
    return path


def open_frame(axes: "Axes", *sides: str) -> None:
    """Hide sides of the frame; by default the top and the right one."""
    axes.spines[list(sides or ("top", "right"))].set_visible(False)


def legend_above(axes: "Axes", ncols: int, **options: Any) -> None:
    """Draw the legend above the axes, from the left."""
    place = {"loc": "lower left", "bbox_to_anchor": (0, 1), "fontsize": "small"}
    axes.legend(frameon=False, ncols=ncols, **(place | options))


def finish(axes: "Axes", title: str, ncols: int, **options: Any) -> None:
    """Open the frame of axes, and set their title with the legend between it and them."""
    axes.set_title(title, loc="left", pad=30)
    legend_above(axes, ncols, **options)
    open_frame(axes)


def bound(axes: "Axes", low: float, high: float, share: float) -> None:
    """Set the vertical range, with a share of it as a margin at both ends."""
    margin = share * (high - low)
    axes.set_ylim(low - margin, high + margin)


def panels(
    titles: Sequence[str],
    height: float,
    margin: float,
    make: "Callable[[float], Figure]" = new,
    **shared: Any,
) -> "tuple[Figure, list[Axes]]":
    """Make small axes with these titles in rows of ``PANEL_COLUMNS``, with one horizontal axis.

    Each row is ``height`` inches high; ``margin`` is what the figure has besides. ``make`` makes an
    empty figure of a given height.
    """
    n, n_rows = len(titles), -(-len(titles) // PANEL_COLUMNS)
    figure = make(margin + height * n_rows)
    grid = figure.subplots(n_rows, PANEL_COLUMNS, sharex=True, squeeze=False, **shared)
    made: list[Axes] = list(grid.flat)
    for axes in made[n:]:
        axes.remove()
    for place, (axes, title) in enumerate(zip(made, titles, strict=False)):
        open_frame(axes)
        axes.set_title(title, loc="left", fontsize="small")
        axes.tick_params(labelsize="x-small")
        if place + PANEL_COLUMNS >= n:  # the last of its column
            axes.tick_params(labelbottom=True)
    return figure, made[:n]
