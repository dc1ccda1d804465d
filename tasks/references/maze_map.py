"""A policy that draws a map of a maze while it walks, and needs no outer loop for it.

It knows the family: how steps move, that pillars between four cells are walls, and the feedback on
a hit. It does not know the maze.
"""

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray, IntArray

UNKNOWN, FREE, WALL, GOAL = range(4)


class MazeMap:
    """The shortest known way to the goal; before it is found, to the nearest field never visited.

    Fields of which nothing is known count as free. Of ways of equal length the first action is
    taken. One lane is one episode.

    Attributes:
        fields: (n_lanes, n_states) what is known of each field.
    """

    def __init__(self, start: IntArray, ahead: IntArray, width: int, goal_feedback: float) -> None:
        """Begin with an empty map.

        Args:
            start: (n_lanes,) fields in which the episodes begin.
            ahead: (n_actions, n_states) the field one step ahead, or the field itself.
            width: of the maze in fields.
            goal_feedback: the feedback on a hit, which no other step has.
        """
        n_states = ahead.shape[1]
        self.lane, self.ahead, self.goal_feedback = np.arange(start.size), ahead, goal_feedback
        self.fields = np.full((start.size, n_states), UNKNOWN)
        row, column = np.divmod(np.arange(n_states), width)
        self.fields[:, (row % 2 == 1) & (column % 2 == 1)] = WALL
        self.fields[self.lane, start] = FREE
        self._distance = np.zeros((start.size, n_states))
        self._measure(self.lane)

    def actions(self, state: IntArray) -> IntArray:
        """Return the first steps of the shortest ways, (n_lanes,)."""
        ahead = self.ahead[:, state].T
        chosen: IntArray = self._distance[self.lane[:, None], ahead].argmin(axis=1)
        return chosen

    def learn(
        self, state: IntArray, action: IntArray, reward: FloatArray, successor: IntArray
    ) -> None:
        """Enter what the step has shown; ``reward`` is the feedback on it."""
        target, before = self.ahead[action, state], self.fields.copy()
        hit = reward == self.goal_feedback
        shown = np.where(hit, GOAL, np.where(successor == target, FREE, WALL))
        entered = target != state
        self.fields[self.lane[entered], target[entered]] = shown[entered]
        self.fields[self.lane, successor] = FREE
        changed = (self.fields != before).any(axis=1)
        if changed.any():
            self._measure(self.lane[changed])

    def _measure(self, lanes: IntArray) -> None:
        """Measure the distance of each field from the nearest target; that of walls is infinite."""
        fields = self.fields[lanes]
        found = (fields == GOAL).any(axis=1)[:, None]
        targets: NDArray[np.bool_] = np.where(found, fields == GOAL, fields == UNKNOWN)
        distance, shorter = np.where(targets, 0.0, np.inf), True
        while shorter:
            steps = np.where(fields == WALL, np.inf, distance[:, self.ahead].min(axis=1) + 1.0)
            shorter = bool((steps < distance).any())
            distance = np.minimum(distance, steps)
        self._distance[lanes] = distance
