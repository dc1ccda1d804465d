"""What the readouts of a tile see: random reservoirs that get the samples of their episodes."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.brian.open_loop import open_loop
from spikeloop.workers.brian.rollout import Course
from spikeloop.workers.brian.targets import OpenTarget
from spikeloop.workers.input_channels import Channels
from spikeloop.workers.learners.reservoir.batch import HEARD, reservoirs
from spikeloop.workers.learners.reservoir.liquid import Liquid
from spikeloop.workers.learners.reservoir.network import Reservoir
from spikeloop.workers.time_steps import whole_steps

Values = dict[str, FloatArray]
"""(n_candidates,) each hyperparameter, by name."""
UNITS: dict[str, Any] = {"tau_membrane_ms": 1.0, "tau_synapse_ms": 1.0, "beta": 1.0}
"""Of which candidates have multiples."""


@dataclass(frozen=True)
class LiquidNetwork:
    """The network of a tile, as far as all candidates have it in common.

    Attributes:
        liquid: what random wirings are drawn from.
        channels: how a sample is shown to the network.
        adapts: whether thresholds of neurons may adapt.
        refractory_ms: refractory time.
        step_ms: time step.
        window_ms: time of one sample.
        target: what Brian2 generates code for.
    """

    liquid: Liquid
    channels: Channels
    adapts: bool
    refractory_ms: float
    step_ms: float
    window_ms: float
    target: OpenTarget


def features(
    network: LiquidNetwork, values: Values, course: Course, inputs: list[FloatArray]
) -> FloatArray:
    """(n_samples, n_episodes, n) spikes per sample, filtered: what the readouts see.

    Args:
        network: what all candidates have in common.
        values: (n_candidates,) of each hyperparameter.
        course: of the episodes.
        inputs: of each sample, (n_episodes, n_channels).
    """
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
    heard = open_loop(
        reservoir.blueprint(circuit, 0, window_steps),
        course.seeds,
        {variable: course.of_episodes(value) for variable, value in start.items()},
        {nets.entry: np.stack([nets.shown(shown) for shown in inputs])},
        window_steps,
        [HEARD],
        network.target,
    )[HEARD]
    filtered, before = np.zeros(heard.shape[1:]), np.zeros(heard.shape[1:])
    for window in heard:
        filtered = nets.filtered(filtered, window - before)
        before = window.copy()
        window[:] = filtered
    return heard


def _feeding(channels: Channels, values: Values, liquid: Liquid) -> FloatArray:
    """(n_candidates, n_channels, n) input weights."""
    scale = np.repeat(values["input_scale"][:, None], channels.n, axis=1)
    first = sum(n for name, n in channels.parts.items() if name == "observation")
    scale[:, first : first + channels.parts["feedback"]] *= values["feedback_scale"][:, None]
    weights = liquid.feeding(channels.n, values["n_neurons"])
    fed: FloatArray = weights * (scale / np.sqrt(channels.n_shown))[:, :, None]
    return fed
