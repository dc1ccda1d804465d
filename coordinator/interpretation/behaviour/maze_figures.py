"""Policies in mazes as pictures: the value of each field, and where its best action leads."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from spikeloop.coordinator.report import figures
from spikeloop.coordinator.report.figures import COLOURS
from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.maze import MOVES, BoolArray, MazeLayouts, fields_ahead
from spikeloop.tasks.references.shortest_path import distances

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure

WALL, GOAL, UNDECIDED = COLOURS["reference"], COLOURS["default"], "#AAAAAA"
ASTRAY = "#D55E00"
"""Colour of arrows that do not lead nearer to the goal."""

LOW, HIGH = "#F4FAFD", "#3F9BD0"
"""Colours of the least and the largest value; both leave arrows readable."""


def best_actions(values: FloatArray) -> BoolArray:
    """Mark the best actions of each state, (n_states, n_actions); none where all are equal.

    A state that was never visited still has all its values equal, so it is undecided.
    """
    best: BoolArray = values == values.max(axis=-1, keepdims=True)
    return best & ~best.all(axis=-1, keepdims=True)


NO_NEARER = "leads no nearer to it"
HEADINGS = ("Before learning to learn: default Θ", "After learning to learn: learned Θ")


def policies_figure(
    layouts: MazeLayouts, values: FloatArray, titles: Sequence[Sequence[str]], title: str
) -> "Figure":
    """Draw a row for each maze and a column for each Θ, all on the same scale of colours.

    ``values`` of actions are (2, n_tasks, n_states, n_actions), of the default and the learned Θ;
    ``titles[candidate][task]`` belong to the panels.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LinearSegmentedColormap, PowerNorm
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    best = values.max(axis=-1)
    shown = best[best_actions(values).any(axis=-1)]
    # Values fall by a factor with every step from the goal; the root keeps the far ones apart.
    scale = PowerNorm(0.5, min(shown.min(initial=0.0), 0.0), shown.max(initial=0.0) or 1.0)
    colours = ScalarMappable(scale, LinearSegmentedColormap.from_list("value", [LOW, HIGH]))
    n_tasks = values.shape[1]
    figure = figures.new(1.0 + 3.0 * n_tasks, title=title)
    grid = figure.subplots(n_tasks, 2, squeeze=False)
    for (task, candidate), axes in np.ndenumerate(grid):
        draw_policy(
            axes, layouts.free[task], int(layouts.goal[task]), values[candidate, task], colours
        )
        heading = f"{HEADINGS[candidate]}\n" if task == 0 else ""
        axes.set_title(f"{heading}{titles[candidate][task]}", loc="left", fontsize="medium")
    figure.colorbar(colours, ax=grid, label="value of the best action", shrink=0.6, aspect=30)
    figure.legend(
        handles=[
            Line2D([], [], ls="", marker="*", ms=12, mfc=GOAL, mec="black", label="goal"),
            Patch(fc=WALL, label="wall"),
            Patch(fc="none", ec=UNDECIDED, hatch="////", label="undecided: all actions equal"),
            Line2D([], [], ls="", marker=r"$\rightarrow$", ms=12, c=ASTRAY, label=NO_NEARER),
        ],
        loc="outside lower left",
        ncols=4,
        frameon=False,
        fontsize="small",
    )
    return figure


def draw_policy(
    axes: "Axes", free: BoolArray, goal: int, values: FloatArray, colours: "ScalarMappable"
) -> None:
    """Draw one maze: walls, goal, values as colours, an arrow for every best action.

    ``free`` fields are (height, width); the ``goal`` is the number of its field, counted row by
    row; ``values`` of actions are (n_states, n_actions).
    """
    from matplotlib.colors import to_rgba
    from matplotlib.patches import Rectangle

    height, width = free.shape
    state = np.arange(free.size)
    walked = free.ravel() & (state != goal)
    best = best_actions(values) & walked[:, None]
    decided = best.any(axis=1)

    image = np.where(free.reshape(-1, 1), to_rgba("white"), to_rgba(WALL))
    image[decided] = colours.to_rgba(values[decided].max(axis=1))
    axes.imshow(image.reshape(height, width, 4))
    for row, column in np.argwhere((walked & ~decided).reshape(height, width)):
        corner = (column - 0.5, row - 0.5)
        axes.add_patch(Rectangle(corner, 1, 1, lw=0, fc="none", ec=UNDECIDED, hatch="////"))

    field, action = np.nonzero(best)
    near = fields_ahead(height, width)
    ahead = np.where(free.ravel()[near], near, state)
    way = distances(free, (goal // width, goal % width)).ravel()
    astray = way[ahead[action, field]] >= way[field]
    down, right = np.array(MOVES)[action].T
    # A single arrow lies in the middle of its field; several start from there.
    only = best[field].sum(axis=1) == 1
    length, back = np.where(only, 0.6, 0.4), np.where(only, 0.3, 0.0)
    axes.quiver(
        field % width - back * right,
        field // width - back * down,
        length * right,
        length * down,
        color=np.where(astray, ASTRAY, "black"),
        angles="xy",
        scale_units="xy",
        scale=1,
        units="x",
        width=0.04,
    )
    axes.plot(goal % width, goal // width, ls="", marker="*", ms=16, mfc=GOAL, mec="black")
    axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(color=WALL, lw=4)
