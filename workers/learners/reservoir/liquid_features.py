"""Features of a tile's readouts: spikes of random reservoirs driven by the samples."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.brian.open_loop import open_loop
from spikeloop.workers.brian.rollout import Rollout
from spikeloop.workers.brian.targets import OpenLoopTarget
from spikeloop.workers.input_channels import InputChannels
from spikeloop.workers.learners.reservoir.batch import SPIKE_SUM, reservoirs
from spikeloop.workers.learners.reservoir.liquid import Liquid
from spikeloop.workers.learners.reservoir.network import Reservoir
from spikeloop.workers.time_steps import whole_steps

CandidateValues = dict[str, FloatArray]
"""(n_candidates,) each hyperparameter, by name."""
UNITS: dict[str, Any] = {"tau_membrane_ms": 1.0, "tau_synapse_ms": 1.0, "beta": 1.0}
"""Units of settings of which candidates have multiples."""


@dataclass(frozen=True)
class LiquidNetwork:
    """The part of a tile's network that all candidates have in common.

    Attributes:
        liquid: the union of their networks.
        channels: input channels of the network.
        adapts: whether thresholds of neurons may adapt.
        refractory_ms: refractory time.
        step_ms: time step.
        window_ms: time of one sample.
        target: what Brian2 generates code for.
    """

    liquid: Liquid
    channels: InputChannels
    adapts: bool
    refractory_ms: float
    step_ms: float
    window_ms: float
    target: OpenLoopTarget


def features(
    network: LiquidNetwork, values: CandidateValues, rollout: Rollout, inputs: list[FloatArray]
) -> FloatArray:
    """Return filtered spikes (n_samples, n_episodes, n) for ``inputs`` (n_episodes, n_channels)."""
    liquid, window_steps = network.liquid, whole_steps(network.window_ms, network.step_ms)
    circuit, n_neurons = liquid.circuit(network.adapts), values["n_neurons"]
    reservoir = Reservoir(
        n_neurons=liquid.n,
        refractory_ms=network.refractory_ms,
        step_ms=network.step_ms,
        **UNITS,
    )
    weights = liquid.weights(
        n_neurons,
        values["connectivity"],
        values["excitatory_share"],
        values["spectral_radius"],
    )
    feeding = _feeding(network.channels, values, liquid)
    multiples = {name.removesuffix("_ms"): value for name, value in values.items()}
    nets = reservoirs(reservoir, circuit, window_steps, weights, feeding, multiples)
    start = dict(nets.start)
    if network.adapts:
        adaptive = liquid.adaptive(n_neurons, values["adaptive_share"])
        start["neurons", "rise"] = values["beta"][:, None] * adaptive
    spike_sum = open_loop(
        reservoir.blueprint(circuit, 0, window_steps),
        rollout.seeds,
        {variable: rollout.of_episodes(value) for variable, value in start.items()},
        {nets.entry: np.stack([nets.shown(shown) for shown in inputs])},
        window_steps,
        [SPIKE_SUM],
        network.target,
    )[SPIKE_SUM]
    filtered, before = np.zeros(spike_sum.shape[1:]), np.zeros(spike_sum.shape[1:])
    for window in spike_sum:
        filtered = nets.filtered(filtered, window - before)
        before = window.copy()
        window[:] = filtered
    return spike_sum


def _feeding(channels: InputChannels, values: CandidateValues, liquid: Liquid) -> FloatArray:
    """Return input weights (n_candidates, n_channels, n)."""
    scale = np.repeat(values["input_scale"][:, None], channels.n, axis=1)
    (feedback,) = (group for group in channels.groups if group.name == "feedback")
    scale[:, feedback.start : feedback.start + feedback.n] *= values["feedback_scale"][:, None]
    weights = liquid.feeding(channels.n, values["n_neurons"])
    fed: FloatArray = weights * (scale / np.sqrt(channels.n_shown))[:, :, None]
    return fed
