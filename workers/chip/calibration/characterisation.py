"""Experiments that show the properties of one chip; no calibration depends on them."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.chip.calibration.bench import DRIVE_INTERVAL_S, Bench, set_potential
from spikeloop.workers.chip.calibration.sensor_pairs import pair_charges
from spikeloop.workers.chip.correlation import Correlation
from spikeloop.workers.chip.lab.chip import Chip
from spikeloop.workers.chip.limits import MAX_CODE_U10, N_NEURONS, N_ROWS


def rate_curves(
    bench: Bench, weights_u6: NDArray[np.int64], duration_s: float = 2e-3
) -> FloatArray:
    """Measure (n_weights, 32) rates, Hz, at equal weights and an event every 0.5 µs."""
    found = []
    for weight_u6 in weights_u6:
        chip = bench.set_up(5)
        chip.weights = weight_u6
        times_s = np.arange(0, duration_s, DRIVE_INTERVAL_S)
        chip.send(times_s, np.arange(times_s.size) % N_ROWS)
        found.append(chip.run(duration_s).rates_Hz)
    return np.stack(found)


def synapse_potentials(bench: Bench, height_V: float) -> tuple[FloatArray, FloatArray]:
    """Measure the postsynaptic potential of every synapse, without noise.

    Their peak is about ``height_V``, negative for inhibition. Returned are (n_times,) s after the
    event, and (32, n_times, 32) V from rest by row and neuron.
    """
    chip = replace(bench, noise_V=0.0).set_up(0, v_thresh_u10=MAX_CODE_U10)
    one = set_potential(chip, bench.nominal, height_V)
    n_samples = round(12 * one.slowest_s / chip.step_s)
    period_s = n_samples * chip.step_s
    rest_V = chip.membrane_V.astype(np.float64)
    chip.send(chip.time_s + period_s * np.arange(N_ROWS), np.arange(N_ROWS))
    recording = chip.run(N_ROWS * period_s, membrane="all", spikes=False)
    traces = recording.membrane_V.reshape(N_ROWS, n_samples, N_NEURONS)
    return chip.step_s * np.arange(1, n_samples + 1, dtype=np.float64), traces - rest_V


def correlation_windows(board: Chip, distances_s: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Measure the response of all correlation sensors of a chip to pairs of spikes.

    Distances are (n,) from the event to the spike, negative if the spike comes first.

    Returns:
        Causal and anticausal LSB per pair, each (n, 32, 32) by row and column.
    """
    board.row_signs = 1
    causal, anticausal = pair_charges(board, Correlation(), distances_s)
    return causal, anticausal
