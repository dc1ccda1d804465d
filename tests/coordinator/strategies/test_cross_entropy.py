"""Cross-entropy: its fit against closed forms, the law of its draws, ties and failures."""

from typing import Any

import numpy as np
import pytest
from scipy import stats
from support.search_steps import ask_points, begin
from support.statistical_asserts import assert_law, assert_mean

from spikeloop.coordinator.strategies.base import Evaluation
from spikeloop.coordinator.strategies.cross_entropy import (
    CrossEntropy,
    elite_weights,
    fit_gaussian,
)
from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.parameter_types import Real, Weights
from spikeloop.workers.space import ParameterSpace

ALPHA = 1e-4
SPACE = ParameterSpace.of({"a": Real(1.0, 5.0, 2.0), "w": Weights((2,), 3.0)})
POINTS = np.array([[0.1, 1.0, 0.0], [0.3, -1.0, 2.0], [0.9, 5.0, 5.0], [0.5, 0.0, 1.0]])
FITNESS = np.array([3.0, 2.0, 0.0, 1.0])


def tell(
    strategy: CrossEntropy,
    state: Any = None,
    points: FloatArray = POINTS,
    fitness: FloatArray = FITNESS,
) -> CrossEntropy.State:
    """The state after these points, by default in the first generation."""
    state = state or begin(strategy, SPACE)
    return strategy.tell(state, Explicit(points), Evaluation(fitness), np.random.default_rng(0))


def test_the_best_share_has_weight_one_and_ties_share_the_last_places() -> None:
    np.testing.assert_array_equal(elite_weights(np.array([1.0, 4.0, 2.0, 3.0]), 2), [0, 1, 0, 1])
    tied = elite_weights(np.array([2.0, 3.0, 2.0, np.nan, 2.0, 1.0]), 3)
    np.testing.assert_allclose(tied, [2 / 3, 1, 2 / 3, 0, 2 / 3, 0])
    np.testing.assert_allclose(elite_weights(np.zeros(4), 1), np.full(4, 0.25))


def test_the_fit_is_the_weighted_moments_and_shrinks_correlations() -> None:
    weights = np.array([1.0, 1.0, 0.5, 0.25])
    fit = fit_gaussian(POINTS, weights, full=False)
    np.testing.assert_allclose(fit.mean, np.average(POINTS, axis=0, weights=weights))
    expected = np.cov(POINTS.T, aweights=weights, ddof=0)
    np.testing.assert_allclose(fit.covariance, np.diag(expected))
    full = fit_gaussian(POINTS, weights, full=True).covariance
    np.testing.assert_allclose(np.diag(full), np.diag(expected))
    off = ~np.eye(3, dtype=bool)
    np.testing.assert_allclose(full[off], expected[off] * 2.75 / (2.75 + 3))


@pytest.mark.parametrize("kind", ["diagonal", "full"])
def test_tell_smooths_mean_and_covariance_separately(kind: str) -> None:
    settings = {"elite_share": 0.5, "mean_smoothing": 0.25, "covariance_smoothing": 0.5}
    strategy = CrossEntropy.model_validate({**settings, "population_size": 4, "covariance": kind})
    fit = fit_gaussian(POINTS[:2], np.ones(2), full=kind == "full")
    after = tell(strategy)
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
    folded, plain = tell(strategy, points=outside), tell(strategy)
    np.testing.assert_allclose(folded.mean, plain.mean)
    np.testing.assert_allclose(folded.covariance, plain.covariance)


@pytest.mark.parametrize("kind", ["diagonal", "full"])
def test_draws_follow_the_fitted_law_widened_by_noise_and_floor(kind: str) -> None:
    """Variance of each coordinate: C + (η δ^g)², or the floor's if that is more."""
    settings = {"noise": 0.4, "noise_decay": 0.5, "sigma_floor": 0.2, "covariance": kind}
    strategy = CrossEntropy.model_validate({"population_size": 20_000, **settings})
    variance = np.array([1e-6, 0.36, 0.16])
    covariance = np.diag(variance)
    covariance[1, 2] = covariance[2, 1] = 0.2
    state = CrossEntropy.State(
        generation=3,
        fitted=True,
        mean=np.array([0.5, -1.0, 2.0]),
        covariance=covariance if kind == "full" else variance,
        bounded=SPACE.bounded(),
    )
    points = ask_points(strategy, state, 2)
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
    broken = np.array([3.0, np.nan, 0.0, 1.0])  # three alive: two elites
    updated = tell(CrossEntropy(elite_share=0.5), fitness=broken)
    np.testing.assert_allclose(updated.mean, POINTS[[0, 3]].mean(axis=0))
    updated = tell(CrossEntropy(elite_share=0.01))
    np.testing.assert_allclose(updated.mean, POINTS[:2].mean(axis=0), rtol=1e-12)


def test_a_single_survivor_leaves_the_law_as_it_was() -> None:
    strategy = CrossEntropy()
    alone = np.array([np.nan, 1.0, np.nan, np.nan])
    updated = tell(strategy, fitness=alone)
    assert not updated.fitted
    assert updated.generation == 1
    np.testing.assert_array_equal(updated.mean, SPACE.default_point())
    fitted = tell(strategy)
    again = tell(strategy, fitted, fitness=alone)
    np.testing.assert_array_equal(again.covariance, fitted.covariance)
