"""A learned LSNN as plain arrays: its weights as they act, in float64.

All sums over synapses are exact (``workers.learners.lsnn.wiring``), in whatever order another
simulator takes them. So its currents are equal to the bit, and its spikes can be compared one by
one.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from spikeloop.tasks.base import FloatArray, IntArray, Interface
from spikeloop.workers.learners.lsnn import tile
from spikeloop.workers.learners.lsnn.learner import Lsnn
from spikeloop.workers.learners.lsnn.network import Network
from spikeloop.workers.learners.lsnn.wiring import Wiring


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

    @classmethod
    def at(cls, learner: Lsnn, interface: Interface, point: FloatArray) -> "FrozenNetwork":
        """Freeze the network of a point (n_dim,) of the learner's space."""
        learner = type(learner).model_validate({**learner.model_dump(), "precision": "float64"})
        n_answers = learner.n_answers(interface)
        circuit = replace(learner.circuit(interface), n_readouts=n_answers)
        weights = learner.space(interface).decode(point[None, :]).values[0]
        acting = tile.acting(learner, interface, np)(weights)
        return cls(
            learner,
            interface,
            circuit,
            learner.wiring(),
            np.resize(circuit.delays, circuit.neurons.n),  # dealt in turn
            _linear(acting.inputs, learner.inputs(interface).n),
            acting.recurrent,
            acting.readout[:, :n_answers],
            acting.bias[:n_answers],
        )


def _linear(inputs: Callable[[Any], Any], n_channels: int) -> FloatArray:
    """Find the weights whose product with the channels is the current, (n_channels, n_neurons).

    Its constant part belongs to the last channel, which is always 1. These sums are exact in
    double precision.
    """
    constant = inputs(np.zeros((1, n_channels)))
    weights: FloatArray = inputs(np.eye(n_channels)) - constant
    weights[-1] += constant[0]
    return weights
