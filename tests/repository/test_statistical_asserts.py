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


NORMAL = np.random.default_rng(1).normal(size=20_000)
ONES, ZEROS = np.ones(20), np.zeros(20)
ACCEPTED: tuple[Callable[[], None], ...] = (
    lambda: assert_mean(NORMAL, 0.0, ALPHA),
    lambda: assert_mean(np.ones(9), 1.0, ALPHA),
    lambda: assert_rate(505, 1000, 0.5, ALPHA),
    lambda: assert_law(NORMAL, stats.norm.cdf, ALPHA),
    lambda: assert_frequencies([101, 98, 103, 98], [0.25] * 4, ALPHA),
    lambda: assert_better(ONES, ZEROS, 0.01, control=ZEROS),
)
REJECTED: tuple[tuple[str, Callable[[], None]], ...] = (
    ("mean", lambda: assert_mean(NORMAL + 6 / 20_000**0.5, 0.0, ALPHA)),
    (".", lambda: assert_mean(np.ones(9), 1.0001, ALPHA)),
    ("rate", lambda: assert_rate(590, 1000, 0.5, ALPHA)),
    ("law", lambda: assert_law(1.1 * NORMAL, stats.norm.cdf, ALPHA)),
    ("law", lambda: assert_law(np.sign(NORMAL), stats.norm.cdf, ALPHA)),
    ("law", lambda: assert_law(np.abs(NORMAL), stats.norm.cdf, ALPHA)),
    ("frequencies", lambda: assert_frequencies([150, 90, 80, 80], [0.25] * 4, ALPHA)),
    ("15 wins and 5 losses", lambda: assert_better(ONES, 2 * (np.arange(20) < 5), 0.01)),
    ("0 wins and 0 losses", lambda: assert_better(ONES, ONES, 0.01)),
)
"""Words of the message, and what fails with it."""


def test_what_is_right_is_accepted_and_what_is_wrong_rejected() -> None:
    for check in ACCEPTED:
        check()
    for words, check in REJECTED:
        with pytest.raises(AssertionError, match=words):
            check()


def test_frequencies_refuse_classes_too_rare_for_the_test() -> None:
    with pytest.raises(ValueError, match="5 or more"):
        assert_frequencies([5, 5], [0.1, 0.9], ALPHA)
