"""Random mazes with a hidden goal, after the published chip experiment.

Bohnstingl et al. 2019 (Front. Neurosci. 13:483; repository Neuromorphic_Hardware_learns_to_learn,
hardware/mdp at 812b9ee): a random depth-first maze of 2 × 2 cells on a grid of 3 × 3 fields, a goal
to be reached as often as possible in 4000 steps, and a random restart after every hit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from spikeloop.tasks.base import FloatArray, IntArray, Interface
from spikeloop.tasks.settings import Settings
from spikeloop.tasks.tabular import TabularTasks

BoolArray = NDArray[np.bool_]

MOVES = ((-1, 0), (0, 1), (1, 0), (0, -1))
"""Row and column steps of the actions north, east, south, west."""

MAX_NUMBERS = 2**31
"""Limit of what the baseline computes, in entries of maps: about ten seconds."""


@dataclass(frozen=True)
class MazeLayouts:
    """The fields of some mazes.

    Attributes:
        free: (n_tasks, height, width) whether a field is free, else it is wall.
        goal: (n_tasks,) number of the goal's field, counted row by row; it is free.
        start: (n_tasks,) number of the field in which an episode starts: free and not the goal.
    """

    free: BoolArray
    goal: IntArray
    start: IntArray


class Maze(Settings):
    """The family of random mazes of a given size; the defaults are those of the chip experiment.

    Cells and the walls between them are fields of one grid, (2 · n_rows − 1) × (2 · n_columns − 1),
    without outer walls. Every field is a state, so wall fields are states that are never visited;
    actions are steps north, east, south and west. A step against a wall or the border leaves the
    agent where it is. The step into the goal is a hit and leads to a random free field other than
    the goal, so the agent is never on the goal.

    The return of an episode is its number of hits. The feedback differs from it: ``goal`` at a hit,
    ``bump`` at a wall or the border, else 0. The published program also restarted a trial that had
    taken 100 steps; that is left out, because the time in a trial is no part of the state.
    """

    kind: Literal["maze"] = "maze"
    portable: ClassVar[bool] = True  # the same bits on every processor
    n_rows: int = Field(default=2, ge=1, le=16, description="rows of cells")
    n_columns: int = Field(default=2, ge=1, le=16, description="columns of cells")
    n_steps: int = Field(default=4000, ge=1, le=1_000_000, description="steps of one episode")
    bump: float = Field(default=-2.0, ge=-2, le=2, description="feedback at a wall or the border")
    goal: float = Field(default=1.0, ge=-2, le=2, description="feedback at the goal")

    @model_validator(mode="after")
    def _two_cells(self) -> "Maze":
        if self.n_rows * self.n_columns < 2:
            raise ValueError("n_rows times n_columns must be at least 2: a goal and a way to it")
        return self

    @property
    def shape(self) -> tuple[int, int]:
        """Return height and width in fields."""
        return 2 * self.n_rows - 1, 2 * self.n_columns - 1

    @property
    def interface(self) -> Interface:
        """Return an interface with one state per field and four actions."""
        height, width = self.shape
        n_states = height * width
        return Interface(
            n_states,
            len(MOVES),
            "discrete",
            self.n_steps,
            feedback_range=self.feedback_range,
            grid=self.shape,
        )

    @property
    def feedback_range(self) -> tuple[float, float]:
        """Return least and largest feedback."""
        return min(self.bump, self.goal, 0.0), max(self.bump, self.goal, 0.0)

    def sample(self, n_tasks: int, rng: np.random.Generator) -> "MazeTasks":
        """Sample independent mazes."""
        return self.tables(self.layouts(n_tasks, rng))

    def layouts(self, n_tasks: int, rng: np.random.Generator) -> MazeLayouts:
        """Sample layouts, which ``tables`` turns into tasks; larger samples start with the same."""
        free = np.zeros((n_tasks, *self.shape), dtype=np.bool_)
        goal, start = np.zeros((2, n_tasks), dtype=np.int64)
        for task in range(n_tasks):
            free[task] = random_maze(self.n_rows, self.n_columns, rng)
            goal[task], start[task] = rng.choice(np.flatnonzero(free[task]), 2, replace=False)
        return MazeLayouts(free, goal, start)

    def tables(self, layouts: MazeLayouts) -> "MazeTasks":
        """Return the mazes as Markov decision processes, and as maps.

        States that are never occupied, walls and the goal, have the restart's row and no reward.
        """
        n_tasks, height, width = layouts.free.shape
        free = layouts.free.reshape(n_tasks, -1)
        state = np.arange(height * width)
        is_goal = state == layouts.goal[:, None]
        occupied = free & ~is_goal

        ahead = fields_ahead(height, width)
        target = np.where(free[:, ahead], ahead, state)
        hit = occupied[:, None, :] & np.take_along_axis(is_goal[:, None, :], target, axis=2)
        bumped = occupied[:, None, :] & (target == state)
        moved = (occupied[:, None, :] & ~hit)[..., None]
        restart = occupied / occupied.sum(axis=1, keepdims=True)
        every = (*hit.shape, state.size)
        feedback = np.where(hit, self.goal, np.where(bumped, self.bump, 0.0))
        map_u8 = np.where(is_goal, 2, ~free).astype(np.uint8)
        return MazeTasks(
            transition=np.where(moved, np.eye(state.size)[target], restart[:, None, None, :]),
            reward=np.broadcast_to(hit[..., None], every).astype(np.float64),
            start_state=layouts.start,
            n_steps=self.n_steps,
            signal=np.broadcast_to(feedback[..., None], every).copy(),
            feedback_range=self.feedback_range,
            map_u8=map_u8.reshape(layouts.free.shape),
            map_feedback=(self.bump, self.goal),
        )


@dataclass(frozen=True)
class MazeTasks(TabularTasks):
    """A batch of random mazes."""

    def baselines(self, rng: np.random.Generator) -> Mapping[str, FloatArray]:
        """Return (n_tasks,) expected returns of a policy that no outer loop has made.

        "map" knows the family but not the maze: it goes to the nearest field that it has not
        visited until it has found the goal, from then on the shortest known way to it. Its return
        is that of one episode with ``rng`` for restarts. It is left out where it would take too
        long, or where the feedback does not tell a hit from other steps.
        """
        # Scores need no baselines, so that neither the command line nor a worker waits for them.
        from spikeloop.tasks.references.maze_map import MazeMap
        from spikeloop.tasks.references.mdp_policies import learned_return

        assert self.map_u8 is not None
        height, width = self.map_u8.shape[1:]
        bump, goal = self.map_feedback
        n_numbers = self.n_tasks * (4 * self.n_states**3 + 100 * self.n_steps)
        if goal in (bump, 0.0) or n_numbers > MAX_NUMBERS:
            return {}
        policy = MazeMap(self.start_state, fields_ahead(height, width), width, goal)
        returns = learned_return(self.play, self.expected_reward(), self.n_steps, policy, 1, rng)
        return {"map": returns}


def random_maze(n_rows: int, n_columns: int, rng: np.random.Generator) -> BoolArray:
    """Return (2 · n_rows − 1, 2 · n_columns − 1) free fields of a random depth-first maze.

    From a random cell the walk breaks into a random neighbour that it has not visited, and goes
    back where there is none, until it has visited all cells. There is one path between any two
    fields.
    """
    free = np.zeros((2 * n_rows - 1, 2 * n_columns - 1), dtype=np.bool_)
    path = [(int(rng.integers(n_rows)), int(rng.integers(n_columns)))]
    free[2 * path[0][0], 2 * path[0][1]] = True
    while path:
        row, column = path[-1]
        around = [(row + down, column + right) for down, right in MOVES]
        unseen = [
            (r, c)
            for r, c in around
            if 0 <= r < n_rows and 0 <= c < n_columns and not free[2 * r, 2 * c]
        ]
        if not unseen:
            path.pop()
            continue
        r, c = unseen[rng.integers(len(unseen))]
        free[row + r, column + c] = free[2 * r, 2 * c] = True
        path.append((r, c))
    return free


def fields_ahead(height: int, width: int) -> IntArray:
    """Return (4, n_states) the field one step ahead, or the field itself at the border."""
    row, column = np.indices((height, width))
    fields = [
        (row + down).clip(0, height - 1) * width + (column + right).clip(0, width - 1)
        for down, right in MOVES
    ]
    return np.stack(fields).reshape(len(MOVES), -1)
