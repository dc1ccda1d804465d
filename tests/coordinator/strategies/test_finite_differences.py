"""Finite differences: the exact slope of planes and quadratics, and least squares otherwise."""

import numpy as np
import pytest
from support.search_steps import CURVATURE, TOP, ask_points, begin, quadratic, tell_fitness

from spikeloop.coordinator.strategies.finite_differences import FiniteDifferences, slope
from spikeloop.coordinator.strategies.optimizers import Sgd
from spikeloop.coordinator.strategies.population import BLOCK, MirroredGaussian
from spikeloop.tasks.base import FloatArray

CENTER = np.array([0.5, -1.0, 2.0, 0.0])


def true_gradient(center: FloatArray) -> FloatArray:
    return np.asarray(-CURVATURE * (center - TOP))


def noise_of(pop: MirroredGaussian) -> FloatArray:
    return np.array([eps.astype(np.float64) for eps in pop.noise()])


@pytest.mark.parametrize("n_pairs", [4, 5, 24])
def test_the_slope_of_a_quadratic_is_exact_with_a_pair_per_dimension(n_pairs: int) -> None:
    """Central differences cancel curvature; least squares divides out the probes."""
    pop = MirroredGaussian(CENTER, 0.3, seed=3, n_pairs=n_pairs)
    fitness = quadratic(pop.rows(0, 2 * n_pairs))
    np.testing.assert_allclose(slope(pop, fitness, 0.0), true_gradient(CENTER), rtol=1e-9)
    difference = (fitness[::2] - fitness[1::2]) / 0.6
    projected = noise_of(pop).T @ difference / n_pairs  # as evolution would, on the same probes
    assert not np.allclose(projected, true_gradient(CENTER), rtol=1e-2)


@pytest.mark.parametrize("n_pairs", [2, 3, 4, 9])
def test_the_dual_form_is_least_squares_with_a_ridge_or_the_shortest_solution(n_pairs: int) -> None:
    pop = MirroredGaussian(CENTER, 0.2, seed=5, n_pairs=n_pairs)
    fitness = np.random.default_rng(0).standard_normal(2 * n_pairs)
    difference, noise = (fitness[::2] - fitness[1::2]) / 0.4, noise_of(pop)
    shortest = np.linalg.lstsq(noise, difference, rcond=None)[0]
    np.testing.assert_allclose(slope(pop, fitness, 0.0), shortest, rtol=1e-6)
    ridge = np.linalg.solve(noise.T @ noise + 0.7 * np.eye(4), noise.T @ difference)
    np.testing.assert_allclose(slope(pop, fitness, 0.7), ridge, rtol=1e-9)
    assert not np.allclose(shortest, ridge, rtol=1e-2)


def test_tell_steps_along_the_slope_of_standardised_fitness() -> None:
    strategy = FiniteDifferences(
        population_size=12, ridge=0.0, optimizer=Sgd(momentum=0.0), learning_rate=0.2
    )
    state = begin(strategy, start=CENTER)
    for generation in range(3):
        sigma = strategy.summary(state)["sigma"]
        assert sigma == pytest.approx(0.15 * 0.97**generation)
        fitness = quadratic(ask_points(strategy, state))
        after = tell_fitness(strategy, state, fitness)
        step = 0.2 * 0.97**generation * true_gradient(state.center) / fitness.std()
        np.testing.assert_allclose(after.center, state.center + step, rtol=1e-9)
        assert after.step_norm == pytest.approx(np.linalg.norm(step), rel=1e-9)
        state = after


def test_fitness_that_differs_by_rounding_moves_nothing() -> None:
    strategy = FiniteDifferences(population_size=10)
    after = tell_fitness(strategy, begin(strategy, start=CENTER), np.tile([0.3, 0.1 + 0.2], 5))
    np.testing.assert_array_equal(after.center, CENTER)


def test_more_dimensions_than_a_block_are_fitted_exactly() -> None:
    """10^5 weights: a matrix of n_dim² would take 80 GB; the fit reproduces every difference."""
    n_dim = BLOCK + 40_000
    pop = MirroredGaussian(np.zeros(n_dim), 0.1, seed=2, n_pairs=3)
    fitness = np.array([1.0, -2.0, 0.5, 0.0, 3.0, 1.0])
    found = slope(pop, fitness, 0.0)
    predicted = pop.rows(0, 6) @ found
    np.testing.assert_allclose(predicted[::2] - predicted[1::2], [3.0, 0.5, 2.0], rtol=1e-9)
