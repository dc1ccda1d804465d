"""The chip's memory, and the network of states and actions that the published experiment puts in.

Layout (Neuromorphic_Hardware_learns_to_learn, hardware/mdp/NetworkMDP.py): neurons 0…S−1 code
states, S…S+A−1 actions. A spike of neuron i comes back into row i. A state neuron excites itself,
so that a kick makes it reverberate, and the actions through the weights that are the Q-table; an
action neuron ends the reverberation and inhibits the other actions. The synapse through which
state s is stimulated sits in the row of the next state and answers to address s.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spikeloop.workers.chip.limits import (
    FPGA_HZ,
    MAX_WEIGHT_U6,
    N_NEURONS,
    N_ROWS,
    N_SYNAPSES,
    PPU_HZ,
    ROUTER_ADDRESS_U6,
    ROUTER_DELAY_CYCLES,
)


class Chip(NamedTuple):
    """All memory of one chip, analog and digital, as kernels take it.

    Attributes:
        analog: (14 · 32,) float32, see ``analog``.
        lanes: (33,) uint32 noise generators, one per neuron, and a seed for the processor.
        spiked: (32,) uint32, 1 where a neuron fired in the last step.
        weight_u6: (1024,) uint8, row · 32 + column.
        label_u6: (1024,) uint8, the address to which a synapse answers.
        row_sign: (32,) int8 synapse drivers: 1 excitatory, −1 inhibitory, 0 disabled.
        sums: (64,) uint16 scratch: weights of simultaneous events, excitatory then inhibitory.
        ring: (delay + 1,) uint32, spikes on their way through the router, one bit per neuron.
        cursor: (1,) int64, the slot of ``ring`` that is due.
        counters_u10: (32,) int64 spike counters.
        first_spike: (32,) int64, the step of a neuron's first spike since its counter was read.
        clock: (1,) int64, steps that the chip has run.
    """

    analog: NDArray[np.float32]
    lanes: NDArray[np.uint32]
    spiked: NDArray[np.uint32]
    weight_u6: NDArray[np.uint8]
    label_u6: NDArray[np.uint8]
    row_sign: NDArray[np.int8]
    sums: NDArray[np.uint16]
    ring: NDArray[np.uint32]
    cursor: NDArray[np.int64]
    counters_u10: NDArray[np.int64]
    first_spike: NDArray[np.int64]
    clock: NDArray[np.int64]


def steps(cycles: int, step_s: float, clock_hz: float = PPU_HZ) -> int:
    """Integration steps in so many cycles, of the plasticity processor unless said otherwise."""
    return max(1, round(cycles / clock_hz / step_s))


def empty_chip(analog: NDArray[np.float32], step_s: float) -> Chip:
    """A chip at rest without synapses; ``analog`` is copied."""
    return Chip(
        analog=analog.copy(),
        lanes=np.ones(N_NEURONS + 1, dtype=np.uint32),
        spiked=np.zeros(N_NEURONS, dtype=np.uint32),
        weight_u6=np.zeros(N_SYNAPSES, dtype=np.uint8),
        label_u6=np.zeros(N_SYNAPSES, dtype=np.uint8),
        row_sign=np.zeros(N_ROWS, dtype=np.int8),
        sums=np.zeros(2 * N_NEURONS, dtype=np.uint16),
        ring=np.zeros(steps(ROUTER_DELAY_CYCLES, step_s, FPGA_HZ) + 1, dtype=np.uint32),
        cursor=np.zeros(1, dtype=np.int64),
        counters_u10=np.zeros(N_NEURONS, dtype=np.int64),
        first_spike=np.zeros(N_NEURONS, dtype=np.int64),
        clock=np.zeros(1, dtype=np.int64),
    )


def connect(chip: Chip, n_states: int, n_actions: int, inhibition_u6: int) -> None:
    """Writes the network of states and actions into a chip without synapses.

    The weights from states to actions stay 0: they belong to the plasticity program.
    """
    n_used = n_states + n_actions
    if n_used > N_NEURONS:
        raise ValueError(f"n_states + n_actions must be at most {N_NEURONS}, got {n_used}")
    if not 0 <= inhibition_u6 <= MAX_WEIGHT_U6:
        raise ValueError(f"inhibition must be in [0, {MAX_WEIGHT_U6}], got {inhibition_u6}")
    weight = chip.weight_u6.reshape(N_ROWS, N_NEURONS)
    label = chip.label_u6.reshape(N_ROWS, N_NEURONS)
    states, actions = np.arange(n_states), np.arange(n_states, n_used)

    label[:] = ROUTER_ADDRESS_U6
    weight[states, states] = MAX_WEIGHT_U6
    weight[n_states:n_used, :n_states] = MAX_WEIGHT_U6
    weight[n_states:n_used, n_states:n_used] = inhibition_u6
    weight[actions, actions] = 0
    stimulus = stimulus_row(states, n_states)
    weight[stimulus, states] = MAX_WEIGHT_U6
    label[stimulus, states] = states

    chip.row_sign[:n_states] = 1
    chip.row_sign[n_states:] = -1


def stimulus_row(state: NDArray[np.int64], n_states: int) -> NDArray[np.int64]:
    """The row through which a state neuron is stimulated."""
    return (state + 1) % n_states
