"""The figure of a policy, read back from what was drawn."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.quiver import Quiver

from spikeloop.coordinator.interpretation.behaviour.maze_figures import (
    ASTRAY,
    WALL,
    draw_policy,
    policies_figure,
)
from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.maze import MazeLayouts

NORTH, EAST, SOUTH, WEST = range(4)
FREE = np.array([[True, True, True], [True, False, False], [True, True, True]])
GOAL = 2  # the end of the upper corridor


def values(**actions: list[int]) -> FloatArray:
    """(9, 4) values 0.5 everywhere, but 0.9 for the given best actions of some fields."""
    table = np.full((9, 4), 0.5)
    for field, best in actions.items():
        table[int(field[1:]), best] = 0.9
    return table


def drawn(table: FloatArray) -> Axes:
    colours = ScalarMappable()
    colours.set_clim(0, 1)
    axes = Figure().subplots()
    draw_policy(axes, FREE, GOAL, table, colours)
    return axes


def arrows(axes: Axes) -> set[tuple[int, int, int, int, str]]:
    """Column and row of the field, step, and colour of every arrow."""
    (quiver,) = [c for c in axes.collections if isinstance(c, Quiver)]
    tail, step = (np.column_stack(xy) for xy in ((quiver.X, quiver.Y), (quiver.U, quiver.V)))
    numbers = np.column_stack([np.rint(tail), np.sign(step)]).astype(int).tolist()
    colours = np.broadcast_to(quiver.get_facecolor(), (quiver.N, 4))
    return {(*arrow, to_hex(colour)) for arrow, colour in zip(numbers, colours, strict=True)}


def test_arrows_show_every_best_action_and_whether_it_leads_nearer() -> None:
    axes = drawn(values(s0=[EAST], s1=[EAST], s3=[NORTH, SOUTH], s6=[WEST], s8=[WEST]))
    black, astray = to_hex("black"), ASTRAY.lower()
    assert arrows(axes) == {
        (0, 0, 1, 0, black),
        (1, 0, 1, 0, black),
        (0, 1, 0, -1, black),
        (0, 1, 0, 1, astray),
        (0, 2, -1, 0, astray),  # against the border
        (2, 2, -1, 0, black),
    }


def test_only_undecided_fields_are_hatched() -> None:
    axes = drawn(values(s0=[EAST], s1=[EAST], s3=[NORTH], s6=[NORTH]))
    hatched = [p for p in axes.patches if isinstance(p, Rectangle) and p.get_hatch()]
    assert {(p.get_x() + 0.5, p.get_y() + 0.5) for p in hatched} == {(1, 2), (2, 2)}


def test_decided_fields_have_the_colour_of_their_best_value() -> None:
    table = values(s0=[EAST], s1=[EAST])
    table[1, EAST] = 1.0
    image = drawn(table).images[0].get_array()
    assert image is not None
    shown = [[to_hex(colour) for colour in row] for row in image]
    assert shown[1][1] == shown[1][2] == WALL.lower()
    assert shown[0][2] == shown[2][1] == "#ffffff"  # the goal, an undecided field
    scale = ScalarMappable()
    scale.set_clim(0, 1)
    assert shown[0][:2] == [to_hex(c) for c in scale.to_rgba(np.array([0.9, 1.0]))]


@pytest.mark.parametrize("level", [0.0, 0.5])
def test_mazes_without_any_decided_field_can_be_drawn(level: float) -> None:
    layouts = MazeLayouts(np.stack([FREE, FREE]), np.array([GOAL, GOAL]), np.array([0, 0]))
    titles = [["a", "b"], ["c", "d"]]
    figure = policies_figure(layouts, np.full((2, 2, 9, 4), level), titles, "")
    figure.draw_without_rendering()
    shown = [axes.get_title(loc="left").split("\n")[-1] for axes in figure.axes[:4]]
    assert shown == ["a", "c", "b", "d"]
