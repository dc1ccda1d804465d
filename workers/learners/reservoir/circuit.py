"""A recurrent network as it is drawn: which neuron reaches which, how late and how strongly."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray, IntArray


@dataclass(frozen=True)
class RandomCircuit:
    """A drawn network.

    Attributes:
        pre: (n_synapses,) source of each recurrent synapse.
        post: (n_synapses,) target, another neuron.
        delay_steps: (n_synapses,) from 1.
        adaptive: (n_neurons,) whether a neuron is.
        dale: (n_neurons,) sign and strength of a neuron's synapses by Dale's law; all 0 without.
        tau_adaptation_ms: (n_neurons,) also of neurons that are not adaptive.
        tau_readout_ms: (n_neurons,) of filtered spikes.
        weights: (n_synapses,) initial weights, before Dale's law.
    """

    pre: IntArray
    post: IntArray
    delay_steps: IntArray
    adaptive: NDArray[np.bool_]
    dale: FloatArray
    tau_adaptation_ms: FloatArray
    tau_readout_ms: FloatArray
    weights: FloatArray

    def acting(self, deviation: FloatArray) -> FloatArray:
        """Return the weights that act for deviations (n_candidates, n_synapses) from initial ones.

        w = w₀ + Δ; by Dale's law w = dale |w₀ + Δ| with the value of the source neuron.
        """
        weights = self.weights + deviation
        if self.dale.any():
            weights = self.dale[self.pre] * np.abs(weights)
        return weights


def generator(sequence: np.random.SeedSequence) -> np.random.Generator:
    """Return a generator whose numbers are the same on any machine."""
    return np.random.Generator(np.random.Philox(sequence))


def log_uniform(ends_ms: tuple[float, float], n: int, rng: np.random.Generator) -> FloatArray:
    """Draw n times between two ends, evenly on a logarithmic scale."""
    low, high = np.log(ends_ms)
    times_ms: FloatArray = np.exp(low + (high - low) * rng.random(n))
    return times_ms
