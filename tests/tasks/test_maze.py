"""Mazes: their geometry, their tables, and references derived from shortest paths."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from support.statistical_asserts import assert_frequencies

from spikeloop.tasks.maze import MOVES, Maze, MazeLayouts, random_maze
from spikeloop.tasks.references.shortest_path import distances

ALPHA = 1e-4

sizes = st.tuples(st.integers(1, 5), st.integers(1, 5)).filter(lambda size: size != (1, 1))
seeds = st.integers(0, 2**32)


def ahead(free: NDArray[np.bool_], field: int, action: int) -> int:
    """The field that a step from a field ends on."""
    height, width = free.shape
    row, column = field // width + MOVES[action][0], field % width + MOVES[action][1]
    inside = 0 <= row < height and 0 <= column < width
    return row * width + column if inside and free[row, column] else field


@given(sizes, seeds)
def test_every_maze_is_a_tree_over_all_its_cells(size: tuple[int, int], seed: int) -> None:
    """Connected, and with one passage less than cells, so with one way between any two fields."""
    free = random_maze(*size, np.random.default_rng(seed))
    assert free[::2, ::2].all()
    assert not free[1::2, 1::2].any()
    n_cells = size[0] * size[1]
    assert free.sum() == n_cells + n_cells - 1
    assert (distances(free, (0, 0)) >= 0).sum() == free.sum()


def test_the_published_size_has_its_four_mazes_equally_often() -> None:
    """Three of the four walls between 2 × 2 cells are open; the walk closes a random one."""
    rng = np.random.default_rng(0)
    closed = [(~random_maze(2, 2, rng)).ravel()[1::2] for _ in range(2000)]
    counts = np.sum(closed, axis=0)
    assert counts.sum() == 2000
    assert_frequencies(counts, np.full(4, 1 / 4), ALPHA, control=[0.2, 0.3, 0.25, 0.25])


def test_goals_and_starts_are_any_two_free_fields() -> None:
    layouts = Maze().layouts(6000, np.random.default_rng(0))
    free = layouts.free.reshape(6000, 9)
    rank = free.cumsum(axis=1) - 1  # the seven free fields, counted
    goal, start = (rank[np.arange(6000), field] for field in (layouts.goal, layouts.start))
    pairs = np.bincount(goal * 7 + start, minlength=49)
    assert (pairs[::8] == 0).all()  # never the same field
    assert_frequencies(pairs[pairs > 0], np.full(42, 1 / 42), ALPHA)
    with pytest.raises(AssertionError):
        assert_frequencies(np.bincount(layouts.goal, minlength=9) + 5, np.full(9, 1 / 9), ALPHA)


def corridor() -> MazeLayouts:
    """Three fields in a row, the goal at the east end, the start at the west end."""
    return MazeLayouts(np.ones((1, 1, 3), dtype=np.bool_), np.array([2]), np.array([0]))


def test_the_tables_of_a_corridor() -> None:
    tasks = Maze(n_rows=1, bump=-0.5, goal=0.75).tables(corridor())
    north, east, south, west = tasks.transition[0]
    restart = [0.5, 0.5, 0.0]
    np.testing.assert_array_equal(north, [[1, 0, 0], [0, 1, 0], restart])
    np.testing.assert_array_equal(south, north)
    np.testing.assert_array_equal(east, [[0, 1, 0], restart, restart])
    np.testing.assert_array_equal(west, [[1, 0, 0], [1, 0, 0], restart])
    reward = np.zeros((4, 3, 3))
    reward[1, 1] = 1.0
    np.testing.assert_array_equal(tasks.reward[0], reward)
    feedback = np.zeros((4, 3, 3))
    feedback[[0, 2], :2] = -0.5
    feedback[3, 0] = -0.5
    feedback[1, 1] = 0.75
    np.testing.assert_array_equal(tasks.feedback[0], feedback)
    np.testing.assert_array_equal(tasks.start_state, [0])


def test_the_references_of_a_corridor_by_hand() -> None:
    """From west a hit takes two steps, from the middle one: 1, then 2 or 3 in five steps, ..."""
    hits = {
        n: Maze(n_rows=1, n_steps=n).tables(corridor()).references().optimal[0]
        for n in (1, 2, 3, 4)
    }
    assert hits == {1: 0.0, 2: 1.0, 3: 1.5, 4: 2.25}


@given(sizes, seeds)
def test_tables_follow_the_geometry(size: tuple[int, int], seed: int) -> None:
    family = Maze(n_rows=size[0], n_columns=size[1])
    layouts = family.layouts(2, np.random.default_rng(seed))
    tasks = family.tables(layouts)
    for task in range(2):
        free, goal = layouts.free[task], layouts.goal[task]
        occupied = free.ravel() & (np.arange(free.size) != goal)
        assert occupied[layouts.start[task]]
        restart = occupied / occupied.sum()
        for field in np.flatnonzero(occupied):
            for action in range(4):
                end = ahead(free, field, action)
                row = restart if end == goal else np.eye(free.size)[end]
                feedback = 1.0 if end == goal else -2.0 if end == field else 0.0
                np.testing.assert_array_equal(tasks.transition[task, action, field], row)
                np.testing.assert_array_equal(tasks.reward[task, action, field], end == goal)
                np.testing.assert_array_equal(tasks.feedback[task, action, field], feedback)
        unoccupied = tasks.reward[task, :, ~occupied]
        assert not unoccupied.any()


@pytest.mark.parametrize(
    "size", [(2, 2), *(pytest.param(s, marks=pytest.mark.exhaustive) for s in ((2, 4), (3, 3)))]
)
def test_hits_per_step_in_the_long_run_are_one_over_the_mean_way(size: tuple[int, int]) -> None:
    """Renewals: after each hit a fresh start, so the optimal rate is 1 / mean shortest distance.

    For the random policy the mean way is the solution of h = 1 + Q h over the occupied fields.
    """
    late, later = (Maze(n_rows=size[0], n_columns=size[1], n_steps=n) for n in (20_000, 21_000))
    layouts = late.layouts(10, np.random.default_rng(0))
    references = [family.tables(layouts).references() for family in (late, later)]
    rate = (references[1].optimal - references[0].optimal) / 1000
    random_rate = (references[1].random - references[0].random) / 1000
    for task in range(10):
        free, goal = layouts.free[task], int(layouts.goal[task])
        occupied = [f for f in np.flatnonzero(free) if f != goal]
        steps = distances(free, divmod(goal, free.shape[1]))
        mean_way = steps.ravel()[occupied].mean()
        assert rate[task] == pytest.approx(1 / mean_way, rel=1e-9)
        chain = np.zeros((len(occupied), len(occupied)))
        for i, field in enumerate(occupied):
            for action in range(4):
                end = ahead(free, field, action)
                if end != goal:
                    chain[i, occupied.index(end)] += 0.25
        ways = np.linalg.solve(np.eye(len(occupied)) - chain, np.ones(len(occupied)))
        assert random_rate[task] == pytest.approx(1 / ways.mean(), rel=1e-9)
