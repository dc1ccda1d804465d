"""A learned LSNN as plain arrays: weights as they act, and one recorded episode, in float64.

All sums over synapses are exact (``workers.learners.lsnn.wiring``), in whatever order another
simulator takes them. So its currents are equal to the bit, and its spikes can be compared one by
one.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeloop.coordinator.errors import ConfigError
from spikeloop.coordinator.export.weights import Learned
from spikeloop.coordinator.search.transfer_design import transfer_grid, transfer_theta
from spikeloop.tasks.base import FloatArray, IntArray, Interface
from spikeloop.workers import xla
from spikeloop.workers.learners.lsnn import tile
from spikeloop.workers.learners.lsnn.learner import Lsnn
from spikeloop.workers.learners.lsnn.network import Network
from spikeloop.workers.learners.lsnn.wiring import INPUT_BITS, Wiring
from spikeloop.workers.philox import Stream, uniforms


@dataclass(frozen=True)
class FrozenNetwork:
    """A network whose weights are numbers.

    Attributes:
        learner: its settings, of precision float64.
        interface: of the family that it has learned.
        circuit: its constants.
        wiring: which synapses there are.
        delay: (n_neurons,) steps from a neuron's spike to its effect on others.
        inputs: (n_channels, n_neurons) input weights.
        recurrent: (n_neurons, n_neurons) from the first to the second; 0 where there is no synapse.
        readout: (n_neurons, n_readouts) readout weights, without those that only training asks.
        bias: (n_readouts,) of the readouts.
    """

    learner: Lsnn
    interface: Interface
    circuit: Network
    wiring: Wiring
    delay: IntArray
    inputs: FloatArray
    recurrent: FloatArray
    readout: FloatArray
    bias: FloatArray


@dataclass(frozen=True)
class RecordedEpisode:
    """One episode of a frozen network.

    Attributes:
        inputs: what its channels were: (n_decisions, n_channels), or one row for each time step
            where inputs are spikes.
        spikes: (n_time_steps, n_neurons).
        choice: (n_decisions,) uniform numbers by which actions were drawn.
        action: (n_decisions,) actions, or (n_decisions, n_actions) answers.
        feedback: (n_decisions,) the feedback for them.
    """

    inputs: FloatArray
    spikes: NDArray[np.bool_]
    choice: FloatArray
    action: NDArray[np.generic]
    feedback: FloatArray


def freeze(learned: Learned, form: str) -> FrozenNetwork:
    """Freeze the network of a learned point; error messages name the ``form`` of the export.

    Raises:
        ConfigError: the learner is not of kind ``lsnn``, or its neurons do not spike.
        Unavailable: JAX is not installed.
    """
    learner, interface = learned.config.learner, learned.config.family.interface
    if not isinstance(learner, Lsnn):
        raise ConfigError(
            f"{learned.source}: --to {form} is for networks of the learner lsnn, this one is "
            f"{learner.kind}; --to weights takes any"
        )
    if learner.smooth:
        raise ConfigError(
            f"{learned.source}: --to {form} needs neurons that spike, but learner.smooth is "
            f"{learner.smooth}, not 0"
        )
    learner = type(learner).model_validate({**learner.model_dump(), "precision": "float64"})
    n_answers = learner.n_answers(interface)
    circuit = replace(learner.circuit(interface), n_readouts=n_answers)
    weights = learner.space(interface).decode(learned.point[None, :]).values[0]
    with xla.precision("float64"):
        acting = tile.acting(learner, interface)(xla.jax().numpy.asarray(weights))
        inputs = _linear(acting.inputs, learner.inputs(interface).n)
    return FrozenNetwork(
        learner,
        interface,
        circuit,
        learner.wiring(),
        np.resize(circuit.delays, circuit.neurons.n),  # dealt in turn
        inputs,
        np.asarray(acting.recurrent),
        np.asarray(acting.readout)[:, :n_answers],
        np.asarray(acting.bias)[:n_answers],
    )


def _linear(inputs: Callable[[Any], Any], n_channels: int) -> FloatArray:
    """Find the weights whose product with the channels is the current, (n_channels, n_neurons).

    Its constant part belongs to the last channel, which is always 1. These sums are exact in
    double precision.
    """
    constant = np.asarray(inputs(np.zeros((1, n_channels))))
    weights: FloatArray = np.asarray(inputs(np.eye(n_channels))) - constant
    weights[-1] += constant[0]
    return weights


def record_episode(learned: Learned, frozen: FrozenNetwork, task: int) -> RecordedEpisode:
    """Record the episode of the learned point on one of the held-out tasks of its run."""
    config = learned.config
    if task >= config.transfer.tasks:
        raise ConfigError(
            f"{learned.source}: --task must be 0 to {config.transfer.tasks - 1}, the last held-out "
            f"task, got {task}"
        )
    grid = transfer_grid(config, config.transfer, learned.point)
    row = transfer_theta(config.transfer).index("learned")
    seeds = np.ascontiguousarray(grid.seeds()[row : row + 1, task : task + 1])
    parameters = config.space.decode(learned.point[None, :])
    kept = tile.trace(frozen.learner, parameters, grid.tasks()[task : task + 1], seeds)
    n_channels, n_decisions = frozen.inputs.shape[0], frozen.interface.n_steps
    # Sums round channels that are not spikes to this many bits (``exact_product``).
    inputs = np.round(kept.seen * 2.0**INPUT_BITS) / 2.0**INPUT_BITS
    drawn = [uniforms(seeds[0], Stream.EXPLORATION, step)[0, 0] for step in range(n_decisions)]
    return RecordedEpisode(
        inputs.reshape(-1, n_channels),
        kept.spikes.reshape(-1, kept.spikes.shape[-1]) > 0,
        np.array(drawn),
        kept.action[0, :, 0],
        kept.feedback[0, :, 0],
    )
