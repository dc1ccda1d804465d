"""Calibration bits bring the sensors together as far as two bits can, seen from inside."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.chip.calibration.sensor_calibration import (
    SensorCalibration,
    SensorValues,
    calibrate_sensors,
)
from spikeloop.workers.chip.correlation import Correlation, new_sensors
from spikeloop.workers.chip.limits import N_NEURONS, N_ROWS

CHIP = 22
STEP_S = 1e-7


@pytest.fixture(scope="module")
def found() -> SensorCalibration:
    return calibrate_sensors(CHIP)


def inside(bits_u4: NDArray[Any]) -> SensorValues:
    """What the sensors of the chip really are with some bits, the means of both branches."""
    bits = bits_u4.astype(np.uint8).ravel()
    sensors = new_sensors(Correlation(), STEP_S, bits, CHIP, "uncalibrated")
    shape = (2, N_ROWS, N_NEURONS)
    tau_s = (STEP_S / sensors.rate.astype(np.float64)).reshape(shape).mean(axis=0)
    return SensorValues(tau_s, sensors.amplitude.reshape(shape).mean(axis=0))


def spread(values: FloatArray) -> float:
    return float(values.std() / values.mean())


def test_measured_sensors_are_those_inside(found: SensorCalibration) -> None:
    """All 1024, without bits and with those that were found; a measurement's SD is some 3 %."""
    for measured, bits in (
        (found.before, np.zeros_like(found.bits_u4)),
        (found.after, found.bits_u4),
    ):
        really = inside(bits)
        for name in ("tau_s", "amplitude_lsb"):
            ratio = getattr(measured, name) / getattr(really, name)
            assert ratio.mean() == pytest.approx(1, abs=0.01), name
            assert ratio.std() < 0.06, name


def test_bits_take_most_of_the_spread_and_reach_the_target(found: SensorCalibration) -> None:
    """Steps of 15 % leave ±8 %, and the smallest cannot be raised. Control: random bits."""
    before, after = inside(np.zeros_like(found.bits_u4)), inside(found.bits_u4)
    random = inside(np.random.default_rng(0).integers(0, 16, found.bits_u4.shape))
    for name in ("tau_s", "amplitude_lsb"):
        left, was = spread(getattr(after, name)), spread(getattr(before, name))
        assert left < 0.1 < 0.18 < was < spread(getattr(random, name)), name
        target = getattr(found, f"target_{name}")
        near = np.abs(getattr(after, name) / target - 1) < 0.12
        assert near.mean() > 0.8, name
        assert 0.7 < target / getattr(before, name).mean() < 0.85, name


def test_values_are_the_same_after_json(found: SensorCalibration) -> None:
    again = SensorCalibration.of_values(found.values())
    assert again.values() == found.values()
    assert again.bits_u4.dtype == found.bits_u4.dtype
