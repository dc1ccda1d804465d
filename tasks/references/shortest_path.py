"""How far it is to a goal through a grid of free and wall fields."""

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import IntArray


def distances(free: NDArray[np.bool_], goal: tuple[int, int]) -> IntArray:
    """Steps of a shortest way to the goal, between fields that share an edge.

    Args:
        free: (height, width) whether a field is free.
        goal: row and column of the goal.

    Returns:
        (height, width) steps; -1 for walls and wherever no way leads to the goal.
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
