"""Measurement of all correlation sensors of a chip by pairs of events and post pulses.

One event goes to all rows at once and one post-correlation pulse to all columns, always at the same
distance, so that no neuron has to fire and all 1024 synapses are measured together. The charges of
many pairs add up; then both branches are read through the column ADC, several times because a
reading has a noise of about 1 LSB, and the readings of empty capacitors are subtracted.
"""

import numpy as np

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.chip.correlation import Correlation
from spikeloop.workers.chip.lab.chip import Chip
from spikeloop.workers.chip.lab.program import PlaybackProgramBuilder
from spikeloop.workers.chip.limits import FPGA_HZ, N_NEURONS, N_ROWS

N_READINGS = 16
FULL = 0.3
"""Part of a capacitor's limit that the pairs of an ideal sensor fill at most."""
PAUSE_TAUS = 12
"""Distance of one pair from the next, in time constants: e^(−12) of a pair is left."""


def pair_charges(chip: Chip, correlation: Correlation, distances_s: FloatArray) -> FloatArray:
    """Measure the charge of a pair, LSB, as (2, n, 32, 32): branch, distance, row, column.

    Args:
        chip: a chip with sensors, whose rows are enabled and labels 0.
        correlation: the settings that the experimenter expects of its sensors.
        distances_s: (n,) from the event to the pulse, negative if the pulse comes first.
    """
    n_pairs = max(1, int(FULL * correlation.saturation_lsb / correlation.amplitude_lsb))
    chip.reset()
    empty = _readings(chip)
    found = np.zeros((2, distances_s.size, N_ROWS, N_NEURONS))
    for i, distance_s in enumerate(distances_s):
        builder = PlaybackProgramBuilder()
        apart, pause = (
            round(time_s * FPGA_HZ) for time_s in (abs(distance_s), PAUSE_TAUS * correlation.tau_s)
        )
        for _ in range(n_pairs):
            builder.wait_for(pause)
            if distance_s >= 0:
                builder.fire([True] * N_ROWS, 0)
                builder.wait_for(apart)
                builder.fire_post_correlation_signal([True] * N_NEURONS)
            else:
                builder.fire_post_correlation_signal([True] * N_NEURONS)
                builder.wait_for(apart)
                builder.fire([True] * N_ROWS, 0)
        chip.reset()
        builder.done().run(chip)
        found[:, i] = (_readings(chip) - empty) / n_pairs
    return found


def _readings(chip: Chip) -> FloatArray:
    """Return the mean (2, 32, 32) codes of several readings of all sensors."""
    total = np.zeros((2, N_ROWS, N_NEURONS))
    for _ in range(N_READINGS):
        total += np.stack(chip.read_correlation())
    return total / N_READINGS
