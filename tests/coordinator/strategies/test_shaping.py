"""Shapings: exact cases and properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikeloop.coordinator.strategies.shaping import (
    centered_ranks,
    log_rank_utilities,
    standardised,
    whole_pairs,
)

NAN = np.nan
fitnesses = st.lists(st.integers(-5, 5).map(float) | st.just(NAN), min_size=1, max_size=20).map(
    np.array
)


@pytest.mark.parametrize(
    ("fitness", "utility"),
    [
        ([3.0, 1.0, 2.0], [0.5, -0.5, 0.0]),
        ([7.0, 7.0, 7.0], [0.0, 0.0, 0.0]),
        ([1.0, 2.0, 2.0, 3.0], [-0.5, 0.0, 0.0, 0.5]),
        ([1.0, 1.0, 2.0], [-0.25, -0.25, 0.5]),
        ([NAN, 5.0, 1.0], [0.0, 0.5, -0.5]),
        ([-np.inf, 5.0, 1.0], [0.0, 0.5, -0.5]),
        ([NAN, 5.0], [0.0, 0.0]),
        ([NAN, NAN], [0.0, 0.0]),
        ([], []),
    ],
)
def test_centered_ranks(fitness: list[float], utility: list[float]) -> None:
    np.testing.assert_allclose(centered_ranks(np.array(fitness)), utility, atol=1e-15)


def test_half_a_pair_is_no_pair() -> None:
    fitness = np.array([1.0, 2.0, NAN, 3.0, 4.0, -np.inf, NAN, NAN])
    np.testing.assert_array_equal(whole_pairs(fitness), [1.0, 2.0, NAN, NAN, NAN, NAN, NAN, NAN])


def test_log_rank_utilities() -> None:
    """ln(n/2 + 1) − ln k of the better half, over the sum, minus 1/n."""
    by_rank = np.log(3.0) - np.log([1.0, 2.0, 3.0, 4.0])
    by_rank = np.maximum(by_rank, 0.0) / (by_rank[0] + by_rank[1]) - 0.25
    fitness = np.array([5.0, NAN, 9.0, -1.0, 7.0])
    best_first = [2, 4, 0, 3]
    utility = log_rank_utilities(fitness)
    np.testing.assert_allclose(utility[best_first], by_rank, atol=1e-15)
    assert utility[1] == 0.0
    tied = log_rank_utilities(np.array([5.0, 9.0, 9.0, -1.0]))
    np.testing.assert_allclose(tied, [-0.25, 0.25, 0.25, -0.25], atol=1e-15)
    np.testing.assert_array_equal(log_rank_utilities(np.array([3.0, NAN])), [0.0, 0.0])


@pytest.mark.parametrize(
    ("fitness", "utility"),
    [
        ([1.0, 3.0], [-1.0, 1.0]),
        ([2.0, NAN, 4.0, 2.0, 4.0], [-1.0, 0.0, 1.0, -1.0, 1.0]),
        ([0.0, 0.0, 0.0, 4.0], [-(3**-0.5), -(3**-0.5), -(3**-0.5), 3**0.5]),
        ([7.0, 7.0, NAN], [0.0, 0.0, 0.0]),
        ([0.3, 0.1 + 0.2], [0.0, 0.0]),  # they differ by rounding
        ([NAN], [0.0]),
    ],
)
def test_standardised(fitness: list[float], utility: list[float]) -> None:
    np.testing.assert_allclose(standardised(np.array(fitness)), utility, atol=1e-15)


@given(fitness=fitnesses, seed=st.integers(0, 1000))
def test_shapings_ignore_maps_of_fitness_follow_a_permutation_and_skip_failures(
    fitness: np.ndarray, seed: int
) -> None:
    """All maps that keep the order change no ranks; those of the form a f + b change nothing."""
    order, alive = np.random.default_rng(seed).permutation(fitness.size), np.isfinite(fitness)
    for shaping, mapped in (
        (centered_ranks, np.exp(fitness) - 100),
        (log_rank_utilities, np.exp(fitness) - 100),
        (standardised, 3 * fitness - 7),
    ):
        utility = shaping(fitness)
        np.testing.assert_allclose(shaping(mapped), utility, atol=1e-12)
        np.testing.assert_allclose(shaping(fitness[order]), utility[order], atol=1e-12)
        np.testing.assert_allclose(shaping(fitness[alive]), utility[alive], atol=1e-12)
        np.testing.assert_array_equal(utility[~alive], 0.0)
        assert abs(utility.sum()) < 1e-9
