"""Random search: the law of its draws and what it keeps."""

import numpy as np
import pytest
from scipy import stats
from support.search_steps import BOX_AND_WEIGHTS, ask_points, begin, tell_fitness
from support.statistical_asserts import assert_law

from spikeloop.coordinator.strategies.random_search import RandomSearch

ALPHA = 1e-4


def test_the_best_candidate_is_kept_and_the_others_follow_the_initial_law() -> None:
    strategy = RandomSearch(population_size=5001)
    state = begin(strategy)
    np.testing.assert_array_equal(ask_points(strategy, state)[0], BOX_AND_WEIGHTS.default_point())
    winner = ask_points(strategy, state)[7]
    state = tell_fitness(strategy, state, np.arange(5001) == 7)
    np.testing.assert_array_equal(strategy.recommend(state), winner)
    points = ask_points(strategy, state, 2)
    np.testing.assert_array_equal(points[0], winner)
    sampled = BOX_AND_WEIGHTS.sample(5000, np.random.default_rng(0))
    for drawn in (points[1:], sampled):  # the two ways to draw from the initial law
        for column, law in enumerate((stats.uniform.cdf, stats.norm.cdf, stats.norm.cdf)):
            assert_law(drawn[:, column], law, ALPHA / 6)
    with pytest.raises(AssertionError):
        assert_law(points[1:, 1], stats.uniform.cdf, ALPHA / 6)
