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

A spike at the very moment at which a packet leaves belongs to the next one. No delay of the routed
mode is known, so it has the same delay as the others.
"""

import numpy as np

from spikeloop.workers.chip.analog import I_EXC, I_INH
from spikeloop.workers.chip.core import ROUTERS, Core
from spikeloop.workers.chip.limits import MAX_COUNT_U10, N_NEURONS
from spikeloop.workers.chip.neurons import (
    ALL,
    HALF,
    N_HALF,
    can_stride,
    flush_inputs,
    run_neurons,
    stride_neurons,
)
from spikeloop.workers.chip.sensors import sense_post, sense_pre
from spikeloop.workers.kernels import part, routine
from spikeloop.workers.simd import load, lowest, select, store, to_float

NO_SPIKES = np.uint32(0)
ONE_BIT = np.uint32(1)
NO_WEIGHT, NO_STRENGTH = np.uint8(0), np.float32(0)

DELAY_LINE = ROUTERS.index("delay_line")
SQUEEZE_WINDOWS = ROUTERS.index("squeeze_windows")

HEAD, COUNT = 0, 1
FAR_FUTURE = 1 << 62


@part
def without_lowest(bits: np.uint32) -> np.uint32:
    """Return ``bits`` with the lowest one cleared."""
    return np.uint32(bits & np.uint32(bits - ONE_BIT))


@part
def send(core: Core, row: int, address_u6: int) -> None:
    """Deliver one event to one row now."""
    send_rows(core, np.uint32(ONE_BIT << np.uint32(row)), address_u6)


@part
def send_rows(core: Core, rows: np.uint32, address_u6: int) -> None:
    """Deliver one event to each row of a bit mask now, with the same address.

    The synapses of a row whose label is the address add their weight. A row's driver decides for
    the whole row whether that excites or inhibits, and how strongly.
    """
    address = np.uint8(address_u6)
    pulse, offset = np.float32(core.pulse_u5[0]), np.float32(core.weight_offset_u6)
    for column in range(0, core.n_advanced, N_HALF):
        i_exc = load(core.analog, I_EXC + column, HALF)
        i_inh = load(core.analog, I_INH + column, HALF)
        left = rows
        while left != NO_SPIKES:
            row = lowest(left)
            synapse = row * N_NEURONS + column
            answers = load(core.label_u6, synapse, HALF) == address
            weight = select(answers, load(core.weight_u6, synapse, HALF), NO_WEIGHT)
            strength = to_float(weight)
            strength = select(strength > NO_STRENGTH, strength + offset, strength)
            added = strength * load(core.gain, synapse, HALF) * pulse
            if core.row_sign[row] > 0:
                i_exc = i_exc + added
            elif core.row_sign[row] < 0:
                i_inh = i_inh + added
            left = without_lowest(left)
        store(core.analog, I_EXC + column, i_exc)
        store(core.analog, I_INH + column, i_inh)
    if core.sensors.enabled:
        while rows != NO_SPIKES:
            row = lowest(rows)
            if core.row_sign[row] != 0:
                sense_pre(core.sensors, core.label_u6, row, address_u6, core.clock[0])
            rows = without_lowest(rows)


@part
def deliver(core: Core, due: np.uint32) -> None:
    """Deliver the events of a packet that has passed the router; ``due`` has a bit per neuron."""
    while due != NO_SPIKES:
        neuron = lowest(due)
        send_rows(core, core.route_rows[neuron], int(core.route_label_u6[neuron]))
        due = without_lowest(due)


@part
def wrapped(place: int, size: int) -> int:
    """Return the place in a ring, for places up to twice its size: a division would be slow."""
    return place - size if place >= size else place


@part
def deliver_due(core: Core) -> int:
    """Deliver the packets that are due now and return when the next one is due."""
    while core.queue[COUNT] > 0:
        place = core.queue[HEAD]
        if core.due[place] > core.clock[0]:
            return int(core.due[place])
        deliver(core, core.in_flight[place])
        core.queue[HEAD] = wrapped(place + 1, core.due.size)
        core.queue[COUNT] -= 1
    return FAR_FUTURE


@part
def count_spikes(core: Core, spikes: np.uint32) -> None:
    """Let the spikes of the step that has just ended raise their counters, up to their limit."""
    step = core.clock[0] - 1
    while spikes != NO_SPIKES:
        neuron = lowest(spikes)
        if core.counters_u10[neuron] == 0:
            core.first_spike[neuron] = step
        core.counters_u10[neuron] = min(core.counters_u10[neuron] + 1, MAX_COUNT_U10)
        if core.sensors.enabled:
            sense_post(core.sensors, neuron, step)
        spikes = without_lowest(spikes)


@part
def dispatch(core: Core, spikes: np.uint32) -> None:
    """Count the spikes of the step that has just ended and send them through the router."""
    count_spikes(core, spikes)
    clock, size = core.clock[0], core.due.size
    place = wrapped(core.queue[HEAD] + core.queue[COUNT], size)
    if core.router != DELAY_LINE and core.queue[COUNT] > 0:
        last = wrapped(place + size - 1, size)
        if core.due[last] > clock:
            core.in_flight[last] |= spikes
            return
    core.due[place] = clock + core.delay
    if core.router == SQUEEZE_WINDOWS:
        core.due[place] -= clock % core.delay
    core.in_flight[place] = spikes
    core.queue[COUNT] += 1


@part
def stride(core: Core) -> bool:
    """Take a stride if that is allowed now, and tell whether it was."""
    length = np.float32(core.stride)
    if core.n_advanced <= N_HALF:
        if not can_stride(core.analog, length, HALF):
            return False
        stride_neurons(core.analog, core.lanes, length, HALF)
    else:
        if not can_stride(core.analog, length, ALL):
            return False
        stride_neurons(core.analog, core.lanes, length, ALL)
    core.clock[0] += core.stride
    return True


@part
def run(core: Core, n_steps: int) -> np.uint32:
    """Take small steps up to the first in which a neuron fires, and return those that fired."""
    if core.n_advanced <= N_HALF:
        taken, spikes = run_neurons(core.analog, core.lanes, n_steps, HALF)
    else:
        taken, spikes = run_neurons(core.analog, core.lanes, n_steps, ALL)
    core.clock[0] += taken
    return spikes


@routine
def advance(core: Core, n_steps: int) -> None:
    """Run the chip for ``n_steps`` integration steps.

    Where no neuron can fire, steps are taken in strides.
    """
    flush_inputs(core.analog)
    end = core.clock[0] + n_steps
    while core.clock[0] < end:
        free = min(deliver_due(core), end) - core.clock[0]
        if core.stride > 1 and free >= core.stride:
            if stride(core):
                continue
            free = core.stride
        spikes = run(core, free)
        if spikes != NO_SPIKES:
            dispatch(core, spikes)


@part
def read_counter(core: Core, neuron: int) -> int:
    """Return the spikes of a neuron since its counter was last read, and clear the counter."""
    count = core.counters_u10[neuron]
    core.counters_u10[neuron] = 0
    return int(count)
