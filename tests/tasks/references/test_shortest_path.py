"""Shortest paths on grids drawn by hand and on random ones."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse.csgraph import shortest_path

from spikeloop.tasks.references.shortest_path import distances


def test_a_grid_with_a_loop_an_island_and_walls() -> None:
    free = np.array([[c == "." for c in row] for row in ("...#.", ".#.##", "....#")])
    expected = [[2, 3, 4, -1, -1], [1, -1, 3, -1, -1], [0, 1, 2, 3, -1]]
    np.testing.assert_array_equal(distances(free, (2, 0)), expected)


@given(st.integers(1, 7), st.integers(1, 7), st.integers(0, 2**32))
def test_distances_are_those_of_another_program(height: int, width: int, seed: int) -> None:
    free = np.random.default_rng(seed).random((height, width)) < 0.7
    free[0, 0] = True
    row, column = np.indices(free.shape).reshape(2, -1)
    apart = np.abs(row[:, None] - row) + np.abs(column[:, None] - column)
    edges = (apart == 1) & free.ravel()[:, None] & free.ravel()
    expected = shortest_path(edges, unweighted=True, indices=0)
    found = distances(free, (0, 0)).ravel()
    np.testing.assert_array_equal(np.where(found < 0, np.inf, found), expected)
