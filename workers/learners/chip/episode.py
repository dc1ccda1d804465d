"""One episode on the chip: the decision protocol, the environment and the plasticity program.

As on the hardware, everything runs on the chip, in one kernel: the plasticity processor stimulates
the network, reads the spike counters, chooses an action, advances the environment and changes the
weights. Protocol and times follow Neuromorphic_Hardware_learns_to_learn, hardware/mdp/PPU/PPU.c:
5300 processor cycles, or 53 µs, per decision.
"""

import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.chip.circuit import Circuit
from spikeloop.workers.chip.core import SEED_LANE, Core, cycles_to_steps
from spikeloop.workers.chip.environment import Environment, transition
from spikeloop.workers.chip.limits import (
    MAX_WEIGHT_U6,
    N_NEURONS,
    N_SILENCE_SPIKES,
    ROUTER_ADDRESS_U6,
    SETTLE_CYCLES,
    SPIKE_INTERVAL_CYCLES,
)
from spikeloop.workers.chip.noise import seed_words
from spikeloop.workers.chip.router import advance, read_counter, send, send_rows
from spikeloop.workers.kernels import emulator_kernel, part
from spikeloop.workers.learners.chip.coding import POLLED, choose
from spikeloop.workers.plasticity.hooks import begin, decided, rewarded

N_POLLS, POLL_CYCLES = 10, 100
"""Polls of the counters, and our estimate of the cycles that one of two of them takes."""

N_QUIET_INTERVALS = 6
"""Intervals without the state neuron's own synapse that end a polled decision."""


class DecisionProtocol(NamedTuple):
    """Durations of a decision in integration steps, and the number of kicks to a state neuron.

    Attributes:
        spike_interval: between two spikes of a stimulus or of silencing.
        settle: from the stimulus to the reading of the counters, and after the update.
        poll: one poll of the counters.
        update: computation of the plasticity program.
        n_stimulus_spikes: kicks.
    """

    spike_interval: int
    settle: int
    poll: int
    update: int
    n_stimulus_spikes: int


def decision_protocol(circuit: Circuit, update_cycles: int = 0) -> DecisionProtocol:
    """Return the published protocol on the grid of a circuit's integration step.

    ``update_cycles`` are processor cycles of the plasticity program.
    """
    return DecisionProtocol(
        spike_interval=cycles_to_steps(SPIKE_INTERVAL_CYCLES, circuit.step_s),
        settle=cycles_to_steps(SETTLE_CYCLES, circuit.step_s),
        poll=cycles_to_steps(POLL_CYCLES, circuit.step_s),
        update=cycles_to_steps(update_cycles, circuit.step_s) if update_cycles else 0,
        n_stimulus_spikes=circuit.n_stimulus_spikes,
    )


def decision_s(circuit: Circuit, update_cycles: int = 0) -> float:
    """Return seconds of chip time of one decision, settling included; a polled one is shorter."""
    protocol = decision_protocol(circuit, update_cycles)
    n_intervals = protocol.n_stimulus_spikes + N_SILENCE_SPIKES
    n_steps = n_intervals * protocol.spike_interval + 2 * protocol.settle + protocol.update
    return n_steps * circuit.step_s


@part
def kick(core: Core, state: int, n_states: int, protocol: DecisionProtocol) -> None:
    """Clear the counters and kick a state neuron."""
    for neuron in range(N_NEURONS):
        read_counter(core, neuron)
    address = state if n_states > 1 else ROUTER_ADDRESS_U6  # see chip.network
    for _ in range(protocol.n_stimulus_spikes):
        send(core, (state + 1) % n_states, address)
        advance(core, protocol.spike_interval)


@part
def stimulate(core: Core, state: int, n_states: int, protocol: DecisionProtocol) -> None:
    """Clear the counters, kick a state neuron and let the network settle."""
    kick(core, state, n_states, protocol)
    advance(core, protocol.settle)


@part
def poll(core: Core, state: int, n_states: int, n_actions: int, protocol: DecisionProtocol) -> int:
    """Choose as soon as a poll of the counters finds an action neuron that fired.

    Whether or not one did, the state neuron then loses its own synapse for a while, which ends its
    reverberation; nothing else is silenced.
    """
    for _ in range(N_POLLS - 1):
        fired = False
        for action in range(n_states, n_states + n_actions):
            fired = fired or core.counters_u10[action] > 0
        if fired:
            break
        advance(core, protocol.poll)
    action = choose(core, POLLED, n_states, n_actions)
    core.weight_u6[state * N_NEURONS + state] = 0
    advance(core, N_QUIET_INTERVALS * protocol.spike_interval)
    core.weight_u6[state * N_NEURONS + state] = MAX_WEIGHT_U6
    return action


@part
def silence(core: Core, n_states: int, n_actions: int, protocol: DecisionProtocol) -> None:
    """Send spikes into all inhibitory rows, which ends all reverberation.

    The rows after those of the action neurons carry no weight, so they are left out.
    """
    inhibitory = ((np.uint64(1) << np.uint64(n_actions)) - np.uint64(1)) << np.uint64(n_states)
    for _ in range(N_SILENCE_SPIKES):
        send_rows(core, np.uint32(inhibitory), ROUTER_ADDRESS_U6)
        advance(core, protocol.spike_interval)


@cache
def episode_kernel(program_memory: type) -> Callable[..., None]:
    """Return the kernel of an episode with one program, by the type of the program's memory.

    Each program has its own index in numba's cache, which names the types for which a kernel was
    compiled. If programs shared one, a user's own program, which other processes cannot import,
    would spoil it for all.
    """

    def run_episode(
        core: Core,
        memory: Any,
        environment: Environment,
        protocol: DecisionProtocol,
        coding: int,
        seed: np.uint64,
        n_steps: int,
        curve: FloatArray,
    ) -> None:
        """Run one episode of an agent.

        Args:
            core: a chip at rest with its network; afterwards in its state at the episode's end.
            memory: memory of the plasticity program.
            environment: the task.
            protocol: the decision protocol.
            coding: index into ``coding.CODINGS``.
            seed: of all randomness of the episode, but for the processor's generator where the
                environment has a word for it.
            n_steps: decisions.
            curve: (n_bins,) rewards are added to their part of the episode.
        """
        n_actions, n_observed = environment.n_actions, environment.n_observations
        n_bins = curve.size
        seed_words(seed, core.lanes)
        drawn = environment.first_random
        core.random[0] = drawn if drawn > 0 else np.int64(core.lanes[SEED_LANE])
        begin(core, memory)
        state = environment.start_state
        for step in range(n_steps):
            observed = int(environment.observation_u8[state])
            if coding == POLLED:
                kick(core, observed, n_observed, protocol)
                action = poll(core, observed, n_observed, n_actions, protocol)
            else:
                stimulate(core, observed, n_observed, protocol)
                action = choose(core, coding, n_observed, n_actions)
            decided(core, memory, step, observed, action)
            if coding != POLLED:
                silence(core, n_observed, n_actions, protocol)
            successor, signal_q7, reward = transition(environment, core.random, step, state, action)
            curve[step * n_bins // n_steps] += reward
            rewarded(core, memory, observed, action, signal_q7)
            state = successor
            advance(core, protocol.update + protocol.settle)

    run_episode.__qualname__ = f"{program_memory.__module__}.{program_memory.__qualname__}"
    file = getattr(sys.modules[program_memory.__module__], "__file__", None)
    return emulator_kernel(run_episode, *([] if file is None else [Path(file)]))
