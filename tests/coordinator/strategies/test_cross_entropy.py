"""Cross-entropy: its fit against closed forms, the law of its draws, ties, failures and size."""

import numpy as np
import pytest
from scipy import stats
from support.statistical_asserts import assert_law, assert_mean

from spikeloop.coordinator.strategies.base import Evaluation
from spikeloop.coordinator.strategies.cross_entropy import (
    CrossEntropy,
    CrossEntropyState,
    elite_weights,
    fit_gaussian,
)
from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.space import ParameterSpace, Real, Weights

ALPHA = 1e-4
SPACE = ParameterSpace((Real("a", 1.0, 5.0, 2.0), Weights("w", (2,), 3.0)))
POINTS = np.array([[0.1, 1.0, 0.0], [0.3, -1.0, 2.0], [0.9, 5.0, 5.0], [0.5, 0.0, 1.0]])
FITNESS = np.array([3.0, 2.0, 0.0, 1.0])


def begin(strategy: CrossEntropy) -> CrossEntropyState:
    return strategy.init(SPACE, SPACE.default_point(), np.random.default_rng(0))


def tell(
    strategy: CrossEntropy,
    state: CrossEntropyState,
    points: FloatArray = POINTS,
    fitness: FloatArray = FITNESS,
) -> CrossEntropyState:
    return strategy.tell(
        state, Explicit(points), Evaluation(np.asarray(fitness)), np.random.default_rng(0)
    )


def law(covariance: FloatArray, generation: int = 3) -> CrossEntropyState:
    mean = np.array([0.5, -1.0, 2.0])
    return CrossEntropyState(generation, True, mean, covariance, SPACE.bounded())


def test_the_best_share_has_weight_one_and_ties_share_the_last_places() -> None:
    np.testing.assert_array_equal(elite_weights(np.array([1.0, 4.0, 2.0, 3.0]), 2), [0, 1, 0, 1])
    tied = elite_weights(np.array([2.0, 3.0, 2.0, np.nan, 2.0, 1.0]), 3)
    np.testing.assert_allclose(tied, [2 / 3, 1, 2 / 3, 0, 2 / 3, 0])
    np.testing.assert_allclose(elite_weights(np.zeros(4), 1), np.full(4, 0.25))
    np.testing.assert_allclose(elite_weights(np.array([0.0, 1.0]), 2), [1.0, 1.0])


def test_the_fit_is_the_weighted_moments() -> None:
    weights = np.array([1.0, 1.0, 0.5, 0.25])
    fit = fit_gaussian(POINTS, weights, full=False)
    np.testing.assert_allclose(fit.mean, np.average(POINTS, axis=0, weights=weights))
    expected = np.cov(POINTS.T, aweights=weights, ddof=0)
    np.testing.assert_allclose(fit.covariance, np.diag(expected))
    full = fit_gaussian(POINTS, weights, full=True).covariance
    np.testing.assert_allclose(np.diag(full), np.diag(expected))
    off = ~np.eye(3, dtype=bool)
    np.testing.assert_allclose(full[off], expected[off] * 2.75 / (2.75 + 3))


def test_shrinkage_leaves_no_direction_without_width_and_fades_with_many_elites() -> None:
    points = np.random.default_rng(1).normal(size=(4000, 10))
    few = fit_gaussian(points[:4], np.ones(4), full=True).covariance
    assert np.linalg.eigvalsh(few).min() > 0.5 * np.diag(few).min()
    many = fit_gaussian(points, np.ones(4000), full=True).covariance
    np.testing.assert_allclose(many, np.cov(points.T, ddof=0), atol=1e-3)


@pytest.mark.parametrize("kind", ["diagonal", "full"])
def test_tell_smooths_mean_and_covariance_separately(kind: str) -> None:
    strategy = CrossEntropy.model_validate(
        {
            "population_size": 4,
            "elite_share": 0.5,
            "mean_smoothing": 0.25,
            "covariance_smoothing": 0.5,
            "covariance": kind,
        }
    )
    start = begin(strategy)
    fit = fit_gaussian(POINTS[:2], np.ones(2), full=kind == "full")
    after = tell(strategy, start)
    initial = np.array([1 / 12, 1.0, 1.0])
    np.testing.assert_allclose(after.mean, 0.25 * SPACE.default_point() + 0.75 * fit.mean)
    old = np.diag(initial) if kind == "full" else initial
    np.testing.assert_allclose(after.covariance, 0.5 * old + 0.5 * fit.covariance)
    np.testing.assert_array_equal(strategy.recommend(after), after.mean)


