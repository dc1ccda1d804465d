"""Cooling schedules: exact values, both ends, and that none ever rises."""

from typing import get_args

import numpy as np
import pytest

from spikeloop.coordinator.strategies.annealing_schedule import Schedule, temperature

LOGISTIC = (1 / (1 + np.exp(-4)) - 1 / (1 + np.exp(5))) / np.tanh(2.5)
FIRST_AND_MIDDLE: dict[Schedule, tuple[float, float]] = {
    "exponential": (2 * 0.25**0.1, 1.0),
    "logarithmic": (
        2 / (1 + 3 * np.log(2) / np.log(11)),
        2 / (1 + 3 * np.log(6) / np.log(11)),
    ),
    "linear_multiplicative": (2 / 1.3, 0.8),
    "quadratic_multiplicative": (2 / 1.03, 2 / 1.75),
    "linear_additive": (1.85, 1.25),
    "quadratic_additive": (0.5 + 1.5 * 0.81, 0.875),
    "exponential_additive": (0.5 + 1.5 * LOGISTIC, 1.25),
    "trigonometric_additive": (0.5 + 0.75 * (1 + np.cos(np.pi / 10)), 1.25),
}
"""T_1 and T_5 of 10 steps from 2 to 0.5."""


@pytest.mark.parametrize("schedule", get_args(Schedule))
def test_temperatures_are_exact_fall_from_the_first_to_the_last_and_stay(
    schedule: Schedule,
) -> None:
    found = [temperature(schedule, k, 2.0, 0.5, 10) for k in (1, 5)]
    assert found == pytest.approx(FIRST_AND_MIDDLE[schedule], rel=1e-12)
    for last, n in ((0.5, 30), (1e-3, 2), (2.0, 1)):
        values = np.array([temperature(schedule, k, 2.0, last, n) for k in range(n + 5)])
        np.testing.assert_allclose(values[0], 2.0, rtol=1e-12)
        np.testing.assert_allclose(values[n:], last, rtol=1e-9)
        steps = np.diff(values[: n + 1])
        assert (steps < 0).all() if last < 2.0 else np.allclose(steps, 0.0)
