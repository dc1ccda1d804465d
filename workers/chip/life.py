"""One life on the chip: the decision protocol, the environment and the plasticity program.

As on the hardware, everything runs on the chip, in one kernel: the plasticity processor stimulates
the network, reads the spike counters, chooses, plays the environment and changes the weights.
Protocol and times follow Neuromorphic_Hardware_learns_to_learn, hardware/mdp/PPU/PPU.c: 5300
processor cycles, or 53 µs, a decision.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.chip.coding import choose
from spikeloop.workers.chip.compiling import kernel, part, source_digest
from spikeloop.workers.chip.environment import FULL, Environment
from spikeloop.workers.chip.limits import (
    N_NEURONS,
    N_SILENCE_SPIKES,
    N_STIMULUS_SPIKES,
    ROUTER_ADDRESS_U6,
)
from spikeloop.workers.chip.network import Chip
from spikeloop.workers.chip.noise import seed_words
from spikeloop.workers.chip.ppu import draw
from spikeloop.workers.chip.router import advance, read_counter, send, send_rows
from spikeloop.workers.plasticity.program import Program
from spikeloop.workers.plasticity.td_lambda import rescale_integer, synapse_weight, update_integer


class Timing(NamedTuple):
    """Durations of the protocol in integration steps."""

    spike_interval: int
    settle: int


@part
def stimulate(chip: Chip, state: int, n_states: int, timing: Timing) -> None:
    """Clears the counters, kicks a state neuron and lets the network settle."""
    for neuron in range(N_NEURONS):
        read_counter(chip, neuron)
    for _ in range(N_STIMULUS_SPIKES):
        send(chip, (state + 1) % n_states, state)
        advance(chip, timing.spike_interval)
    advance(chip, timing.settle)


@part
def silence(chip: Chip, n_states: int, n_actions: int, timing: Timing) -> None:
    """Sends spikes into all inhibitory rows, which ends whatever still reverberates.

    The rows beyond those of the action neurons carry no weight, so they may be left out.
    """
    inhibitory = ((np.uint64(1) << np.uint64(n_actions)) - np.uint64(1)) << np.uint64(n_states)
    for _ in range(N_SILENCE_SPIKES):
        send_rows(chip, np.uint32(inhibitory), ROUTER_ADDRESS_U6)
        advance(chip, timing.spike_interval)


@part
def write_weights(chip: Chip, table: NDArray[np.int16], n_states: int, n_actions: int) -> None:
    """Copies the table into the synapses from states to actions."""
    for state in range(n_states):
        row = state * N_NEURONS + n_states
        for action in range(n_actions):
            chip.weight_u6[row + action] = synapse_weight(int(table[state * n_actions + action]))


@part
def next_state(environment: Environment, random: NDArray[np.int64], action: int, state: int) -> int:
    """Samples the successor of a state under an action."""
    number = draw(random, FULL)
    successor = 0
    while number >= environment.cumulative_u16[action, state, successor]:
        successor += 1
    return successor


def build(digest: int) -> Callable[..., int]:
    """The compiled life; the digest of the sources makes its place in the cache (``compiling``)."""

    @kernel
    def live(
        chip: Chip,
        program: Program,
        environment: Environment,
        timing: Timing,
        coding: int,
        seed: np.uint64,
        n_steps: int,
        curve: FloatArray,
    ) -> int:
        n_actions, n_states, _ = environment.reward.shape
        n_bins = curve.size
        seed_words(seed, chip.lanes)
        program.random[0] = chip.lanes[N_NEURONS]
        write_weights(chip, program.table, n_states, n_actions)
        state = environment.start_state
        pair = -1
        reward_q7 = 0
        for step in range(n_steps):
            stimulate(chip, state, n_states, timing)
            action = choose(chip, program.random, coding, n_states, n_actions)
            silence(chip, n_states, n_actions, timing)
            successor = next_state(environment, program.random, action, state)
            curve[step * n_bins // n_steps] += environment.reward[action, state, successor]
            next_pair = state * n_actions + action
            if pair >= 0:
                update_integer(
                    program.table,
                    program.trace_q7,
                    pair,
                    next_pair,
                    reward_q7,
                    program.gamma_q7,
                    program.lambda_q7,
                    program.eta_q7,
                )
                if step % program.rescale_period == 0:
                    rescale_integer(
                        program.table,
                        n_states,
                        n_actions,
                        program.weight_lower,
                        program.weight_upper,
                    )
                write_weights(chip, program.table, n_states, n_actions)
            reward_q7 = int(environment.reward_q7[action, state, successor])
            pair = next_pair
            state = successor
            advance(chip, timing.settle)
        return digest

    return live


live = build(source_digest())
