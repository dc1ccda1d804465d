"""Grid search: every point once, spread over the axes, and what it keeps."""

from math import gcd

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from support.search_steps import ask_points, begin, tell_fitness

from spikeloop.coordinator.strategies.grid import (
    MAX_POINTS,
    GridSearch,
    grid_points,
    well_spread_stride,
)
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.parameter_types import Choice, Integer, Real, Weights
from spikeloop.workers.space import ParameterSpace

SPACE = ParameterSpace.of(
    {
        "a": Real(0.0, 1.0, 0.3),
        "i": Integer(5, 6, 5),
        "c": Choice(("x", "y", "z"), "y"),
        "w": Weights((1,), 2.0),
    }
)


def box(n_dim: int) -> ParameterSpace:
    return ParameterSpace(tuple(Real(0.0, 1.0, 0.5, name=f"x{i}") for i in range(n_dim)))


def walk(strategy: GridSearch, space: ParameterSpace, n_generations: int) -> list[FloatArray]:
    """The new points of each generation, the incumbent left out."""
    state, generations = begin(strategy, space), []
    for _ in range(n_generations):
        generations.append(ask_points(strategy, state)[1:])
        state = tell_fitness(strategy, state, lambda points: np.zeros(len(points)))
    return generations


def test_the_values_of_an_axis_are_the_middles_of_equally_likely_parts() -> None:
    numbers = np.arange(4, dtype=np.int64)
    levels = np.array([4], dtype=np.int64)
    bounded = grid_points(numbers, levels, np.array([True]))
    np.testing.assert_allclose(bounded[:, 0], [1 / 8, 3 / 8, 5 / 8, 7 / 8], rtol=1e-15)
    weights = grid_points(numbers, levels, np.array([False]))
    np.testing.assert_allclose(weights[:, 0], stats.norm.ppf(bounded[:, 0]), rtol=1e-12)


def test_numbers_are_read_in_mixed_radix() -> None:
    levels = np.array([2, 3, 2], dtype=np.int64)
    points = grid_points(np.array([0, 1, 2, 11], dtype=np.int64), levels, np.ones(3, bool))
    digits = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 2, 1]])
    np.testing.assert_allclose(points, (digits + 0.5) / levels, rtol=1e-15)


def test_every_point_comes_once_before_any_comes_again() -> None:
    """4 · 2 · 3 · 4 points in 12 generations of 8 new ones each, then the same order anew."""
    generations = walk(GridSearch(population_size=9, points_per_axis=4), SPACE, 24)
    first, second = np.vstack(generations[:12]), np.vstack(generations[12:])
    assert len(np.unique(first, axis=0)) == len(first) == 96
    np.testing.assert_array_equal(first, second)


def test_integers_and_choices_have_no_more_points_than_values_and_show_all() -> None:
    values = SPACE.decode(
        np.vstack(walk(GridSearch(population_size=97, points_per_axis=4), SPACE, 1))
    )
    assert np.unique(values["i"]).tolist() == [5, 6]
    assert np.unique(values["c"]).tolist() == [0, 1, 2]
    assert len(np.unique(values["a"])) == 4
    assert len(np.unique(values["w"])) == 4


def test_a_few_points_of_many_values_decode_to_different_values() -> None:
    space = ParameterSpace.of(
        {
            "i": Integer(0, 6, 0),
        }
    )
    for m in range(2, 8):
        points = np.vstack(walk(GridSearch(population_size=m + 1, points_per_axis=m), space, 1))
        assert len(np.unique(space.decode(points)["i"])) == m


def test_a_grid_smaller_than_a_generation_is_not_repeated_within_it() -> None:
    generations = walk(GridSearch(population_size=48, points_per_axis=3), box(1), 2)
    assert [len(points) for points in generations] == [3, 3]


def worst_count(points: FloatArray, m: int) -> int:
    """The fewest visits to any value of any axis."""
    digits = np.floor(points * m).astype(np.int64)
    return min(int(np.bincount(column, minlength=m).min()) for column in digits.T)


@pytest.mark.parametrize(("n_dim", "m"), [(7, 3), (7, 2), (22, 2), (14, 3), (7, 5)])
def test_each_generation_spreads_over_every_axis(n_dim: int, m: int) -> None:
    """Half the even share at least, anywhere in the walk; the plain order leaves axes untouched."""
    generations = walk(GridSearch(points_per_axis=m), box(n_dim), 30)
    assert min(worst_count(points, m) for points in generations) >= 0.5 * 47 / m
    levels = np.full(n_dim, m, dtype=np.int64)
    plain = grid_points(np.arange(47, dtype=np.int64), levels, np.ones(n_dim, bool))
    assert worst_count(plain, m) == 0


@pytest.mark.parametrize("levels", [[1], [2], [1, 1], [2, 3], [7], [4, 6, 9], [3] * 14, [2] * 23])
def test_the_stride_is_coprime_to_the_number_of_points(levels: list[int]) -> None:
    each: NDArray[np.int64] = np.array(levels, dtype=np.int64)
    stride = well_spread_stride(each)
    assert stride >= 1
    assert gcd(stride, int(np.prod(each))) == 1


@pytest.mark.parametrize("n_dim", [15, 10_000])
def test_a_grid_too_large_to_be_walked_is_refused_with_a_way_out(n_dim: int) -> None:
    assert 3**14 <= MAX_POINTS < 3**15
    with pytest.raises(ValueError, match=f"3 points in {n_dim} dimensions.*lower points_per_axis"):
        begin(GridSearch(), box(n_dim))


def test_the_best_candidate_becomes_the_incumbent_and_is_evaluated_again() -> None:
    """An old success does not count, and a tie changes nothing."""
    strategy = GridSearch(population_size=3, points_per_axis=2)
    state, best = begin(strategy, SPACE), SPACE.default_point()
    for fitness, winner in (([1e9, 0.0, 0.0], 0), ([1.0, 2.0, 0.0], 1), ([2.0, 2.0, np.nan], 0)):
        points = ask_points(strategy, state)
        np.testing.assert_array_equal(points[0], best)
        state, best = tell_fitness(strategy, state, fitness), points[winner]
        np.testing.assert_array_equal(strategy.recommend(state), best)
    assert strategy.summary(state) == {"walked": 6 / 16, "incumbent_age": 1.0}
