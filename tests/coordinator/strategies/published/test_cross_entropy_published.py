"""The published cross-entropy method: its fit and each of its faults, exactly."""

import numpy as np
import pytest
from scipy import stats
from support.search_steps import BOX_AND_WEIGHTS, ask_points, begin, tell_fitness, tell_repeatedly
from support.statistical_asserts import assert_law, assert_mean

from spikeloop.coordinator.strategies.base import Evaluation
from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.coordinator.strategies.published.cross_entropy import CrossEntropyPublished
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.parameter_types import Real, Weights
from spikeloop.workers.space import ParameterSpace

ALPHA = 1e-4
BOX = ParameterSpace(tuple(Real(0.0, 1.0, 0.5, name=f"x{i}") for i in range(7)))


def of_weights(generation: int, covariance: FloatArray) -> CrossEntropyPublished.State:
    """A state whose candidates nothing clips."""
    zeros = np.zeros(len(covariance))
    return CrossEntropyPublished.State(generation, zeros, covariance, zeros > 0, zeros)


@pytest.mark.parametrize("smoothing", [0.0, 0.25])
def test_mean_and_covariance_of_the_elite_are_mixed_with_the_predecessor(smoothing: float) -> None:
    """At first with those of the whole population."""
    strategy = CrossEntropyPublished(population_size=20, elite_fraction=0.2, smoothing=smoothing)
    state = begin(strategy)
    for seed in range(2):
        points, fitness = (
            ask_points(strategy, state),
            np.random.default_rng(seed).standard_normal(20),
        )
        elite = points[np.argsort(-fitness)[:4]]
        mean, covariance = state.mean, state.covariance
        if state.generation == 0:
            mean, covariance = points.mean(axis=0), np.cov(points, rowvar=False)
        state = tell_fitness(strategy, state, fitness)
        new = 1 - smoothing
        np.testing.assert_allclose(
            state.mean, smoothing * mean + new * elite.mean(axis=0), rtol=1e-12
        )
        expected = smoothing * covariance + new * np.cov(elite, rowvar=False)
        np.testing.assert_allclose(state.covariance, expected, rtol=1e-12)


def test_without_noise_the_candidates_follow_the_elite() -> None:
    covariance = np.array([[0.04, 0.02, 0.0], [0.02, 0.09, 0.0], [0.0, 0.0, 1e-6]])
    strategy = CrossEntropyPublished(population_size=20_000, noise_magnitude=0.0)
    points = ask_points(strategy, of_weights(5, covariance))
    whitened = points @ np.linalg.inv(np.linalg.cholesky(covariance)).T
    for column in range(3):
        assert_law(whitened[:, column], stats.norm.cdf, ALPHA / 4)
    assert_mean(points[:, 0] * points[:, 1], 0.02, ALPHA / 4)
    with pytest.raises(AssertionError):
        assert_mean(points[:, 0] * points[:, 1], 0.0, ALPHA / 4)


def test_the_noise_is_added_as_a_variance() -> None:
    """In generation 10 the added variance is |N(0, 0.95^10)|, not the square of that."""
    strategy, scale = CrossEntropyPublished(population_size=20), 0.95**10
    state = of_weights(10, np.zeros((40, 40)))
    variances = [(ask_points(strategy, state, seed) ** 2).mean() for seed in range(600)]
    mean_noise = scale * np.sqrt(2 / np.pi)
    assert mean_noise == pytest.approx(0.48, abs=0.005)
    assert_mean(variances, mean_noise, ALPHA)
    with pytest.raises(AssertionError):  # noise that is a standard deviation
        assert_mean(variances, scale**2, ALPHA)
    with pytest.raises(AssertionError):  # one generation too early
        assert_mean(variances, mean_noise * 0.95, ALPHA)


def at_bounds(generation: int, noise_magnitude: float = 1.0) -> list[float]:
    """Share of coordinates on a bound in this generation, in 20 runs on a bump in the middle."""
    strategy, shares = CrossEntropyPublished(noise_magnitude=noise_magnitude), []
    for seed in range(20):
        state = tell_repeatedly(
            strategy,
            begin(strategy, BOX),
            lambda x: -((x - 0.5) ** 2).sum(axis=1),
            generation,
            seed,
        )
        points = ask_points(strategy, state, seed)
        shares.append(float(((points == 0) | (points == 1)).mean()))
    return shares


def test_in_generation_10_the_candidates_still_cover_the_box_and_lie_on_its_bounds() -> None:
    """Clearest where the elite is right in the middle and fitness without any noise."""
    published = np.array(at_bounds(10))
    assert (published > 0.3).all()
    assert published.mean() == pytest.approx(0.47, abs=0.05)
    assert max(at_bounds(10, noise_magnitude=0.0)) < 0.01
    assert np.mean(at_bounds(29)) > 0.2


def test_the_best_candidate_of_the_last_generation_is_recommended() -> None:
    strategy = CrossEntropyPublished(population_size=6, elite_fraction=0.5)
    state = begin(strategy)
    np.testing.assert_array_equal(strategy.recommend(state), BOX_AND_WEIGHTS.default_point())
    for best, fitness in ((2, 1e9), (4, 1.0)):
        points = ask_points(strategy, state)
        state = tell_fitness(strategy, state, fitness * (np.arange(6) == best))
        np.testing.assert_array_equal(strategy.recommend(state), points[best])
        assert not np.allclose(strategy.recommend(state), state.mean)


def test_a_single_survivor_keeps_the_covariance() -> None:
    strategy = CrossEntropyPublished(population_size=4, elite_fraction=1.0)
    state = begin(strategy)
    points = Explicit(np.arange(16, dtype=np.float64).reshape(4, 4))
    alone = Evaluation(np.array([np.nan, 1.0, np.nan, np.nan]))
    after = strategy.tell(state, points, alone, np.random.default_rng(0))
    np.testing.assert_array_equal(after.mean, points.points[1])
    np.testing.assert_array_equal(after.covariance, state.covariance)


def test_a_space_too_large_for_a_covariance_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 2000"):
        begin(
            CrossEntropyPublished(),
            ParameterSpace.of(
                {
                    "w": Weights((2001,), 1.0),
                }
            ),
        )
