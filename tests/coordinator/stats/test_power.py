"""The detectable difference is that of the planned test."""

import numpy as np
import pytest
from scipy import stats
from support.statistical_asserts import assert_rate

from spikeloop.coordinator.stats import power, significance
from spikeloop.coordinator.stats.power import detectable_difference


def spread_of_one(n: int) -> np.ndarray:
    """(n,) differences with the mean 0 and the standard deviation 1."""
    d = stats.norm.ppf((np.arange(n) + 0.5) / n)
    return np.asarray(d / d.std(ddof=1))


def rejections(shift: float, n: int, n_planned: int, n_draws: int) -> int:
    """How often the planned test finds a true difference, at the level of Holm's first step."""
    draws = np.random.default_rng(1).normal(shift, 1.0, size=(n_draws, n))
    return sum(significance.signed_rank(d).p <= 0.05 / n_planned for d in draws)


@pytest.mark.parametrize(
    ("n", "n_planned"), [(7, 3), (10, 16), pytest.param(20, 3, marks=pytest.mark.exhaustive)]
)
def test_the_planned_test_has_the_stated_power(n: int, n_planned: int) -> None:
    """2000 comparisons, false alarms at 1e-3; sees a power that is off by .04."""
    n_draws, d = 2000, spread_of_one(n)
    shift = detectable_difference(d, 0.05 / n_planned)
    assert_rate(rejections(shift, n, n_planned, n_draws), n_draws, 0.8, alpha=1e-3)
    below = rejections(0.75 * shift, n, n_planned, n_draws)
    with pytest.raises(AssertionError):
        assert_rate(below, n_draws, 0.8, alpha=1e-3)


def test_all_of_one_sign_has_a_closed_form() -> None:
    """At n = 10 and sixteen comparisons the ten differences must agree: Φ(δ)^10 = .8."""
    exact = stats.norm.ppf(0.8**0.1)
    assert detectable_difference(spread_of_one(10), 0.05 / 16) == pytest.approx(exact, rel=0.01)


@pytest.mark.parametrize("n_planned", [1, 16, 100])
def test_simulation_and_large_samples_meet(n_planned: int) -> None:
    n = power.SIMULATED_UP_TO
    simulated = power._detectable_shift(n, 0.05 / n_planned, 0.8)
    assert simulated == pytest.approx(power._large(n, 0.05 / n_planned, 0.8), rel=0.02)


@pytest.mark.exhaustive
def test_large_comparisons_have_the_stated_power() -> None:
    """1000 comparisons on 60 seeds, false alarms at 1e-3; sees a power that is off by .06."""
    shift = detectable_difference(spread_of_one(60), 0.05 / 6)
    assert_rate(rejections(shift, 60, 6, 1000), 1000, 0.8, alpha=1e-3)
    with pytest.raises(AssertionError):
        assert_rate(rejections(0.75 * shift, 60, 6, 1000), 1000, 0.8, alpha=1e-3)


def test_it_grows_with_the_spread_and_falls_with_the_number_of_pairs() -> None:
    found = [
        detectable_difference(spread_of_one(n), 0.01) for n in (9, 12, 20, 50, 51, 200, 10_000)
    ]
    assert found == sorted(found, reverse=True)
    assert detectable_difference(3 * spread_of_one(12), 0.01) == pytest.approx(3 * found[1])
    assert detectable_difference(spread_of_one(12), 0.01, 0.9) > found[1]
    assert detectable_difference(np.ones(12), 0.01) == 0.0


@pytest.mark.parametrize(("n", "n_planned"), [(0, 1), (1, 1), (5, 1), (6, 3), (9, 16)])
def test_no_difference_is_detectable_with_too_few_pairs(n: int, n_planned: int) -> None:
    assert significance.smallest_p(n) > 0.05 / n_planned
    assert detectable_difference(np.arange(n), 0.05 / n_planned) == np.inf
