"""Lengths of shortest paths to a goal through a grid of free and wall fields."""

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import IntArray


def distances(free: NDArray[np.bool_], goal: tuple[int, int]) -> IntArray:
    """Return (height, width) lengths of shortest paths to the goal, in steps to adjacent fields.

    Walls, and fields from which no path leads to the goal, have −1.

    Args:
        free: (height, width) whether a field is free.
        goal: row and column of the goal.
    """
    steps = np.full(free.shape, -1)
    front = np.zeros_like(free)
    front[goal] = True
    step = 0
    while front.any():
        steps[front] = step
        near = np.pad(front, 1)
        beside = near[:-2, 1:-1] | near[2:, 1:-1] | near[1:-1, :-2] | near[1:-1, 2:]
        front = beside & free & (steps < 0)
        step += 1
    return steps
