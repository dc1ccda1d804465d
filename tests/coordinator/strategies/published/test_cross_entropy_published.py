"""The published cross-entropy method: its fit and each of its faults, exactly."""

import numpy as np
import pytest
from scipy import stats
from support.statistical_asserts import assert_law, assert_mean

from spikeloop.coordinator.strategies.base import Evaluation
from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.coordinator.strategies.published.cross_entropy import (
    CrossEntropyPublished,
    CrossEntropyPublishedState,
)
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.space import ParameterSpace, Real, Weights

ALPHA = 1e-4
SPACE = ParameterSpace((Real("a", 0.0, 1.0, 0.25), Weights("w", (2,), 1.0)))
BOX = ParameterSpace(tuple(Real(f"x{i}", 0.0, 1.0, 0.5) for i in range(7)))
START = SPACE.default_point()


def sampled(generation: int, n: int, covariance: FloatArray) -> FloatArray:
    """(n, 3) weights, which nothing clips, asked for without noise, with C given."""
    space = ParameterSpace((Weights("w", (3,), 1.0),))
    strategy = CrossEntropyPublished(population_size=n, noise_magnitude=0.0)
    rng = np.random.default_rng(0)
    state = CrossEntropyPublishedState(
        generation, np.zeros(3), covariance, space.bounded(), np.zeros(3)
    )
    return strategy.ask(state, rng).points


def test_mean_and_covariance_are_those_of_the_elite() -> None:
    strategy = CrossEntropyPublished(population_size=20, elite_fraction=0.2)
    rng = np.random.default_rng(0)
    state = strategy.init(SPACE, START, rng)
    pop, fitness = strategy.ask(state, rng), rng.standard_normal(20)
    after = strategy.tell(state, pop, Evaluation(fitness), rng)
    elite = pop.points[np.argsort(-fitness)[:4]]
    np.testing.assert_allclose(after.mean, elite.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(after.covariance, np.cov(elite, rowvar=False), rtol=1e-12)
    np.testing.assert_array_equal(strategy.recommend(after), elite[0])


def test_smoothing_mixes_with_the_predecessor_at_first_with_the_whole_population() -> None:
    strategy = CrossEntropyPublished(population_size=20, elite_fraction=0.2, smoothing=0.25)
    rng = np.random.default_rng(0)
    state = strategy.init(SPACE, START, rng)
    for _ in range(2):
        pop, fitness = strategy.ask(state, rng), rng.standard_normal(20)
        elite = pop.points[np.argsort(-fitness)[:4]]
        old = pop.points if state.generation == 0 else None
        mean = state.mean if old is None else old.mean(axis=0)
        covariance = state.covariance if old is None else np.cov(old, rowvar=False)
        state = strategy.tell(state, pop, Evaluation(fitness), rng)
        np.testing.assert_allclose(state.mean, 0.25 * mean + 0.75 * elite.mean(axis=0), rtol=1e-12)
        expected = 0.25 * covariance + 0.75 * np.cov(elite, rowvar=False)
        np.testing.assert_allclose(state.covariance, expected, rtol=1e-12)


def test_without_noise_the_candidates_follow_the_elite() -> None:
    covariance = np.array([[0.04, 0.02, 0.0], [0.02, 0.09, 0.0], [0.0, 0.0, 1e-6]])
    points = sampled(5, 20000, covariance)
    whitened = points @ np.linalg.inv(np.linalg.cholesky(covariance)).T
    for column in range(3):
        assert_law(whitened[:, column], stats.norm.cdf, ALPHA / 4)
    assert_mean(points[:, 0] * points[:, 1], 0.02, ALPHA / 4)
    with pytest.raises(AssertionError):
        assert_mean(points[:, 0] * points[:, 1], 0.0, ALPHA / 4)


def test_the_noise_is_added_as_a_variance() -> None:
    """In generation 10 the added variance is |N(0, 0.95^10)|, not the square of that."""
    generation, scale = 10, 0.95**10
    variances = []
    for seed in range(600):
        state = CrossEntropyPublishedState(
            generation, np.zeros(40), np.zeros((40, 40)), np.zeros(40, bool), np.zeros(40)
        )
        ask = CrossEntropyPublished(population_size=20).ask
        variances.append((ask(state, np.random.default_rng(seed)).points ** 2).mean())
    mean_noise = scale * np.sqrt(2 / np.pi)
    assert mean_noise == pytest.approx(0.48, abs=0.005)
    assert_mean(variances, mean_noise, ALPHA)
    with pytest.raises(AssertionError):  # noise that is a standard deviation
        assert_mean(variances, scale**2, ALPHA)
    with pytest.raises(AssertionError):  # one generation too early
        assert_mean(variances, mean_noise * 0.95, ALPHA)


def at_bounds(generation: int, noise_magnitude: float = 1.0) -> list[float]:
    """Share of coordinates on a bound in this generation, in 20 runs on a bump in the middle."""
    shares = []
    for seed in range(20):
        strategy = CrossEntropyPublished(noise_magnitude=noise_magnitude)
        rng = np.random.default_rng(seed)
        state = strategy.init(BOX, BOX.default_point(), rng)
        for _ in range(generation):
            pop = strategy.ask(state, rng)
            fitness = -((pop.points - 0.5) ** 2).sum(axis=1)
            state = strategy.tell(state, pop, Evaluation(fitness), rng)
        points = strategy.ask(state, rng).points
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
    rng = np.random.default_rng(0)
    state = strategy.init(SPACE, START, rng)
    np.testing.assert_array_equal(strategy.recommend(state), START)
    for best, noise in ((2, 1e9), (4, 1.0)):
        pop, fitness = strategy.ask(state, rng), np.zeros(6)
        fitness[best] = noise
        state = strategy.tell(state, pop, Evaluation(fitness), rng)
        np.testing.assert_array_equal(strategy.recommend(state), pop.points[best])
        assert not np.allclose(strategy.recommend(state), state.mean)


def test_a_single_survivor_keeps_the_covariance() -> None:
    strategy = CrossEntropyPublished(population_size=4, elite_fraction=1.0)
    rng = np.random.default_rng(0)
    state = strategy.init(SPACE, START, rng)
    pop = Explicit(np.arange(12, dtype=np.float64).reshape(4, 3))
    after = strategy.tell(state, pop, Evaluation(np.array([np.nan, 1.0, np.nan, np.nan])), rng)
    np.testing.assert_array_equal(after.mean, pop.points[1])
    np.testing.assert_array_equal(after.covariance, state.covariance)


def test_a_space_too_large_for_a_covariance_is_refused() -> None:
    space = ParameterSpace((Weights("w", (2001,), 1.0),))
    with pytest.raises(ValueError, match="at most 2000"):
        CrossEntropyPublished().init(space, space.default_point(), np.random.default_rng(0))
