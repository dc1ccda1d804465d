"""Calibrations of the agent's chip by the routine, made once per process."""

import json
from collections.abc import Mapping
from functools import cache

import numpy as np
from numpy.typing import NDArray

from spikeloop.workers.chip.calibration.calibrate import calibrate
from spikeloop.workers.chip.calibration.results import Calibration
from spikeloop.workers.chip.calibration.sensor_calibration import calibrate_sensors
from spikeloop.workers.chip.correlation import Correlation
from spikeloop.workers.learners.chip.lab_file import known_deviations


def calibration_of(chip: int, measured: Mapping[str, list[float]] | None) -> Calibration:
    """Calibrate the neurons of a chip at the codes of ``Circuit``; takes 0.7 s."""
    return _calibrated(chip, json.dumps(measured))


@cache
def _calibrated(chip: int, measured_json: str) -> Calibration:
    return calibrate(chip, known=known_deviations(json.loads(measured_json)))


@cache
def sensor_bits_of(chip: int, correlation: Correlation) -> NDArray[np.uint8]:
    """Calibrate the correlation sensors of a chip and return their (1024,) bits; takes 1 s."""
    return calibrate_sensors(chip, correlation).bits_u4.ravel()
