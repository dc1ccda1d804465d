"""Separable natural evolution: steps by the paper's equations, bounds, and learnt widths."""

from typing import Any

import numpy as np
from support.search_steps import ask_points, begin, tell_fitness, tell_repeatedly

from spikeloop.coordinator.strategies.natural_evolution import NaturalEvolution
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.parameter_types import Weights
from spikeloop.workers.space import ParameterSpace

UNBOUNDED = ParameterSpace.of(
    {
        "w": Weights((5,), 1.0),
    }
)


def quadratic(points: FloatArray) -> FloatArray:
    return np.asarray(-((points - 0.4) ** 2 * np.logspace(0, 2, points.shape[1])).sum(axis=1))


def by_the_paper(
    state: Any, points: FloatArray, eta: float, rate: float
) -> tuple[FloatArray, FloatArray]:
    """Algorithm 6 of Wierstra et al. 2014, candidate by candidate, on explicit points."""
    n, d = points.shape
    order = np.argsort(-quadratic(points))
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
    state = begin(strategy, UNBOUNDED, np.linspace(-1, 1, 5))
    for seed in range(5):
        points = ask_points(strategy, state, seed)
        center, sigma = by_the_paper(state, points, eta=0.7, rate=1.3)
        state = tell_fitness(strategy, state, quadratic, seed)
        np.testing.assert_allclose(state.center, center, rtol=1e-5)
        np.testing.assert_allclose(state.sigma, sigma, rtol=1e-5)
    assert state.sigma.max() > 1.1 * state.sigma.min()


def test_the_centre_of_a_bounded_coordinate_is_folded() -> None:
    strategy = NaturalEvolution()
    state = begin(strategy, start=[1.2, 1.2, 0.0, -3.0])
    np.testing.assert_allclose(state.center, [0.8, 1.2, 0.0, -3.0])
    steep = strategy.State(0, np.array([0.99, 0.99, 0.0, 0.0]), state.sigma, state.bounded)
    updated = tell_fitness(strategy, steep, lambda points: points[:, :2].sum(axis=1))
    assert updated.center[1] > 1.02
    assert 0.8 < updated.center[0] < 0.98


def test_a_bounded_coordinate_never_gets_wider_than_its_range() -> None:
    """Fitness rewards distance in one coordinate, whose width grows; weights have no limit."""
    strategy = NaturalEvolution(sigma=0.8)
    for column, limited in ((0, True), (1, False)):
        state = begin(strategy)
        for seed in range(8):
            away = (ask_points(strategy, state, seed) - state.center)[:, column] ** 2
            state = tell_fitness(strategy, state, away, seed)
        assert (state.sigma[column] == 1.0) == limited
        assert (state.sigma[column] > 1.5) != limited
    wide = begin(NaturalEvolution(sigma=3.0))
    np.testing.assert_array_equal(wide.sigma, [1.0, 3.0, 3.0, 3.0])


def test_widths_learn_the_scale_of_each_coordinate() -> None:
    """On an ellipsoid with curvatures 1 to 100 the widths end in the opposite order."""
    strategy = NaturalEvolution()
    state = tell_repeatedly(strategy, begin(strategy, UNBOUNDED), quadratic, 60)
    np.testing.assert_allclose(strategy.recommend(state), 0.4, atol=0.01)
    assert (np.diff(state.sigma) < 0).all()
    summary = strategy.summary(state)
    assert summary["sigma_min"] == state.sigma[-1]
    assert summary["sigma_max"] == state.sigma[0]
