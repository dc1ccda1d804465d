"""Events: into a row of synapses, round through the spike router, and into the counters."""

import numpy as np

from spikeloop.workers.chip.analog import I_EXC
from spikeloop.workers.chip.compiling import part, routine
from spikeloop.workers.chip.limits import MAX_COUNT_U10, N_NEURONS, ROUTER_ADDRESS_U6
from spikeloop.workers.chip.network import Chip
from spikeloop.workers.chip.neurons import flush_inputs, step_neurons

NO_SPIKES = np.uint32(0)
ONE_ROW = np.uint32(1)
NO_WEIGHT = np.uint8(0)


@part
def send_rows(chip: Chip, rows: np.uint32, address_u6: int) -> None:
    """One event on each row of a bit mask: synapses whose label is the address add their weight.

    A row's driver decides for the whole row whether that excites or inhibits. The weights of events
    in the same step are summed as integers before they reach the analog inputs.
    """
    address = np.uint8(address_u6)
    sums = chip.sums
    for j in range(2 * N_NEURONS):
        sums[j] = 0
    row = 0
    while rows != NO_SPIKES:
        sign = chip.row_sign[row]
        if (rows & ONE_ROW) != NO_SPIKES and sign != 0:
            target = 0 if sign > 0 else N_NEURONS
            synapse = row * N_NEURONS
            for j in range(N_NEURONS):
                answers = chip.label_u6[synapse + j] == address
                sums[target + j] += chip.weight_u6[synapse + j] if answers else NO_WEIGHT
        rows = np.uint32(rows >> ONE_ROW)
        row += 1
    for j in range(2 * N_NEURONS):  # the row of inhibitory inputs follows the excitatory one
        chip.analog[I_EXC + j] += np.float32(sums[j])


@part
def send(chip: Chip, row: int, address_u6: int) -> None:
    """One event on one row."""
    send_rows(chip, np.uint32(ONE_ROW << np.uint32(row)), address_u6)


@part
def collect_spikes(chip: Chip, step: int) -> np.uint32:
    """The spikes of step ``step`` as a bit mask; each raises its counter, up to its limit."""
    mask = NO_SPIKES
    for j in range(N_NEURONS):
        if chip.spiked[j] != NO_SPIKES:
            mask |= np.uint32(1) << np.uint32(j)
            if chip.counters_u10[j] == 0:
                chip.first_spike[j] = step
            chip.counters_u10[j] = min(chip.counters_u10[j] + 1, MAX_COUNT_U10)
    return np.uint32(mask)


@routine
def advance(chip: Chip, n_steps: int) -> None:
    """Lets the chip run for ``n_steps`` integration steps.

    Each step first delivers the spikes that are due, then moves the neurons on. The router keeps
    one mask of neurons a step, so no spike is lost at any rate; a spike comes back exactly
    ``ring.size − 1`` steps after the end of the step in which it occurred.
    """
    flush_inputs(chip.analog)
    cursor = chip.cursor[0]
    for step in range(n_steps):
        due = chip.ring[cursor]
        if due != NO_SPIKES:
            send_rows(chip, due, ROUTER_ADDRESS_U6)
        if step_neurons(chip.analog, chip.lanes, chip.spiked):
            chip.ring[cursor] = collect_spikes(chip, chip.clock[0] + step)
        else:
            chip.ring[cursor] = NO_SPIKES
        cursor += 1
        if cursor == chip.ring.size:
            cursor = 0
    chip.cursor[0] = cursor
    chip.clock[0] += n_steps


@part
def read_counter(chip: Chip, neuron: int) -> int:
    """The spikes of a neuron since the counter was last read; reading clears it."""
    count = chip.counters_u10[neuron]
    chip.counters_u10[neuron] = 0
    return int(count)
