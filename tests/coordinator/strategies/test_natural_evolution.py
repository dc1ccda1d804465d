"""Separable natural evolution: steps by the paper's equations, bounds, and learnt widths."""

import numpy as np
import pytest
from support.statistical_asserts import assert_mean

from spikeloop.coordinator.strategies.base import Evaluation
from spikeloop.coordinator.strategies.natural_evolution import (
    NaturalEvolution,
    NaturalEvolutionState,
)
from spikeloop.coordinator.strategies.shaping import log_rank_utilities
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.space import ParameterSpace, Real, Weights

ALPHA = 1e-4
SPACE = ParameterSpace((Real("a", 0, 1, 0.25), Weights("w", (3,), 1.0)))
UNBOUNDED = ParameterSpace((Weights("w", (5,), 1.0),))


def quadratic(points: FloatArray) -> FloatArray:
    return np.asarray(-((points - 0.4) ** 2 * np.logspace(0, 2, points.shape[1])).sum(axis=1))


def by_the_paper(
    state: NaturalEvolutionState, points: FloatArray, fitness: FloatArray, eta: float, rate: float
) -> tuple[FloatArray, FloatArray]:
    """Algorithm 6 of Wierstra et al. 2014, candidate by candidate, on explicit points."""
    n, d = points.shape
    order = np.argsort(-fitness)
    raw = np.array([max(0.0, np.log(n / 2 + 1) - np.log(k)) for k in range(1, n + 1)])
    utility = raw / raw.sum() - 1 / n
    grad_x, grad_sigma = np.zeros(d), np.zeros(d)
    for u, k in zip(utility, order, strict=True):
        s = (points[k] - state.center) / state.sigma
        grad_x += u * s
        grad_sigma += u * (s**2 - 1)
    eta_sigma = rate * (3 + np.log(d)) / (5 * np.sqrt(d))
    return state.center + eta * state.sigma * grad_x, state.sigma * np.exp(
        eta_sigma / 2 * grad_sigma
    )


def test_tell_takes_the_steps_of_the_paper() -> None:
    strategy = NaturalEvolution(population_size=10, learning_rate=0.7, sigma_rate=1.3)
    rng = np.random.default_rng(0)
    state = strategy.init(UNBOUNDED, np.linspace(-1, 1, 5), rng)
    for _ in range(5):
        pop = strategy.ask(state, rng)
        points = pop.rows(0, 10)
        fitness = quadratic(points)
        center, sigma = by_the_paper(state, points, fitness, eta=0.7, rate=1.3)
        state = strategy.tell(state, pop, Evaluation(fitness), rng)
        np.testing.assert_allclose(state.center, center, rtol=1e-5)
        np.testing.assert_allclose(state.sigma, sigma, rtol=1e-5)
    assert state.sigma.max() > 1.1 * state.sigma.min()


def test_the_centre_of_a_bounded_coordinate_is_folded() -> None:
    strategy = NaturalEvolution()
    rng = np.random.default_rng(0)
    state = strategy.init(SPACE, np.array([1.2, 1.2, 0.0, -3.0]), rng)
    np.testing.assert_allclose(state.center, [0.8, 1.2, 0.0, -3.0])
    steep = NaturalEvolutionState(0, np.array([0.99, 0.99, 0.0, 0.0]), state.sigma, state.bounded)
    pop = strategy.ask(steep, rng)
    updated = strategy.tell(steep, pop, Evaluation(pop.rows(0, 48)[:, :2].sum(axis=1)), rng)
    assert updated.center[1] > 1.02
    assert 0.8 < updated.center[0] < 0.98


def test_a_bounded_coordinate_never_gets_wider_than_its_range() -> None:
    """Fitness rewards distance in one coordinate, whose width grows; weights have no limit."""
    strategy = NaturalEvolution(sigma=0.8)
    for column, limited in ((0, True), (1, False)):
        rng = np.random.default_rng(0)
        state = strategy.init(SPACE, SPACE.default_point(), rng)
        for _ in range(8):
            pop = strategy.ask(state, rng)
            away = (pop.rows(0, 48) - state.center)[:, column] ** 2
            state = strategy.tell(state, pop, Evaluation(away), rng)
        assert (state.sigma[column] == 1.0) == limited
        assert (state.sigma[column] > 1.5) != limited
    wide = NaturalEvolution(sigma=3.0).init(SPACE, SPACE.default_point(), rng)
    np.testing.assert_array_equal(wide.sigma, [1.0, 3.0, 3.0, 3.0])


def test_the_width_of_what_does_not_matter_is_not_biased() -> None:
    """Of ln σ in a flat coordinate the mean step is 0; in a curved one it is not."""
    strategy = NaturalEvolution(population_size=12)
    rng = np.random.default_rng(0)
    state = strategy.init(UNBOUNDED, np.zeros(5), rng)
    steps = []
    for _ in range(1500):
        pop = strategy.ask(state, rng)
        fitness = -(pop.rows(0, 12)[:, 0] ** 2)
        after = strategy.tell(state, pop, Evaluation(fitness), rng)
        steps.append(np.log(after.sigma / state.sigma))
    for flat in range(1, 5):
        assert_mean(np.array(steps)[:, flat], 0.0, ALPHA / 4)
    with pytest.raises(AssertionError):
        assert_mean(np.array(steps)[:, 0], 0.0, ALPHA / 4)


def test_without_a_whole_pair_only_the_generation_counts() -> None:
    strategy = NaturalEvolution(population_size=4)
    rng = np.random.default_rng(0)
    state = strategy.init(SPACE, SPACE.default_point(), rng)
    pop = strategy.ask(state, rng)
    updated = strategy.tell(state, pop, Evaluation(np.array([1.0, np.nan, np.nan, 2.0])), rng)
    np.testing.assert_array_equal(updated.center, state.center)
    np.testing.assert_array_equal(updated.sigma, state.sigma)
    assert updated.generation == 1


def test_widths_learn_the_scale_of_each_coordinate() -> None:
    """On an ellipsoid with curvatures 1 to 100 the widths end in the opposite order."""
    strategy = NaturalEvolution()
    rng = np.random.default_rng(0)
    state = strategy.init(UNBOUNDED, np.zeros(5), rng)
    for _ in range(60):
        pop = strategy.ask(state, rng)
        state = strategy.tell(state, pop, Evaluation(quadratic(pop.rows(0, 48))), rng)
    np.testing.assert_allclose(strategy.recommend(state), 0.4, atol=0.01)
    assert (np.diff(state.sigma) < 0).all()
    summary = strategy.summary(state)
    assert summary["sigma_min"] == state.sigma[-1]
    assert summary["sigma_max"] == state.sigma[0]


def test_a_million_dimensions_travel_as_a_seed() -> None:
    """Only centre and widths, 16 MB, travel: four candidates would have 32 MB."""
    space = ParameterSpace((Weights("w", (1_000_000,), 1.0),))
    strategy = NaturalEvolution(population_size=4)
    rng = np.random.default_rng(0)
    state = strategy.init(space, space.default_point(), rng)
    pop = strategy.ask(state, rng)
    assert pop.nbytes < 16_000_100
    state = strategy.tell(state, pop, Evaluation(np.array([0.0, 3.0, 1.0, 2.0])), rng)
    utility = log_rank_utilities(np.array([0.0, 3.0, 1.0, 2.0]))
    noise = np.array([eps[:3] for eps in map(np.array, pop.noise())], dtype=np.float64)
    step = 0.15 * (utility[[0, 2]] - utility[[1, 3]]) @ noise
    np.testing.assert_allclose(state.center[:3], step, rtol=1e-5)
