"""Cooling schedules: exact values, both ends, and that none ever rises."""

from typing import get_args

import numpy as np
import pytest

from spikeloop.coordinator.strategies.annealing_schedule import Schedule, temperature

SCHEDULES: tuple[Schedule, ...] = get_args(Schedule)
MIDDLE: dict[Schedule, float] = {  # T_5 of 10 steps from 2 to 0.5
    "exponential": 1.0,
    "logarithmic": 2 / (1 + 3 * np.log(6) / np.log(11)),
    "linear_multiplicative": 0.8,
    "quadratic_multiplicative": 2 / 1.75,
    "linear_additive": 1.25,
    "quadratic_additive": 0.875,
    "exponential_additive": 1.25,
    "trigonometric_additive": 1.25,
}
FIRST: dict[Schedule, float] = {  # T_1 of the same
    "exponential": 2 * 0.25**0.1,
    "logarithmic": 2 / (1 + 3 * np.log(2) / np.log(11)),
    "linear_multiplicative": 2 / 1.3,
    "quadratic_multiplicative": 2 / 1.03,
    "linear_additive": 1.85,
    "quadratic_additive": 0.5 + 1.5 * 0.81,
    "exponential_additive": 0.5 + 1.5 * (1 / (1 + np.exp(-4)) - 1 / (1 + np.exp(5))) / np.tanh(2.5),
    "trigonometric_additive": 0.5 + 0.75 * (1 + np.cos(np.pi / 10)),
}


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_temperatures_are_exact(schedule: Schedule) -> None:
    assert temperature(schedule, 5, 2.0, 0.5, 10) == pytest.approx(MIDDLE[schedule], rel=1e-12)
    assert temperature(schedule, 1, 2.0, 0.5, 10) == pytest.approx(FIRST[schedule], rel=1e-12)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(("last", "n_steps"), [(0.5, 30), (1e-3, 2), (2.0, 1)])
def test_temperature_falls_from_the_first_to_the_last_temperature_and_stays(
    schedule: Schedule, last: float, n_steps: int
) -> None:
    values = np.array([temperature(schedule, k, 2.0, last, n_steps) for k in range(n_steps + 5)])
    np.testing.assert_allclose(values[0], 2.0, rtol=1e-12)
    np.testing.assert_allclose(values[n_steps:], last, rtol=1e-9)
    steps = np.diff(values[: n_steps + 1])
    assert (steps < 0).all() if last < 2.0 else np.allclose(steps, 0.0)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_temperature_is_proportional_to_the_unit_of_temperature(schedule: Schedule) -> None:
    for k in range(8):
        one = temperature(schedule, k, 2.0, 0.5, 7)
        assert temperature(schedule, k, 6.0, 1.5, 7) == pytest.approx(3 * one, rel=1e-12)
