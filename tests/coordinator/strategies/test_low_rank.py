"""Perturbations of low rank: their law, their sums, and a search with them."""

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError
from support.statistical_asserts import assert_mean

from spikeloop.coordinator.strategies.base import Evaluation, from_arrays, to_arrays
from spikeloop.coordinator.strategies.evolution import Evolution
from spikeloop.coordinator.strategies.low_rank import MirroredLowRank, matrices_of
from spikeloop.coordinator.strategies.population import MirroredGaussian
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.parameter_types import Real, Weights
from spikeloop.workers.space import ParameterSpace

ALPHA = 1e-4
SPACE = ParameterSpace.of(
    {
        "tau": Real(1.0, 100.0),
        "between": Weights((6, 9), 1.0),
        "narrow": Weights((2, 2), 1.0),
        "bias": Weights((9,), 1.0),
    }
)


def low_rank(rank: int, n_pairs: int = 3, seed: int = 7) -> MirroredLowRank:
    center = np.linspace(-1.0, 1.0, SPACE.n_dim)
    return MirroredLowRank(center, 0.5, seed, n_pairs, rank, matrices_of(SPACE, rank))


def noise_of(population: MirroredLowRank) -> FloatArray:
    noise: FloatArray = (population.rows()[::2] - population.center) / population.sigma
    return noise


def test_matrices_that_factors_would_not_make_smaller_are_left_alone() -> None:
    np.testing.assert_array_equal(matrices_of(SPACE, 1), [[1, 6, 9]])
    np.testing.assert_array_equal(matrices_of(SPACE, 3), [[1, 6, 9]])
    for rank in 0, 4:
        assert matrices_of(SPACE, rank).shape == (0, 3)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_perturbations_of_a_matrix_have_the_rank(rank: int) -> None:
    for noise in noise_of(low_rank(rank)):
        assert np.linalg.matrix_rank(noise[1:55].reshape(6, 9), tol=1e-5) == rank
        assert np.unique(noise).size == noise.size


def test_rows_are_mirrored_and_the_same_wherever_they_are_built() -> None:
    population = low_rank(2)
    rows = population.rows()
    np.testing.assert_allclose(
        rows[::2] + rows[1::2], np.broadcast_to(2 * population.center, (3, 68))
    )
    for start in range(6):
        np.testing.assert_array_equal(population.rows(start, 99), rows[start:])
    assert not np.isin(low_rank(2, seed=8).rows()[:, 1:], rows[:, 1:]).any()


def test_sums_of_noise_are_those_of_the_rows() -> None:
    population, noise = low_rank(2), noise_of(low_rank(2))
    weights, norm_weights = np.array([0.5, 0.0, -2.0]), np.array([0.0, 1.0, 3.0])
    total, norms = population.noise_sums(weights, norm_weights)
    np.testing.assert_allclose(total, weights @ noise, atol=1e-5)
    np.testing.assert_allclose(norms, norm_weights @ (noise**2).sum(axis=1), rtol=1e-5)


@pytest.mark.parametrize("rank", [1, 3])
def test_entries_are_uncorrelated_with_variance_1_and_the_norm_has_its_deviation(rank: int) -> None:
    """Each at a false-alarm rate of 1e-4; a normal matrix would have half of the deviation."""
    population = low_rank(rank, n_pairs=4000)
    noise = noise_of(population)
    assert_mean(noise[:, 5] ** 2, 1.0, alpha=ALPHA)
    assert_mean(noise[:, 5] * noise[:, 6], 0.0, alpha=ALPHA)
    assert_mean(noise[:, 5] * noise[:, 14], 0.0, alpha=ALPHA)
    assert_mean(noise[:, 0] * noise[:, 5], 0.0, alpha=ALPHA)
    norms = (noise**2).sum(axis=1)
    assert_mean(norms, float(SPACE.n_dim), alpha=ALPHA)
    assert_mean((norms - SPACE.n_dim) ** 2, population.norm_deviation**2, alpha=ALPHA)
    assert population.norm_deviation > 1.5 * np.sqrt(2 * SPACE.n_dim)


def test_only_centre_and_seed_travel() -> None:
    assert low_rank(1, n_pairs=10_000).nbytes == low_rank(1).nbytes < 1000


def fitness_of(points: FloatArray) -> FloatArray:
    fitness: FloatArray = -((points - 0.3) ** 2).sum(axis=1)
    return fitness


@pytest.mark.parametrize("rank", [0, 1])
def test_evolution_climbs_with_either_kind_of_perturbations(rank: int) -> None:
    evolution = Evolution(rank=rank, population_size=40, learning_rate=1.0)
    rng = np.random.default_rng(0)
    state = evolution.init(SPACE, rng)
    start = fitness_of(state.center[None])[0]
    for _ in range(60):
        population = evolution.ask(state, rng)
        assert isinstance(population, MirroredLowRank if rank else MirroredGaussian)
        state = evolution.tell(state, population, Evaluation(fitness_of(population.rows())), rng)
    assert fitness_of(state.center[None])[0] > 0.1 * start
    bounded = population.rows()[:, 0]
    assert bounded.min() >= 0
    assert bounded.max() <= 1


def test_a_state_of_a_version_without_low_rank_goes_on() -> None:
    evolution = Evolution()
    state = evolution.init(SPACE, np.random.default_rng(0))
    arrays = to_arrays(state)
    del arrays["matrices"]
    loaded = from_arrays(Evolution.State, arrays)
    assert to_arrays(replace(loaded)).keys() == to_arrays(state).keys()
    assert isinstance(evolution.ask(loaded, np.random.default_rng(1)), MirroredGaussian)
    with pytest.raises(ValueError, match="has the fields"):
        from_arrays(Evolution.State, {**arrays, "unknown": np.zeros(1)})


def test_truncated_noise_cannot_have_a_rank() -> None:
    with pytest.raises(ValidationError, match=r"bounds must be .* where rank is not 0"):
        Evolution(rank=1, bounds="resample")
