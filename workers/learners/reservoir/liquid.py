"""Random reservoirs whose size, wiring and strength are hyperparameters, each a function of them.

Everything is drawn by counter-based numbers (``philox``) from one seed, so networks of similar
hyperparameters are similar: synapse j -> i exists if its number lies below the connectivity p,
neuron i if i < n, the neurons of smallest number are excitatory, or adaptive, and weights keep
their numbers while their scale changes. No network depends on the others that are simulated with
it.

A recurrent weight is b_j |z| s, z standard normal, by Dale's law with b_j = 1 for excitatory
neurons, a share f of all, and b_j = −f / (1 − f) for the others, so that weights have mean 0. With

    s² = ρ² (1 − f) / (f n p (1 − 2 p / π))

ρ is the spectral radius of the weight matrix of a large network, except for single eigenvalues
beyond it (Rajan and Abbott 2006, Phys. Rev. Lett. 97:188104: ρ² = n times the mean variance of a
matrix element); with 64 to 150 neurons the largest is usually 0.95 to 1.15 ρ. In a population whose
potentials are moved by w a spike, as in ``network``, input above the leak leads to one output spike
for each threshold that it brings, so at ρ = 1 activity begins to sustain itself.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray, IntArray
from spikeloop.workers.learners.reservoir.network import RandomCircuit
from spikeloop.workers.philox import PYTHON_STREAMS, uniforms


class Drawn(IntEnum):
    """Streams of the random numbers of a network."""

    WIRES = PYTHON_STREAMS + 16
    DELAYS = PYTHON_STREAMS + 17
    STRENGTHS = PYTHON_STREAMS + 18
    EXCITATORY = PYTHON_STREAMS + 20
    ADAPTIVE = PYTHON_STREAMS + 21
    FEEDING = PYTHON_STREAMS + 22


@dataclass(frozen=True)
class Liquid:
    """The union of all candidates' networks; neurons and synapses that one lacks have weight 0.

    Attributes:
        network: seed.
        n: neurons of the largest candidate.
        pre: (n_synapses,) source.
        post: (n_synapses,) target, another neuron.
        delay_steps: (n_synapses,) from 1.
        wires: (n_synapses,) number of each synapse in [0, 1).
        strengths: (n_synapses,) |z|.
    """

    network: int
    n: int
    pre: IntArray
    post: IntArray
    delay_steps: IntArray
    wires: FloatArray
    strengths: FloatArray

    @classmethod
    def draw(cls, network: int, n: int, connectivity: float, longest_delay: int) -> "Liquid":
        """Draw the largest network from the seed ``network``; smaller ones are parts of it.

        Delays are 1, 2, ... time steps up to ``longest_delay``.
        """
        wires = _matrix(network, Drawn.WIRES, n, n)
        pre, post = np.nonzero((wires < connectivity) & ~np.eye(n, dtype=np.bool_))
        delays = 1 + np.floor(longest_delay * _matrix(network, Drawn.DELAYS, n, n))
        return cls(
            network=network,
            n=n,
            pre=pre,
            post=post,
            delay_steps=delays[pre, post].astype(np.int64),
            wires=wires[pre, post],
            strengths=np.abs(_normals(network, Drawn.STRENGTHS, n, n))[pre, post],
        )

    def excitatory(self, n_neurons: FloatArray, share: FloatArray) -> NDArray[np.bool_]:
        """Return which neurons are excitatory, (n_candidates, n): one at least, and not all."""
        n_chosen = np.clip(np.rint(share * n_neurons), 1, np.maximum(1, n_neurons - 1))
        return self._smallest(Drawn.EXCITATORY, n_neurons, n_chosen)

    def adaptive(self, n_neurons: FloatArray, share: FloatArray) -> NDArray[np.bool_]:
        """Return which neurons are adaptive, (n_candidates, n)."""
        return self._smallest(Drawn.ADAPTIVE, n_neurons, np.rint(share * n_neurons))

    def weights(
        self,
        n_neurons: FloatArray,
        connectivity: FloatArray,
        excitatory_share: FloatArray,
        spectral_radius: FloatArray,
    ) -> FloatArray:
        """Return recurrent weights (n_candidates, n_synapses), 0 where a candidate has no synapse.

        Args:
            n_neurons: (n_candidates,) up to ``n``.
            connectivity: (n_candidates,) chance of a synapse, above 0.
            excitatory_share: (n_candidates,) of the neurons.
            spectral_radius: (n_candidates,) ρ.
        """
        excites = self.excitatory(n_neurons, excitatory_share)
        excitation = excites.sum(axis=1) / n_neurons
        # A single neuron has no synapses, whatever their scale.
        inhibition = np.maximum(1.0 - excitation, 1.0 / n_neurons)
        ratio = excitation / inhibition
        variance = n_neurons * connectivity * (1.0 - 2.0 * connectivity / np.pi) * ratio
        scale = spectral_radius / np.sqrt(variance)
        sign = np.where(excites, 1.0, -ratio[:, None]) * scale[:, None]
        there = (self.wires < connectivity[:, None]) & (
            np.maximum(self.pre, self.post) < n_neurons[:, None]
        )
        return np.where(there, sign[:, self.pre] * self.strengths, 0.0)

    def feeding(self, n_channels: int, n_neurons: FloatArray) -> FloatArray:
        """Return normal input weights (n_candidates, n_channels, n), 0 for absent neurons."""
        weights = _normals(self.network, Drawn.FEEDING, n_channels, self.n)
        return np.where(self.present(n_neurons)[:, None], weights, 0.0)

    def present(self, n_neurons: FloatArray) -> NDArray[np.bool_]:
        """Return which neurons a candidate has, (n_candidates, n)."""
        return np.arange(self.n) < n_neurons[:, None]

    def circuit(self, adapts: bool) -> RandomCircuit:
        """Return the circuit for ``network``, with time constants of 1 ms, as units of candidates'.

        Either all neurons can adapt or none; the adaptive ones differ between candidates.
        """
        one = np.ones(self.n)
        return RandomCircuit(
            pre=self.pre,
            post=self.post,
            delay_steps=self.delay_steps,
            adaptive=np.full(self.n, adapts),
            dale=np.zeros(self.n),
            tau_adaptation_ms=one,
            tau_readout_ms=one,
            weights=np.zeros(self.pre.size),
        )

    def _smallest(
        self, stream: Drawn, n_neurons: FloatArray, n_chosen: FloatArray
    ) -> NDArray[np.bool_]:
        """Return the ``n_chosen`` neurons with the smallest numbers among those that exist."""
        numbers = np.where(self.present(n_neurons), _matrix(self.network, stream, 1, self.n), 2.0)
        rank = numbers.argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")
        return rank < n_chosen[:, None]


def _matrix(network: int, stream: int, n_rows: int, n_columns: int) -> FloatArray:
    """Return uniform numbers; a larger matrix has the same ones in its corner."""
    seed = np.array([network], dtype=np.uint64)
    rows = [uniforms(seed, stream, row, n_columns)[0] for row in range(n_rows)]
    return np.stack(rows) if rows else np.zeros((0, n_columns))


def _normals(network: int, stream: int, n_rows: int, n_columns: int) -> FloatArray:
    """Return standard normal numbers with the same property (Box and Muller 1958)."""
    radius = np.sqrt(-2.0 * np.log(1.0 - _matrix(network, stream, n_rows, n_columns)))
    angle = 2.0 * np.pi * _matrix(network, stream + 1, n_rows, n_columns)
    normals: FloatArray = radius * np.cos(angle)
    return normals
