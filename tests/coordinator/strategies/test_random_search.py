"""Random search: the law of its draws and what it keeps."""

import numpy as np
import pytest
from scipy import stats
from support.statistical_asserts import assert_law

from spikeloop.coordinator.strategies.base import Evaluation
from spikeloop.coordinator.strategies.random_search import RandomSearch
from spikeloop.workers.space import ParameterSpace, Real, Weights

ALPHA = 1e-4
SPACE = ParameterSpace((Real("a", 1.0, 5.0, 2.0), Weights("w", (2,), 3.0)))


def test_candidate_0_is_the_incumbent_and_the_others_follow_the_initial_law() -> None:
    strategy = RandomSearch(population_size=5001)
    rng = np.random.default_rng(0)
    points = strategy.ask(strategy.init(SPACE, SPACE.default_point(), rng), rng).rows(0, 5001)
    np.testing.assert_array_equal(points[0], SPACE.default_point())
    laws = (stats.uniform.cdf, stats.norm.cdf, stats.norm.cdf)
    for column, law in enumerate(laws):
        assert_law(points[1:, column], law, ALPHA / 3)
    with pytest.raises(AssertionError):
        assert_law(points[1:, 1], stats.uniform.cdf, ALPHA / 3)
    for column in range(3):  # the law of ParameterSpace.sample
        assert stats.ks_2samp(points[1:, column], SPACE.sample(5000, rng)[:, column]).pvalue > ALPHA


def test_the_best_candidate_becomes_the_incumbent() -> None:
    strategy = RandomSearch(population_size=4)
    rng = np.random.default_rng(0)
    state = strategy.init(SPACE, SPACE.default_point(), rng)
    pop = strategy.ask(state, rng)
    state = strategy.tell(state, pop, Evaluation(np.array([0.0, 1.0, 3.0, 2.0])), rng)
    winner = pop.rows(2, 3)
    np.testing.assert_array_equal(strategy.recommend(state), winner[0])
    np.testing.assert_array_equal(strategy.ask(state, rng).rows(0, 1), winner)
