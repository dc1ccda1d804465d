"""Regret: its mean and interval, and how tables show it."""

import numpy as np
import pytest

from spikeloop.coordinator.stats.bootstrap import Interval
from spikeloop.coordinator.stats.regret import amount, mean_regret, plus_minus
from spikeloop.coordinator.stats.scores import Bootstrap
from spikeloop.tasks.base import FloatArray


def regret(missed: FloatArray, failed: tuple[tuple[int, int], ...] = (), seed: int = 0) -> Interval:
    """Of episodes of several points, of which some failed."""
    missed, counts = missed.copy(), np.ones(missed.shape, dtype=bool)
    for place in failed:
        missed[place], counts[place] = np.nan, False
    rng = np.random.default_rng(seed)
    return mean_regret(missed, counts, Bootstrap.over(missed.shape[1], rng))


def test_regret_is_the_mean_over_the_episodes_that_count() -> None:
    missed = np.arange(20, dtype=np.float64).reshape(5, 4)
    assert regret(missed[:1]).value == pytest.approx(1.5)
    assert regret(missed[1:2], failed=((0, 3),)).value == pytest.approx(5.0)
    several = regret(missed[2:])
    assert several.value == pytest.approx(13.5)
    assert (several.n, several.n_points) == (4, 3)
    # Tasks and points are crossed, so points are resampled too: they differ by more than tasks.
    assert several.high - several.low > np.ptp(missed[0])
    assert regret(missed[2:]) == several != regret(missed[2:], seed=1)
    assert plus_minus(regret(missed[:1, :3], failed=((0, 0), (0, 1), (0, 2)))) == "-"


def test_interval_of_one_point_is_that_of_a_mean_over_tasks() -> None:
    missed = np.random.default_rng(1).normal(10.0, 2.0, (1, 200))
    found = regret(missed)
    half = 1.96 * missed.std() / np.sqrt(200)
    # 10 000 resamples leave the end of an interval uncertain by about 1.5 % of its half-width.
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.06)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1233.06, "1233.1"),
        (-72.583, "-72.58"),
        (0.72583, "0.7258"),
        (0.0125, "0.01250"),
        (0.0, "0.0"),
        (123456.7, "123457"),
        (1.5e9, "1.500e+09"),
        (2e-5, "2.000e-05"),
        (np.nan, "-"),
    ],
)
def test_returns_are_shown_with_four_digits_or_more(value: float, text: str) -> None:
    assert amount(value) == text


@pytest.mark.parametrize(
    ("value", "half", "text"),
    [(367.14, 21.36, "367.1 ± 21.4"), (-0.02, 1.5, "-0.02 ± 1.50"), (0.0, 0.0, "0.0 ± 0.0")],
)
def test_a_regret_and_its_half_width_have_the_same_decimals(
    value: float, half: float, text: str
) -> None:
    assert plus_minus(Interval(value, value - half, value + half, 9)) == text
