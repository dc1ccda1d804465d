"""Calibration bits of the correlation sensors, found by measuring all synapses.

Each synapse has two bits for the time constant and two for the amplitude of its sensors, and both
only lower, in both branches at once (``correlation``). So the common target lies below what most
sensors show: the geometric mean of the medians at the second and third of the four codes. For every
code the routine measures, as haldls suggests ("to compensate the synapse-to-synapse variations of
the correlation measurements", include/haldls/v2/synapse.h), and takes the one whose mean of both
branches is nearest to the target, first of the time constant, then of the amplitude. What is left
is about half a step, and the asymmetry of the branches, which no bit changes.

This module does not import numba; ``sensor_pairs`` does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.chip.correlation import MAX_CALIBRATION_U4, Correlation
from spikeloop.workers.chip.limits import N_NEURONS, N_ROWS

if TYPE_CHECKING:
    from spikeloop.workers.chip.lab.chip import Chip

NEAR, FAR = 0.4, 1.6
"""Distances of the pairs, in nominal time constants."""

N_CODES = 4


@dataclass(frozen=True)
class SensorValues:
    """Measured sensors by row and column, (32, 32), each the mean of both branches."""

    tau_s: FloatArray
    amplitude_lsb: FloatArray


@dataclass(frozen=True)
class SensorCalibration:
    """The calibration bits of one chip's sensors.

    Attributes:
        bits_u4: (32, 32) calibration codes by row and column.
        target_tau_s: wanted time constant.
        target_amplitude_lsb: wanted charge of a pair at no distance.
        before: with all bits off.
        after: with these bits.
    """

    bits_u4: NDArray[np.uint8]
    target_tau_s: float
    target_amplitude_lsb: float
    before: SensorValues
    after: SensorValues

    def values(self) -> dict[str, Any]:
        """Return all fields as JSON values."""
        return {
            "bits_u4": self.bits_u4.tolist(),
            "target_tau_s": self.target_tau_s,
            "target_amplitude_lsb": self.target_amplitude_lsb,
            **{
                state: {name: array.tolist() for name, array in vars(found).items()}
                for state, found in (("before", self.before), ("after", self.after))
            },
        }

    @staticmethod
    def of_values(values: Mapping[str, Any]) -> "SensorCalibration":
        """Return the calibration that JSON values describe.

        Raises:
            KeyError, TypeError, ValueError: they describe none.
        """
        bits_u4 = _array(values["bits_u4"])
        if not (np.isin(bits_u4, np.arange(MAX_CALIBRATION_U4 + 1))).all():
            raise ValueError(f"bits_u4 must be whole numbers in [0, {MAX_CALIBRATION_U4}]")
        states = {
            state: SensorValues(
                _array(values[state]["tau_s"]), _array(values[state]["amplitude_lsb"])
            )
            for state in ("before", "after")
        }
        return SensorCalibration(
            bits_u4.astype(np.uint8),
            float(values["target_tau_s"]),
            float(values["target_amplitude_lsb"]),
            **states,
        )


def _array(values: Any) -> FloatArray:
    array = np.array(values, dtype=np.float64)
    if array.shape != (N_ROWS, N_NEURONS):
        raise ValueError(
            f"arrays of sensors must have shape ({N_ROWS}, {N_NEURONS}), got {array.shape}"
        )
    return array


def calibrate_sensors(
    chip: int, correlation: Correlation | None = None, *, seed: int = 0
) -> SensorCalibration:
    """Calibrate the sensors of an emulated chip as it was made; takes about a second.

    Args:
        chip: number of the chip.
        correlation: settings of its sensors.
        seed: of the ADC's noise; the same seed gives the same bits.
    """
    from spikeloop.workers.chip.lab.chip import Chip

    settings = Correlation() if correlation is None else correlation
    board = Chip(chip, sensors=settings, noise_V=0.0, seed=seed)
    board.row_signs = 1
    by_tau = []
    for code in range(N_CODES):
        board.calibration_bits = code
        by_tau.append(measure_sensors(board, settings))
    taus_s = np.stack([found.tau_s for found in by_tau])
    target_tau_s = _between(taus_s)
    tau_bits = np.abs(np.log(taus_s / target_tau_s)).argmin(axis=0)

    by_amplitude = []
    for code in range(N_CODES):
        board.calibration_bits = tau_bits + N_CODES * code
        by_amplitude.append(measure_sensors(board, settings))
    amplitudes = np.stack([found.amplitude_lsb for found in by_amplitude])
    target_lsb = _between(amplitudes)
    amplitude_bits = np.abs(np.log(amplitudes / target_lsb)).argmin(axis=0)

    bits_u4 = (tau_bits + N_CODES * amplitude_bits).astype(np.uint8)
    board.calibration_bits = bits_u4
    after = measure_sensors(board, settings)
    return SensorCalibration(bits_u4, target_tau_s, target_lsb, by_tau[0], after)


def measure_sensors(board: "Chip", settings: Correlation) -> SensorValues:
    """Measure time constants and amplitudes from pairs at two distances of either sign."""
    from spikeloop.workers.chip.calibration.sensor_pairs import pair_charges

    near_s, far_s = (
        max(1, round(part * settings.tau_s / board.step_s)) * board.step_s for part in (NEAR, FAR)
    )
    charges = pair_charges(board, settings, np.array([near_s, far_s, -near_s, -far_s]))
    # Of each sign, the branch that answers to it, and no charge so small that noise rules it.
    near = np.stack([charges[0, 0], charges[1, 2]])
    far = np.maximum(np.stack([charges[0, 1], charges[1, 3]]), 1e-3)
    near = np.maximum(near, 1.05 * far)
    tau_s = (far_s - near_s) / np.log(near / far)
    amplitude_lsb = near * np.exp(near_s / tau_s)
    # Fewer digits make a file half as large and are still more than is measured.
    return SensorValues(tau_s.mean(axis=0).round(10), amplitude_lsb.mean(axis=0).round(4))


def _between(values: FloatArray) -> float:
    """Return what lies between the medians at the second and the third code."""
    second, third = np.median(values[1]), np.median(values[2])
    return float(np.sqrt(second * third))
