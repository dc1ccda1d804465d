"""Kernels that send spikes into a chip at their times and record its spikes and membranes."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spikeloop.workers.chip.analog import V
from spikeloop.workers.chip.core import Core
from spikeloop.workers.chip.limits import N_NEURONS, N_ROWS
from spikeloop.workers.chip.neurons import NO_SPIKE, flush_inputs, step_neurons
from spikeloop.workers.chip.noise import seed_words
from spikeloop.workers.chip.router import advance, deliver_due, dispatch, send
from spikeloop.workers.chip.sensor_readout import read_row
from spikeloop.workers.chip.sensors import sense_post
from spikeloop.workers.kernels import emulator_kernel, part

ONE = np.uint32(1)


EVENT = np.dtype(
    [("step", np.int64), ("row", np.uint8), ("label_u6", np.uint8), ("post", np.bool_)], align=True
)
"""A spike to send: the chip's clock when it is sent, its row and its label.

Where ``post`` is true it is a post-correlation pulse, and ``row`` the number of its neuron.
"""

Events = NDArray[np.void]
"""(n,) of ``EVENT``, in the order of their steps."""


def sorted_events(events: Events) -> Events:
    """Sort events by their steps; those of one step keep their order."""
    return events[np.argsort(events["step"], kind="stable")]


def events_after(events: Events, core: Core) -> Events:
    """Return the events that a chip has not reached yet."""
    after: Events = events[events["step"] >= core.clock[0]]
    return after


class RecordingBuffer(NamedTuple):
    """The arrays that a recorded run writes into.

    Attributes:
        length: (1,) int64 spikes written.
        spike_step: (capacity,) int64 step at whose end each spike occurred.
        spike_neuron: (capacity,) uint8.
        traced: (n,) int64 neurons whose membranes are sampled.
        membrane_V: (n_samples, n) float32.
        first: the step before whose beginning sampling starts.
        every: steps between samples.
    """

    length: NDArray[np.int64]
    spike_step: NDArray[np.int64]
    spike_neuron: NDArray[np.uint8]
    traced: NDArray[np.int64]
    membrane_V: NDArray[np.float32]
    first: int
    every: int


@part
def send_due(core: Core, events: Events, place: int) -> int:
    """Send all events that are due and return the index of the next one."""
    while place < events.size and events[place]["step"] == core.clock[0]:
        row = int(events[place]["row"])
        if not events[place]["post"]:
            send(core, row, int(events[place]["label_u6"]))
        elif core.sensors.enabled:
            sense_post(core.sensors, row, core.clock[0])
        place += 1
    return place


@emulator_kernel
def deliver_events(core: Core, events: Events) -> None:
    """Send the events that are due, without advancing the chip."""
    flush_inputs(core.analog)
    send_due(core, events, 0)


@part
def record_step(core: Core, buffer: RecordingBuffer, spikes: np.uint32) -> None:
    """Record the spikes of the step that has just ended, and a sample if one is due."""
    clock = core.clock[0]
    length = buffer.length[0]
    neuron = 0
    while spikes != NO_SPIKE:
        if (spikes & ONE) != NO_SPIKE:
            buffer.spike_step[length] = clock - 1
            buffer.spike_neuron[length] = neuron
            length += 1
        spikes = np.uint32(spikes >> ONE)
        neuron += 1
    buffer.length[0] = length
    passed = clock - buffer.first
    if buffer.traced.size > 0 and passed % buffer.every == 0:
        sample = passed // buffer.every - 1
        for i in range(buffer.traced.size):
            buffer.membrane_V[sample, i] = core.analog[V + buffer.traced[i]]


@emulator_kernel
def play(core: Core, events: Events, end: int) -> None:
    """Advance the chip to a step without recording."""
    place = 0
    while core.clock[0] < end:
        place = send_due(core, events, place)
        until = end
        if place < events.size:
            until = min(end, events[place]["step"])
        advance(core, until - core.clock[0])


@emulator_kernel
def record(core: Core, events: Events, end: int, buffer: RecordingBuffer) -> None:
    """Advance the chip with recording, to a step or until the buffer is full.

    It takes the same small steps as ``play`` takes without strides.
    """
    place = 0
    flush_inputs(core.analog)
    while core.clock[0] < end and buffer.length[0] + N_NEURONS <= buffer.spike_step.size:
        sent = place
        place = send_due(core, events, place)
        if place > sent:
            flush_inputs(core.analog)
        deliver_due(core)
        spikes = step_neurons(core.analog, core.lanes)
        core.clock[0] += 1
        if spikes != NO_SPIKE:
            dispatch(core, spikes)
        record_step(core, buffer, spikes)


@emulator_kernel
def reseed(words: NDArray[np.uint32], seed: np.uint64) -> None:
    """Start noise generators."""
    seed_words(seed, words)


@emulator_kernel
def read_sensors(core: Core, codes_u8: NDArray[np.uint8]) -> None:
    """Convert all correlation sensors, row by row, into (2, 32, 32) codes."""
    for row in range(N_ROWS):
        read_row(core, row, codes_u8[:, row])
