"""Experiments that show the properties of one chip; no calibration depends on them."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.chip.calibration.bench import DRIVE_INTERVAL_S, Bench, set_potential
from spikeloop.workers.chip.lab.chip import Chip
from spikeloop.workers.chip.limits import (
    MAX_CODE_U10,
    MAX_PULSE_U5,
    MAX_WEIGHT_U6,
    N_NEURONS,
    N_ROWS,
)
from spikeloop.workers.chip.mismatch import Mismatch

N_PAIRS = 100
PAIR_INTERVAL_S = 60e-6


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


def correlation_windows(
    chip: int, distances_s: FloatArray, mismatch: Mismatch = "uncalibrated"
) -> tuple[FloatArray, FloatArray]:
    """Measure the response of the correlation sensors of the first row to pairs of spikes.

    All neurons are kicked at once through another row, repeatedly, each time at the same distance
    from an event on the first row; then both branches are read through the column ADC. Distances
    are (n,) from the event to the spikes, negative if spikes come first.

    Returns:
        Causal and anticausal LSB per pair, each (n, 32).
    """
    board = Chip(chip, mismatch=mismatch, noise_V=0.0, sensors=True)
    # A kick that is over before the refractory time is.
    board.set_codes(gm_exc_u10=MAX_CODE_U10, resistor_exc_u10=MAX_CODE_U10)
    observed, kicked = 0, N_ROWS - 1
    board.row_signs[[observed, kicked]] = 1
    board.weights[kicked], board.pulse_lengths[kicked] = MAX_WEIGHT_U6, MAX_PULSE_U5
    empty = [codes[observed].astype(np.float64) for codes in board.read_correlation()]
    found = np.zeros((2, distances_s.size, N_NEURONS))
    for i, distance_s in enumerate(distances_s):
        board.reset()
        first_s = board.time_s + PAIR_INTERVAL_S * (np.arange(N_PAIRS) + 0.5)
        board.send(first_s, observed)
        board.send(first_s + distance_s, kicked)
        board.run(PAIR_INTERVAL_S * (N_PAIRS + 1), spikes=False)
        for branch, codes in enumerate(board.read_correlation()):
            found[branch, i] = (codes[observed] - empty[branch]) / N_PAIRS
    return found[0], found[1]
