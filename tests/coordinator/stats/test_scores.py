"""Scores and their intervals: exact values, then how often the intervals hold the truth."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats
from support.statistical_asserts import assert_rate, rng

from spikeloop.coordinator.stats.scores import Bootstrap, Sample, curve_band
from spikeloop.tasks.base import FloatArray

Z = float(stats.norm.isf(0.025))
"""Half a 95 % interval, in standard errors."""


def drawn(generator: np.random.Generator, n_points: int, n_tasks: int, score: float) -> Sample:
    """Episodes of points that score ``score`` on average, with noise."""
    span = np.broadcast_to(generator.uniform(0.5, 1.5, n_tasks), (n_points, n_tasks))
    noise: FloatArray = (
        generator.normal(0, 0.2, (n_points, 1))
        + generator.normal(0, 0.2, (1, n_tasks))
        + generator.normal(0, 0.2, (n_points, n_tasks))
    )
    return Sample((score + noise) * span, np.array(span))


def test_score_is_a_ratio_of_sums_not_a_mean_of_ratios() -> None:
    sample = Sample(np.array([[1.0, 0.0]]), np.array([[1.0, 3.0]]))
    assert sample.score == 0.25


def test_failed_episodes_carry_no_weight() -> None:
    whole = Sample(np.array([[0.3, 0.0, 0.5]]), np.array([[1.0, 0.0, 1.0]]))
    assert whole.score == Sample(np.array([[0.3, 0.5]]), np.array([[1.0, 1.0]])).score
    assert np.isnan(Sample(np.zeros((1, 2)), np.zeros((1, 2))).score)
    nothing = Bootstrap.over(2, rng(0)).estimate(Sample(np.zeros((1, 2)), np.zeros((1, 2))))
    assert np.isnan(nothing.low)


def assert_same_quantiles(
    one: tuple[float, float], other: tuple[float, float], n_resamples: int, alpha: float
) -> None:
    """Two 95 % percentile intervals, each of as many own resamples, differ by chance only.

    Sees a bound that is off by about (z(alpha / 4) + 1.3) standard errors; for 20 000 resamples and
    alpha = 1e-4 by 4 % of the interval's width.
    """
    sigma = (other[1] - other[0]) / (2 * Z)
    standard_error = np.sqrt(2 * 0.025 * 0.975 / n_resamples) / stats.norm.pdf(Z) * sigma
    difference = np.abs(np.subtract(one, other))
    assert (difference < stats.norm.isf(alpha / 4) * standard_error).all(), (one, other)


def test_interval_of_one_point_agrees_with_scipy() -> None:
    """False alarms at 1e-4. An interval that resamples gain and span apart is rejected."""
    sample, n_resamples = drawn(rng(1), 1, 200, 0.5), 20_000

    def ratio(gain: FloatArray, span: FloatArray, axis: int = -1) -> FloatArray:
        return np.asarray(gain.sum(axis=axis) / span.sum(axis=axis))

    def theirs(paired: bool) -> tuple[float, float]:
        return stats.bootstrap(  # type: ignore[no-any-return]
            (sample.gain[0], sample.span[0]),
            ratio,
            paired=paired,
            method="percentile",
            n_resamples=n_resamples,
            rng=rng(2),
        ).confidence_interval

    estimate = Bootstrap.over(200, rng(3), n_resamples).estimate(sample)
    ours = estimate.low, estimate.high
    assert_same_quantiles(ours, theirs(paired=True), n_resamples, alpha=1e-4)
    with pytest.raises(AssertionError):
        assert_same_quantiles(ours, theirs(paired=False), n_resamples, alpha=1e-4)


def expected_coverage(*factors: tuple[float, int]) -> float:
    """How often a 95 % percentile interval of a mean covers the truth.

    It is ±1.96 standard errors with variances of divisor n, so somewhat short: a Student's t with
    Satterthwaite's degrees of freedom tells by how much.

    Args:
        factors: variance and number of the independent normal draws of each crossed factor.
    """
    true = np.array([variance / n for variance, n in factors])
    freedom = np.array([n - 1 for _, n in factors])
    estimated = true * freedom / (freedom + 1)
    total = estimated.sum()
    t = stats.t(total**2 / (estimated**2 / freedom).sum())
    return float(2 * t.cdf(Z * np.sqrt(total / true.sum())) - 1)


def covered(n: int, only_these_points: bool) -> int:
    """How many of n intervals over 12 points and 60 tasks hold the true score."""
    hits = 0
    for seed in range(n):
        sample = drawn(rng(seed), 12, 60, 0.5)
        if only_these_points:
            sample = Sample(sample.gain.mean(axis=0)[None], sample.span.mean(axis=0)[None])
        estimate = Bootstrap.over(60, rng(10_000 + seed), n_resamples=400).estimate(sample)
        hits += estimate.low <= 0.5 <= estimate.high
    return hits


@pytest.mark.parametrize("n", [100, pytest.param(1000, marks=pytest.mark.exhaustive)])
def test_interval_over_points_and_tasks_covers_the_truth(n: int) -> None:
    """False alarms at 1e-4; 1000 see a coverage off by 0.044. Points must be resampled."""
    # Each task weighs as its span does; the noise of single episodes adds 2 % to the variance.
    expected = expected_coverage((0.04, 12), (0.04 * (1 + 1 / 12), 60))
    assert_rate(covered(n, only_these_points=False), n, expected, alpha=1e-4)
    with pytest.raises(AssertionError):
        assert_rate(covered(n, only_these_points=True), n, expected, alpha=1e-4)


def unpaired(sample: Sample) -> Sample:
    """The same episodes and the same score, but each beside another task's."""
    return Sample(np.roll(sample.gain, 1, axis=1), np.roll(sample.span, 1, axis=1))


