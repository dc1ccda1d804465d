"""Networks built by hand whose carrier is known, in tasks that only need a cue to be passed on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from spikeloop.coordinator.export.frozen_network import FrozenNetwork
from spikeloop.coordinator.interpretation.closed_loop.simulation import ClosedLoop
from spikeloop.tasks.base import FloatArray, IntArray, Interface, References
from spikeloop.tasks.program import Arrays, ProgramBatch, TaskProgram
from spikeloop.workers.learners.lsnn.learner import Lsnn

N_STEPS = 8
INTERFACE = Interface(2, 2, "discrete", N_STEPS, feedback_values=(0.0, 1.0))


@dataclass(frozen=True)
class CueProgram(TaskProgram):
    """Each decision shows the task's cue, 0 or 1, and the action of that number pays 1."""

    def observe(self, xp: Any, arrays: Arrays, state: Arrays) -> Any:
        return arrays["cue"][state["task"]]

    def step(
        self, xp: Any, arrays: Arrays, state: Arrays, actions: Any, noise: Any
    ) -> tuple[Arrays, Any, Any]:
        reward = (actions == arrays["cue"][state["task"]]) * 1.0
        return state, reward, reward


@dataclass(frozen=True)
class CueTasks(ProgramBatch):
    cue: IntArray

    @property
    def interface(self) -> Interface:
        return INTERFACE

    def program(self) -> CueProgram:
        return CueProgram()

    def references(self) -> References:
        n = np.ones(self.n_tasks)
        return References(N_STEPS / 2 * n, N_STEPS * n)


def timing_network() -> FrozenNetwork:
    """One spike of each neuron a decision, of which only the time depends on the cue.

    With cue 0 the neurons A fire together with their partners B, with cue 1 six steps after them;
    detectors fire if both reach them within a step of each other, and ask for action 0.
    """
    learner = Lsnn(
        n_neurons=30,
        adaptive_share=0.0,
        tau_membrane_ms=2.0,
        refractory_ms=19.0,  # fires again 20 steps later
        tau_readout_ms=10.0,
        window_ms=20.0,
        explores=False,
        precision="float64",
    )
    pairs, theta, alpha = 10, learner.threshold, learner.neurons().alpha

    def current(latency: int) -> float:
        """The one with which a neuron at rest first fires in that time step."""
        return float(theta / (1 - alpha ** (latency + 0.5)))

    a, b, detectors = slice(0, pairs), slice(pairs, 2 * pairs), slice(2 * pairs, None)
    to = {"observation": {0: (a, current(2)), 1: (a, current(8))}, "bias": {0: (b, current(2))}}
    recurrent = np.zeros((30, 30))
    pair = np.eye(pairs) * 0.7 * theta / (1 - alpha)  # one is not enough, two are
    recurrent[a, detectors] = recurrent[b, detectors] = pair
    return hand_made(learner, INTERFACE, to, recurrent, detectors, asks=0, weight=10.0, bias=1.5)


def rate_network() -> FrozenNetwork:
    """Neurons A fire often with cue 0 and seldom with cue 1; others fire if A fire often."""
    learner = Lsnn(
        n_neurons=40,
        adaptive_share=0.0,
        tau_membrane_ms=20.0,
        tau_readout_ms=10.0,
        window_ms=20.0,
        explores=False,
        precision="float64",
    )
    a, b, theta = slice(0, 20), slice(20, 40), learner.threshold
    spread = np.linspace(0.8, 1.2, 20)
    to = {"observation": {0: (a, 4 * theta * spread), 1: (a, 1.3 * theta * spread)}}
    recurrent = np.zeros((40, 40))
    recurrent[a, b] = theta
    return hand_made(learner, INTERFACE, to, recurrent, b, asks=0, weight=1.0, bias=0.5)


def planted_loop(network: FrozenNetwork, n_episodes: int) -> ClosedLoop:
    """The network in tasks of both cues."""
    tasks = CueTasks(np.arange(n_episodes) // 2 % 2)
    return ClosedLoop(network, tasks, np.arange(n_episodes, dtype=np.uint64))


def hand_made(
    learner: Lsnn,
    interface: Interface,
    to: Mapping[str, Mapping[int, tuple[slice, float | FloatArray]]],
    recurrent: FloatArray,
    asking: slice,
    asks: int,
    weight: float,
    bias: float,
) -> FrozenNetwork:
    """A network whose neurons ``asking`` ask for one action, against a bias for the other.

    ``to`` has, by the group of input channels and the channel, which neurons get what current.
    """
    channels, n = learner.inputs(interface), learner.n_neurons
    start = {group.name: group.start for group in channels.groups}
    inputs = np.zeros((channels.n, n))
    for group, of_channel in to.items():
        for channel, (neurons, currents) in of_channel.items():
            inputs[start[group] + channel, neurons] = currents
    circuit = learner.circuit(interface)
    readout, biases = np.zeros((n, circuit.n_readouts)), np.zeros(circuit.n_readouts)
    readout[asking, asks] = weight
    biases[1 - asks] = bias
    return FrozenNetwork(
        learner,
        interface,
        circuit,
        learner.wiring(),
        np.resize(circuit.delays, n),
        inputs,
        recurrent,
        readout,
        biases,
    )