def test_elites_are_folded_before_the_fit() -> None:
    """1.1 and 0.9 mean the same value; a weight is not folded."""
    strategy = CrossEntropy(elite_share=0.5, covariance_smoothing=0.0)
    outside = POINTS.copy()
    outside[:2, 0] = [-0.1, 2.3]
    for name in ("mean", "covariance"):
        np.testing.assert_allclose(
            getattr(tell(strategy, begin(strategy), outside), name),
            getattr(tell(strategy, begin(strategy)), name),
        )


@pytest.mark.parametrize("kind", ["diagonal", "full"])
def test_draws_follow_the_fitted_law_widened_by_noise_and_floor(kind: str) -> None:
    """Variance of each coordinate: C + (η δ^g)², or the floor's if that is more."""
    strategy = CrossEntropy.model_validate(
        {
            "population_size": 20_000,
            "covariance": kind,
            "noise": 0.4,
            "noise_decay": 0.5,
            "sigma_floor": 0.2,
        }
    )
    variance = np.array([1e-6, 0.36, 0.16])
    covariance = np.diag(variance)
    covariance[1, 2] = covariance[2, 1] = 0.2
    state = law(covariance if kind == "full" else variance)
    points = strategy.ask(state, np.random.default_rng(2)).rows(0, 20_000)
    widths = np.array([0.2, np.sqrt(0.36 + 0.05**2), np.sqrt(0.16 + 0.05**2)])
    for column in range(3):
        expected = stats.norm(state.mean[column], widths[column])
        assert_law(points[:, column], expected.cdf, ALPHA / 8)
        assert_mean((points[:, column] - state.mean[column]) ** 2, widths[column] ** 2, ALPHA / 8)
    product = (points[:, 1] - state.mean[1]) * (points[:, 2] - state.mean[2])
    assert_mean(product, 0.2 if kind == "full" else 0.0, ALPHA / 8)
    with pytest.raises(AssertionError):
        assert_mean(product, 0.0 if kind == "full" else 0.2, ALPHA / 8)
    with pytest.raises(AssertionError):  # the noise added as a variance, as in L2L
        wrong = 0.36 + 0.4 * 0.5**3
        assert_mean((points[:, 1] - state.mean[1]) ** 2, wrong, ALPHA / 8)
    summary = strategy.summary(state)
    assert summary["sigma"] == pytest.approx(np.sqrt((widths**2).mean()))
    assert summary["sigma_largest"] == pytest.approx(widths.max())


def test_elites_are_a_share_of_those_alive_and_never_fewer_than_two() -> None:
    strategy = CrossEntropy(elite_share=0.5)
    broken = np.array([3.0, np.nan, 0.0, 1.0])  # three alive: two elites
    updated = tell(strategy, begin(strategy), POINTS, broken)
    np.testing.assert_allclose(updated.mean, POINTS[[0, 3]].mean(axis=0))
    narrow = CrossEntropy(elite_share=0.01)
    np.testing.assert_allclose(
        tell(narrow, begin(narrow)).mean, POINTS[:2].mean(axis=0), rtol=1e-12
    )


def test_a_single_survivor_leaves_the_law_as_it_was() -> None:
    strategy = CrossEntropy()
    alone = np.array([np.nan, 1.0, np.nan, np.nan])
    updated = tell(strategy, begin(strategy), POINTS, alone)
    assert not updated.fitted
    assert updated.generation == 1
    np.testing.assert_array_equal(updated.mean, SPACE.default_point())
    fitted = tell(strategy, begin(strategy))
    again = tell(strategy, fitted, POINTS, alone)
    np.testing.assert_array_equal(again.covariance, fitted.covariance)


def test_the_law_does_not_collapse_on_identical_elites() -> None:
    strategy = CrossEntropy(covariance="full", noise=0.0, covariance_smoothing=0.0)
    state = begin(strategy)
    for _ in range(3):
        state = tell(strategy, state, np.full((4, 3), 0.5))
    points = strategy.ask(state, np.random.default_rng(0)).rows(0, 48)
    np.testing.assert_allclose(points.std(axis=0), strategy.sigma_floor, rtol=0.5)


def test_a_hundred_thousand_weights_cost_no_square_array() -> None:
    space = ParameterSpace((Weights("w", (100_000,), 1.0),))
    strategy = CrossEntropy(population_size=6)
    rng = np.random.default_rng(0)
    state = strategy.init(space, space.default_point(), rng)
    for _ in range(2):
        pop = strategy.ask(state, rng)
        fitness = -(pop.rows(0, 6) ** 2).sum(axis=1)
        state = strategy.tell(state, pop, Evaluation(fitness), rng)
    assert state.mean.shape == state.covariance.shape == (100_000,)
