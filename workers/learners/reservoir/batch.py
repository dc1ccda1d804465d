"""The reservoirs of a tile: initial values, inputs, and filtered spikes."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.brian.blueprint import Blueprint, Variable
from spikeloop.workers.brian.open_loop import open_loop
from spikeloop.workers.brian.targets import OpenLoopTarget
from spikeloop.workers.input_channels import InputChannels
from spikeloop.workers.learners.reservoir.network import (
    PHYSICAL,
    Physical,
    RandomCircuit,
    Reservoir,
    weighted,
)
from spikeloop.workers.rollout import Rollout

SPIKE_SUM: Variable = ("neurons", "spike_sum")
"""The variable that sums each neuron's spikes, weighted as at the end of their window."""


@dataclass(frozen=True)
class Reservoirs:
    """The networks of some candidates, each for the same number of episodes, in order.

    Attributes:
        window_steps: time steps of one decision.
        start: (n_candidates, n) values of the blueprint's parameters, in SI units.
        entry: the parameter that is set before each window.
        feeding: (n_candidates, n_channels, n_neurons) input weights, for currents.
        chance: of a Poisson channel's spike per step at its height.
        keeps: (n_candidates, n_neurons) share of filtered spikes that is left after a window.
        worth: (n_candidates, n_neurons) filtered spikes for each spike.
    """

    window_steps: int
    start: Mapping[Variable, FloatArray]
    entry: Variable
    feeding: FloatArray
    chance: float
    keeps: FloatArray
    worth: FloatArray

    def shown(self, channels: FloatArray) -> FloatArray:
        """Return ``entry`` (n_episodes, n) for channels (n_episodes, n_channels) in [0, 1]."""
        if self.entry[0] == "inputs":
            return channels * self.chance
        return weighted(channels, self.feeding)

    def filtered(self, before: FloatArray, spike_sum: FloatArray) -> FloatArray:
        """Return filtered spikes (n_episodes, n_neurons) at the end of a window.

        Args:
            before: (n_episodes, n_neurons) at the end of the last one.
            spike_sum: (n_episodes, n_neurons) change of ``SPIKE_SUM`` in the window.
        """
        each = len(spike_sum) // len(self.keeps)
        return before * np.repeat(self.keeps, each, axis=0) + spike_sum * np.repeat(
            self.worth, each, axis=0
        )

    def spike_sums(
        self, blueprint: Blueprint, rollout: Rollout, inputs: FloatArray, target: OpenLoopTarget
    ) -> FloatArray:
        """Run open-loop episodes; return ``SPIKE_SUM`` after each window, (n_windows, …).

        ``inputs`` are those of ``lesson``.
        """
        return open_loop(
            blueprint,
            rollout.seeds,
            {variable: rollout.of_episodes(values) for variable, values in self.start.items()},
            {self.entry: np.stack([self.shown(channels) for channels in inputs])},
            self.window_steps,
            [SPIKE_SUM],
            target,
        )[SPIKE_SUM]


def reservoirs(
    settings: Reservoir,
    circuit: RandomCircuit,
    window_steps: int,
    recurrent: FloatArray,
    feeding: FloatArray,
    factors: Mapping[str, FloatArray],
) -> Reservoirs:
    """Return networks of one circuit with each candidate's weights and time constants.

    Args:
        settings: of the networks.
        circuit: drawn by the settings, or by a ``Liquid``.
        window_steps: time steps of one decision.
        recurrent: (n_candidates, n_synapses) weights.
        feeding: (n_candidates, n_channels, n_neurons) input weights.
        factors: (n_candidates,) factors on physical parameters of all neurons.
    """
    n_candidates, _, n = feeding.shape
    dt_s = settings.step_ms * 1e-3
    by: dict[Physical, FloatArray] = {
        name: factors.get(name, np.ones(n_candidates))[:, None] for name in PHYSICAL
    }

    def kept(tau_ms: FloatArray | float, name: Physical) -> FloatArray:
        """Return α of a step."""
        alpha: FloatArray = np.exp(-settings.step_ms / (by[name] * np.full(n, tau_ms)))
        return alpha

    membrane = kept(settings.tau_membrane_ms, "tau_membrane")
    readout = kept(circuit.tau_readout_ms, "tau_readout")
    start: dict[Variable, FloatArray] = {
        ("neurons", "leak"): (1 - membrane) / dt_s,
        # α may have come to 0, of which there is no logarithm.
        ("neurons", "forget"): settings.step_ms / (by["tau_readout"] * circuit.tau_readout_ms),
    }
    if circuit.adaptive.any():
        adaptation = kept(circuit.tau_adaptation_ms, "tau_adaptation")
        start["neurons", "fade"] = (1 - adaptation) / dt_s
        start["neurons", "rise"] = settings.beta * circuit.adaptive * by["beta"]
    jump = np.ones((n_candidates, n))
    if settings.tau_synapse_ms:
        synapse = kept(settings.tau_synapse_ms, "tau_synapse")
        start["neurons", "decay"] = (1 - synapse) / dt_s
        jump = (1 - synapse) / (1 - membrane)
    if circuit.pre.size:
        start["recurrent", "w"] = recurrent * jump[:, circuit.post]
    chance = settings.input_rate_Hz * dt_s
    if settings.input == "poisson":
        # The potential that a step's spikes leave is on average that of the current.
        share = (1 - membrane) * jump / chance
        start["feeding", "w"] = (feeding * share[:, None, :]).reshape(n_candidates, -1)
    return Reservoirs(
        window_steps,
        start=start,
        entry=("inputs", "chance") if settings.input == "poisson" else ("neurons", "drive"),
        feeding=feeding,
        chance=chance,
        keeps=readout**window_steps,
        worth=window_steps * (1 - readout),
    )


def lesson(channels: InputChannels, rollout: Rollout) -> tuple[FloatArray, FloatArray]:
    """Return inputs and targets of episodes whose actions are no input, by playing them.

    Returns:
        Inputs (n_steps, n_episodes, n_channels) and targets (n_steps, n_episodes).
    """
    inputs, targets, feedback = [], [], np.zeros(rollout.n_episodes)
    nothing = np.zeros((rollout.n_episodes, rollout.interface.n_actions))
    for step in range(rollout.n_steps):
        inputs.append(channels.encode(rollout.observe(), nothing, feedback, step))
        feedback = rollout.step(nothing)
        targets.append(feedback)
    return np.stack(inputs), np.stack(targets)
