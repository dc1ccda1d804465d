"""Events: into rows of synapses, through the spike router, and into the counters.

The router on the FPGA has two modes (haldls, include/haldls/v2/fpga.h, ``SpikeRouter``). Routed:
each neuron has a set of target rows and an address, under which each of its spikes is sent into
them. Squeeze, which the published networks use ("bypass" in their code and in Verilog): all spikes
of an interval are combined, by or, into one packet, which then sends one event, under one address,
into every row i whose neuron i fired at least once. The delay of squeeze mode is the length of that
interval ("accumulates spikes in 100 FPGA cycles", Neuromorphic_Hardware_learns_to_learn,
hardware/mdp/PPUSpikeTest.py). When the interval begins is not public, so there are two readings:

    squeeze          it begins with the first spike after the last packet: the packet leaves one
                     delay after that spike, and the spikes in between join it
    squeeze_windows  intervals follow one another since the chip's start; each spike leaves at the
                     end of its interval
    delay_line       the routed mode: every spike leaves by itself, one delay after it occurred

A spike at the very moment at which a packet leaves belongs to the next one. No delay is known of
the routed mode, so it has that of the others.
"""

import numpy as np

from spikeloop.workers.chip.analog import I_EXC, I_INH
from spikeloop.workers.chip.core import ROUTERS, Core
from spikeloop.workers.chip.limits import MAX_COUNT_U10, N_NEURONS
from spikeloop.workers.chip.neurons import (
    can_stride,
    flush_inputs,
    step_neurons,
    stride_neurons,
)
from spikeloop.workers.chip.sensors import sense_post, sense_pre
from spikeloop.workers.kernels import part, routine

NO_SPIKES = np.uint32(0)
ONE_ROW = np.uint32(1)
NO_WEIGHT = np.uint8(0)

DELAY_LINE = ROUTERS.index("delay_line")
SQUEEZE_WINDOWS = ROUTERS.index("squeeze_windows")

HEAD, COUNT = 0, 1
FAR_FUTURE = 1 << 62


@part
def send(core: Core, row: int, address_u6: int) -> None:
    """Deliver one event to one row now: synapses whose label is its address add their weight.

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
    line = I_EXC if sign > 0 else I_INH
    inputs = core.analog[line : line + N_NEURONS]
    for j in range(N_NEURONS):
        answering = weight[j] if label[j] == address else NO_WEIGHT
        inputs[j] += np.float32(answering) * gain[j] * pulse
    if core.sensors.enabled:
        sense_pre(core.sensors, core.label_u6, row, address_u6, core.clock[0])


@part
def send_rows(core: Core, rows: np.uint32, address_u6: int) -> None:
    """Deliver one event, with the same address, to each row of a bit mask now."""
    row = 0
    while rows != NO_SPIKES:
        if (rows & ONE_ROW) != NO_SPIKES:
            send(core, row, address_u6)
        rows = np.uint32(rows >> ONE_ROW)
        row += 1


@part
def deliver(core: Core, due: np.uint32) -> None:
    """Deliver the events of a packet that has passed the router; ``due`` has a bit per neuron."""
    neuron = 0
    while due != NO_SPIKES:
        if (due & ONE_ROW) != NO_SPIKES:
            send_rows(core, core.route_rows[neuron], int(core.route_label_u6[neuron]))
        due = np.uint32(due >> ONE_ROW)
        neuron += 1


@part
def deliver_due(core: Core) -> int:
    """Deliver the packets that are due now and return when the next one is due."""
    while core.queue[COUNT] > 0:
        place = core.queue[HEAD]
        if core.due[place] > core.clock[0]:
            return int(core.due[place])
        deliver(core, core.in_flight[place])
        core.queue[HEAD] = (place + 1) % core.due.size
        core.queue[COUNT] -= 1
    return FAR_FUTURE


@part
def count_spikes(core: Core, spikes: np.uint32) -> None:
    """Let the spikes of the step that has just ended raise their counters, up to their limit."""
    step = core.clock[0] - 1
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
def dispatch(core: Core, spikes: np.uint32) -> None:
    """Count the spikes of the step that has just ended and send them through the router."""
    count_spikes(core, spikes)
    clock, size = core.clock[0], core.due.size
    place = (core.queue[HEAD] + core.queue[COUNT]) % size
    if core.router != DELAY_LINE and core.queue[COUNT] > 0:
        last = (place + size - 1) % size
        if core.due[last] > clock:
            core.in_flight[last] |= spikes
            return
    core.due[place] = clock + core.delay
    if core.router == SQUEEZE_WINDOWS:
        core.due[place] -= clock % core.delay
    core.in_flight[place] = spikes
    core.queue[COUNT] += 1


@routine
def advance(core: Core, n_steps: int) -> None:
    """Run the chip for ``n_steps`` integration steps.

    Where no neuron can fire, steps are taken in strides.
    """
    flush_inputs(core.analog)
    end = core.clock[0] + n_steps
    length = np.float32(core.stride)
    while core.clock[0] < end:
        free = min(deliver_due(core), end) - core.clock[0]
        if core.stride > 1 and free >= core.stride:
            if can_stride(core.analog, length):
                stride_neurons(core.analog, core.lanes, length)
                core.clock[0] += core.stride
                continue
            free = core.stride
        left = free
        spikes = NO_SPIKES
        while left > 0 and spikes == NO_SPIKES:
            spikes = step_neurons(core.analog, core.lanes)
            left -= 1
        core.clock[0] += free - left
        if spikes != NO_SPIKES:
            dispatch(core, spikes)


@part
def read_counter(core: Core, neuron: int) -> int:
    """Return the spikes of a neuron since its counter was last read, and clear the counter."""
    count = core.counters_u10[neuron]
    core.counters_u10[neuron] = 0
    return int(count)
