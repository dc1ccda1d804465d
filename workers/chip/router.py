"""Events: into a row of synapses, round through the spike router, and into the counters."""

import numpy as np

from spikeloop.workers.chip.analog import I_EXC
from spikeloop.workers.chip.compiling import part, routine
from spikeloop.workers.chip.core import NO_ROW, Core
from spikeloop.workers.chip.limits import MAX_COUNT_U10, N_NEURONS
from spikeloop.workers.chip.neurons import (
    can_stride,
    flush_inputs,
    step_neurons,
    stride_neurons,
)
from spikeloop.workers.chip.sensors import sense_post, sense_pre

NO_SPIKES = np.uint32(0)
ONE_ROW = np.uint32(1)
NO_WEIGHT = np.uint8(0)
ZERO = np.float32(0)


@routine
def collect_row(core: Core, row: int, address_u6: int, step: int) -> None:
    """Adds one event on one row to ``sums``, where a synapse's label is its address.

    A row's driver decides for the whole row whether that excites or inhibits, and how strongly.
    """
    sign = core.row_sign[row]
    if sign == 0:
        return
    address = np.uint8(address_u6)
    pulse = np.float32(core.pulse_u5[row])
    # Views let the compiler see that no index is negative, without which it does not vectorise.
    first = row * N_NEURONS
    label = core.label_u6[first : first + N_NEURONS]
    weight = core.weight_u6[first : first + N_NEURONS]
    gain = core.gain[first : first + N_NEURONS]
    sums = core.sums[:N_NEURONS] if sign > 0 else core.sums[N_NEURONS:]
    for j in range(N_NEURONS):
        answering = weight[j] if label[j] == address else NO_WEIGHT
        sums[j] += np.float32(answering) * gain[j] * pulse
    if core.sensors.enabled:
        sense_pre(core.sensors, core.label_u6, row, address_u6, step)


@part
def clear_sums(core: Core) -> None:
    """Starts a set of simultaneous events."""
    for j in range(2 * N_NEURONS):
        core.sums[j] = ZERO


@part
def apply_sums(core: Core) -> None:
    """Lets the events of this step reach the synaptic inputs."""
    for j in range(2 * N_NEURONS):  # the row of inhibitory inputs follows the excitatory one
        core.analog[I_EXC + j] += core.sums[j]


@part
def send_rows(core: Core, rows: np.uint32, address_u6: int) -> None:
    """One event, of the same address, on each row of a bit mask, now."""
    clear_sums(core)
    row = 0
    while rows != NO_SPIKES:
        if (rows & ONE_ROW) != NO_SPIKES:
            collect_row(core, row, address_u6, core.clock[0])
        rows = np.uint32(rows >> ONE_ROW)
        row += 1
    apply_sums(core)


@part
def send(core: Core, row: int, address_u6: int) -> None:
    """One event on one row, now."""
    clear_sums(core)
    collect_row(core, row, address_u6, core.clock[0])
    apply_sums(core)


@part
def deliver(core: Core, due: np.uint32, step: int) -> None:
    """The events that spikes cause at the end of their way through the router."""
    clear_sums(core)
    neuron = 0
    while due != NO_SPIKES:
        if (due & ONE_ROW) != NO_SPIKES and core.route_row[neuron] != NO_ROW:
            collect_row(core, int(core.route_row[neuron]), int(core.route_label_u6[neuron]), step)
        due = np.uint32(due >> ONE_ROW)
        neuron += 1
    apply_sums(core)


@part
def count_spikes(core: Core, spikes: np.uint32, step: int) -> None:
    """Lets the spikes of step ``step`` raise their counters, up to their limit."""
    neuron = 0
    while spikes != NO_SPIKES:
        if (spikes & ONE_ROW) != NO_SPIKES:
            if core.counters_u10[neuron] == 0:
                core.first_spike[neuron] = step
            core.counters_u10[neuron] = min(core.counters_u10[neuron] + 1, MAX_COUNT_U10)
            if core.sensors.enabled:
                sense_post(core.sensors, neuron, step)
        spikes = np.uint32(spikes >> ONE_ROW)
        neuron += 1


@part
def small_steps(core: Core, n_steps: int) -> None:
    """Runs ``n_steps`` integration steps; each delivers the spikes that are due, then moves on."""
    cursor, clock = core.cursor[0], core.clock[0]
    for step in range(clock, clock + n_steps):
        due = core.ring[cursor]
        if due != NO_SPIKES:
            deliver(core, due, step)
            core.in_flight[0] -= 1
        spikes = step_neurons(core.analog, core.lanes)
        if spikes != NO_SPIKES:
            count_spikes(core, spikes, step)
            core.in_flight[0] += 1
        core.ring[cursor] = spikes
        cursor += 1
        if cursor == core.ring.size:
            cursor = 0
    core.cursor[0] = cursor
    core.clock[0] = clock + n_steps


@routine
def advance(core: Core, n_steps: int) -> None:
    """Lets the chip run for ``n_steps`` integration steps.

    The router keeps one mask of neurons a step, so no spike is lost at any rate; a spike comes back
    exactly ``ring.size − 1`` steps after the end of the step in which it occurred. Where no spike
    is on its way and no neuron can fire, the steps are taken in strides.
    """
    flush_inputs(core.analog)
    stride = core.stride
    length = np.float32(stride)
    left = n_steps
    while left > 0:
        burst = min(stride, left) if stride > 1 else left
        whole = stride > 1 and burst == stride
        if whole and core.in_flight[0] == 0 and can_stride(core.analog, length):
            stride_neurons(core.analog, core.lanes, length)
            core.cursor[0] = (core.cursor[0] + stride) % core.ring.size
            core.clock[0] += stride
        else:
            small_steps(core, burst)
        left -= burst


@part
def read_counter(core: Core, neuron: int) -> int:
    """The spikes of a neuron since the counter was last read; reading clears it."""
    count = core.counters_u10[neuron]
    core.counters_u10[neuron] = 0
    return int(count)
