"""Finite differences: the exact slope of planes and quadratics, and least squares otherwise."""

import numpy as np
import pytest
from support.statistical_asserts import assert_mean

from spikeloop.coordinator.strategies.base import Evaluation
from spikeloop.coordinator.strategies.finite_differences import (
    FiniteDifferences,
    slope,
    standardised,
)
from spikeloop.coordinator.strategies.optimizers import Sgd
from spikeloop.coordinator.strategies.population import BLOCK, MirroredGaussian
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.space import ParameterSpace, Real, Weights

ALPHA = 1e-4
SPACE = ParameterSpace((Real("a", 0, 1, 0.25), Weights("w", (3,), 1.0)))
CENTER = np.array([0.5, -1.0, 2.0, 0.0])
TOP = np.array([1.0, 1.0, 0.0, -1.0])
CURVATURE = np.array([1.0, 0.5, 2.0, 0.1])


def quadratic(points: FloatArray) -> FloatArray:
    return np.asarray(-0.5 * ((points - TOP) ** 2 * CURVATURE).sum(axis=-1))


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
def test_the_dual_form_is_least_squares_and_the_shortest_solution(n_pairs: int) -> None:
    pop = MirroredGaussian(CENTER, 0.2, seed=5, n_pairs=n_pairs)
    fitness = np.random.default_rng(0).standard_normal(2 * n_pairs)
    difference = (fitness[::2] - fitness[1::2]) / 0.4
    expected = np.linalg.lstsq(noise_of(pop), difference, rcond=None)[0]
    np.testing.assert_allclose(slope(pop, fitness, 0.0), expected, rtol=1e-6)


@pytest.mark.parametrize("n_pairs", [2, 9])
def test_ridge_is_that_of_the_primal_form(n_pairs: int) -> None:
    pop = MirroredGaussian(CENTER, 0.2, seed=5, n_pairs=n_pairs)
    fitness = np.random.default_rng(0).standard_normal(2 * n_pairs)
    difference, noise = (fitness[::2] - fitness[1::2]) / 0.4, noise_of(pop)
    expected = np.linalg.solve(noise.T @ noise + 0.7 * np.eye(4), noise.T @ difference)
    np.testing.assert_allclose(slope(pop, fitness, 0.7), expected, rtol=1e-9)
    assert not np.allclose(slope(pop, fitness, 0.0), expected, rtol=1e-2)


def test_noise_of_fitness_leaves_the_slope_unbiased() -> None:
    rng = np.random.default_rng(1)
    slopes = []
    for seed in range(400):
        pop = MirroredGaussian(CENTER, 0.3, seed, n_pairs=24)
        noise = 0.5 * rng.standard_normal(48)
        slopes.append(slope(pop, quadratic(pop.rows(0, 48)) + noise, 0.0))
    for i, expected in enumerate(true_gradient(CENTER)):
        assert_mean(np.array(slopes)[:, i], expected, ALPHA / 4)
    with pytest.raises(AssertionError):  # 5 % too long
        assert_mean(1.05 * np.array(slopes)[:, 2], true_gradient(CENTER)[2], ALPHA / 4)


def test_tell_steps_along_the_slope_of_standardised_fitness() -> None:
    strategy = FiniteDifferences(
        population_size=12, ridge=0.0, optimizer=Sgd(momentum=0.0), learning_rate=0.2
    )
    rng = np.random.default_rng(0)
    state = strategy.init(SPACE, CENTER, rng)
    for generation in range(3):
        pop = strategy.ask(state, rng)
        assert pop.sigma == pytest.approx(0.15 * 0.97**generation)
        fitness = quadratic(pop.rows(0, 12))
        after = strategy.tell(state, pop, Evaluation(fitness), rng)
        step = 0.2 * 0.97**generation * true_gradient(state.center) / fitness.std()
        np.testing.assert_allclose(after.center, state.center + step, rtol=1e-9)
        assert after.step_norm == pytest.approx(np.linalg.norm(step), rel=1e-9)
        state = after


def test_standardised_fitness_ignores_what_failed() -> None:
    np.testing.assert_allclose(
        standardised(np.array([1.0, np.nan, 3.0, 5.0])),
        np.array([-1.0, np.nan, 0.0, 1.0]) * np.sqrt(1.5),
        rtol=1e-14,
    )
    np.testing.assert_array_equal(standardised(np.array([2.0, 2.0, np.nan])), [0.0, 0.0, np.nan])
    assert np.isnan(standardised(np.array([np.nan]))).all()


@pytest.mark.parametrize("fitness", [[1.0] * 4, [1.0, np.nan, np.nan, 2.0]])
def test_nothing_to_learn_moves_nothing(fitness: list[float]) -> None:
    """Equal fitness everywhere, or no whole pair."""
    strategy = FiniteDifferences(population_size=4)
    rng = np.random.default_rng(0)
    state = strategy.init(SPACE, CENTER, rng)
    after = strategy.tell(state, strategy.ask(state, rng), Evaluation(np.array(fitness)), rng)
    np.testing.assert_array_equal(after.center, CENTER)


def test_more_dimensions_than_a_block_are_fitted_exactly() -> None:
    """10^5 weights: a matrix of n_dim² would take 80 GB; the fit reproduces every difference."""
    n_dim = BLOCK + 40_000
    pop = MirroredGaussian(np.zeros(n_dim), 0.1, seed=2, n_pairs=3)
    fitness = np.array([1.0, -2.0, 0.5, 0.0, 3.0, 1.0])
    found = slope(pop, fitness, 0.0)
    predicted = pop.rows(0, 6) @ found
    np.testing.assert_allclose(predicted[::2] - predicted[1::2], [3.0, 0.5, 2.0], rtol=1e-9)