@pytest.mark.exhaustive
def test_difference_of_equal_points_is_detected_at_the_stated_rate_only() -> None:
    """False alarms at 1e-4; sees a rate off by 0.038. Fails if the pairing by task is lost."""
    n, found, found_unpaired = 1000, 0, 0
    for seed in range(n):
        generator = rng(seed)
        one = drawn(generator, 1, 60, 0.5)
        noise = generator.normal(0, 0.2, (1, 60))
        other = Sample(one.gain + noise * one.span, one.span)
        bootstrap = Bootstrap.over(60, rng(5_000 + seed), n_resamples=400)
        difference = bootstrap.difference(one, other)
        found += not difference.low <= 0.0 <= difference.high
        difference = bootstrap.difference(one, unpaired(other))
        found_unpaired += not difference.low <= 0.0 <= difference.high
    expected = 1 - expected_coverage((0.04, 60))
    assert_rate(found, n, expected, alpha=1e-4)
    with pytest.raises(AssertionError):
        assert_rate(found_unpaired, n, expected, alpha=1e-4)


def test_pairing_by_task_makes_a_difference_visible() -> None:
    """The noise of tasks, twenty times the difference, cancels exactly, or hides it unpaired."""
    generator = rng(4)
    task_noise = generator.normal(0, 1.0, (1, 50))
    span = np.ones((1, 50))
    one, other = Sample(0.5 + task_noise, span), Sample(0.45 + task_noise, span)
    bootstrap = Bootstrap.over(50, rng(5))
    paired, blind = bootstrap.difference(one, other), bootstrap.difference(one, unpaired(other))
    assert paired.value == pytest.approx(0.05)
    assert blind.value == pytest.approx(0.05)
    assert paired.low > 0.049
    assert blind.low < 0.0 < blind.high


def test_a_point_gains_nothing_by_failing_on_a_hard_task() -> None:
    one = Sample(np.array([[1.0, 0.5, 0.0]]), np.ones((1, 3)))
    other = Sample(np.array([[0.5, 0.5, 0.0]]), np.array([[1.0, 1.0, 0.0]]))
    assert one.score == other.score
    assert Bootstrap.over(3, rng(0)).difference(one, other).value == pytest.approx(0.25)


def test_curve_band_holds_the_mean_and_ignores_failed_episodes() -> None:
    curve = rng(6).normal(0.5, 0.1, (1, 100, 8))
    with_failed = np.concatenate([curve, np.full((1, 1, 8), np.nan)], axis=1)
    mean, low, high = curve_band(with_failed, rng(7))
    np.testing.assert_allclose(mean, curve.mean(axis=(0, 1)))
    assert (low < mean).all()
    assert (mean < high).all()
    assert np.isnan(curve_band(np.full((2, 3, 4), np.nan), rng(8))).all()


def bands_covered(n: int, n_points: int, n_tasks: int, wrong: Any = None) -> int:
    """How many of n bins of learning curves have the truth in their band.

    Points, where there are several, and tasks have noise of variance 0.01; bins are independent.
    """
    generator, n_bins, hits = rng(9), 4, 0
    for seed in range(n // n_bins):
        curve = 0.5 + generator.normal(0, 0.1, (1, n_tasks, n_bins))
        if n_points > 1:
            curve = curve + generator.normal(0, 0.1, (n_points, 1, n_bins))
        _, low, high = curve_band(curve if wrong is None else wrong(curve), rng(10_000 + seed))
        hits += int(((low <= 0.5) & (high >= 0.5)).sum())
    return hits


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("n_points", "n_tasks", "wrong"),
    [
        (1, 100, lambda curve: np.repeat(curve, 4, axis=1)),  # an episode counts four times
        (16, 200, lambda curve: curve.mean(axis=0, keepdims=True)),  # points are not resampled
    ],
)
def test_curve_bands_cover_the_truth_for_new_tasks_and_points(
    n_points: int, n_tasks: int, wrong: Callable[[FloatArray], FloatArray]
) -> None:
    """False alarms at 1e-4; sees a coverage off by 0.059 with one point, 0.068 with several."""
    n, factors = 400, [(0.01, n) for n in (n_points, n_tasks) if n > 1]
    expected = expected_coverage(*factors)
    assert_rate(bands_covered(n, n_points, n_tasks), n, expected, alpha=1e-4)
    with pytest.raises(AssertionError):
        assert_rate(bands_covered(n, n_points, n_tasks, wrong), n, expected, alpha=1e-4)
