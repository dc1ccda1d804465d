"""The statistical asserts accept what is right, at the stated rate, and reject what is wrong."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats
from support.statistical_asserts import (
    assert_better,
    assert_frequencies,
    assert_law,
    assert_mean,
    assert_rate,
)

ALPHA = 1e-4


def rejections(check: Callable[[np.random.Generator], None], n: int) -> int:
    """How many of n fresh seeds the check fails on."""
    rejected = 0
    for seed in range(n):
        try:
            check(np.random.default_rng(seed))
        except AssertionError:
            rejected += 1
    return rejected


RIGHT: dict[str, Callable[[np.random.Generator, float], None]] = {
    "mean": lambda rng, a: assert_mean(rng.normal(3, 2, 50), 3.0, a),
    "law": lambda rng, a: assert_law(rng.normal(size=200), stats.norm.cdf, a),
    "frequencies": lambda rng, a: assert_frequencies(
        rng.multinomial(500, [0.2, 0.3, 0.5]), [0.2, 0.3, 0.5], a
    ),
    "rate": lambda rng, a: assert_rate(rng.binomial(5000, 0.3), 5000, 0.3, a),
}


@pytest.mark.parametrize("name", RIGHT)
def test_false_alarms_come_at_the_stated_rate(name: str) -> None:
    rejected = rejections(lambda rng: RIGHT[name](rng, 0.05), 400)
    assert_rate(rejected, 400, 0.05, ALPHA)


def test_mean_rejects_a_bias_of_six_standard_errors() -> None:
    samples = np.random.default_rng(0).normal(size=10_000)
    assert_mean(samples, 0.0, ALPHA)
    with pytest.raises(AssertionError, match="mean"):
        assert_mean(samples + 0.06, 0.0, ALPHA)


def test_mean_of_constant_samples_is_exact() -> None:
    assert_mean(np.ones(9), 1.0, ALPHA)
    with pytest.raises(AssertionError):
        assert_mean(np.ones(9), 1.0001, ALPHA)


def test_rate_rejects_a_wrong_rate() -> None:
    assert_rate(505, 1000, 0.5, ALPHA)
    with pytest.raises(AssertionError, match="rate"):
        assert_rate(590, 1000, 0.5, ALPHA)


def test_law_rejects_a_wrong_width_and_a_wrong_shape() -> None:
    samples = np.random.default_rng(1).normal(size=20_000)
    assert_law(samples, stats.norm.cdf, ALPHA)
    for wrong in (1.1 * samples, np.sign(samples), np.abs(samples)):
        with pytest.raises(AssertionError, match="law"):
            assert_law(wrong, stats.norm.cdf, ALPHA)


def test_frequencies_reject_a_wrong_class() -> None:
    assert_frequencies([101, 98, 103, 98], [0.25] * 4, ALPHA)
    with pytest.raises(AssertionError, match="frequencies"):
        assert_frequencies([150, 90, 80, 80], [0.25] * 4, ALPHA)


def test_frequencies_refuse_classes_too_rare_for_the_test() -> None:
    with pytest.raises(ValueError, match="5 or more"):
        assert_frequencies([5, 5], [0.1, 0.9], ALPHA)


def test_better_needs_more_wins_than_chance_gives() -> None:
    ours, theirs = np.ones(20), np.zeros(20)
    assert_better(ours, theirs, 0.01)
    theirs[:5] = 2.0
    with pytest.raises(AssertionError, match="15 wins and 5 losses"):
        assert_better(ours, theirs, 0.01)
    with pytest.raises(AssertionError, match="0 wins and 0 losses"):
        assert_better(ours, ours, 0.01)
