"""Dynamics of the correlation sensors at events, spikes and resets.

Pairing is between nearest neighbours, and each spike is used once per branch: a neuron's spike
pairs with the latest event only, and only if that is its first spike since; an event pairs with the
neuron's latest spike only, and only if it is the synapse's first event since. This is the *reduced
symmetric* scheme of Morrison, Diesmann and Gerstner 2008. No description of the sensor circuit
itself was available; the model of this chip in Wunderlich et al. 2019 (model-sw-pong, ``pang.py``)
skips a spike that follows another without an event between, the group documents the scheme for its
earlier chip Spikey, and calix meets a state that remembers the kind of the last pulse, however long
ago, which is what such a scheme needs.

An event and a spike in the same step are a causal pair at Δt = 0 (our choice; calix refuses zero
delays): events are delivered before neurons advance.
"""

import math

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.portable import COEFFICIENTS, LN2_HIGH, LN2_LOW, PER_LN2, SMALLEST
from spikeloop.workers.chip.correlation import Sensors
from spikeloop.workers.chip.limits import N_NEURONS, N_ROWS
from spikeloop.workers.kernels import part

CAUSAL, ANTICAUSAL = 0, 1
EMPTY = np.float32(0)


@part
def decayed(x: float) -> float:
    """Return e^x for x ≤ 0, as ``portable.exp`` computes it, in a form that kernels can call."""
    x = max(x, SMALLEST)
    k = np.rint(x * PER_LN2)
    high, low = x - k * LN2_HIGH, k * LN2_LOW
    r = high - low
    lost = (high - r) - low
    one_and_r = 1.0 + r
    series = COEFFICIENTS[-1]
    for n in range(len(COEFFICIENTS) - 2, -1, -1):
        series = series * r + COEFFICIENTS[n]
    return math.ldexp(one_and_r + ((r - (one_and_r - 1.0)) + lost + r * r * series), int(k))


@part
def add_pair(sensors: Sensors, branch: int, synapse: int, distance: int) -> None:
    """Add amplitude · e^(−Δt/τ) to a capacitor, up to its limit; Δt is ``distance``, in steps.

    The exponential is not the C library's, whose last bit depends on the processor.
    """
    amplitude_lsb = np.float64(sensors.amplitude[branch, synapse])
    exponential = decayed(-np.float64(sensors.rate[branch, synapse]) * distance)
    total = sensors.charge[branch, synapse] + amplitude_lsb * exponential
    sensors.charge[branch, synapse] = np.float32(min(total, np.float64(sensors.saturation)))


@part
def sense_pre(
    sensors: Sensors, label_u6: NDArray[np.uint8], row: int, address_u6: int, step: int
) -> None:
    """Register an event on a row: anticausal pairs in the synapses whose label is its address.

    The row's driver is enabled; ``step`` is the chip's clock.
    """
    address = np.uint8(address_u6)
    for column in range(N_NEURONS):
        synapse = row * N_NEURONS + column
        if label_u6[synapse] == address:
            post = sensors.last_post[column]
            # A spike in the step of the last event came after it.
            if post >= 0 and post >= sensors.last_pre[synapse]:
                add_pair(sensors, ANTICAUSAL, synapse, step - post)
            sensors.last_pre[synapse] = step


@part
def sense_post(sensors: Sensors, column: int, step: int) -> None:
    """Register a spike of a column's neuron: causal pairs in the synapses of the column.

    ``step`` is the chip's clock; within a step, events come first.
    """
    last_post = sensors.last_post[column]
    for row in range(N_ROWS):
        synapse = row * N_NEURONS + column
        pre = sensors.last_pre[synapse]
        if pre > last_post:
            add_pair(sensors, CAUSAL, synapse, step - pre)
    sensors.last_post[column] = step


@part
def reset_row(sensors: Sensors, row: int) -> None:
    """Empty both capacitors of the 32 synapses of a row, as the processor's reset strobe does.

    The sensors keep the times of earlier events and spikes: calix brings that into a known state by
    a pulse that it sends before the reset.
    """
    for column in range(N_NEURONS):
        for branch in range(2):
            sensors.charge[branch, row * N_NEURONS + column] = EMPTY
