"""The synapses of a network: which there are, of which sign, and their exact sums.

What a neuron receives is a sum over many synapses. Floating-point sums depend on their order, and
matrix products choose it by the shape of the whole batch, so that an episode could differ in its
last bits, and then in its spikes, with the number of its neighbours. Here all such sums are exact,
whatever their order: weights lie on a grid so fine that training does not notice it and so coarse
that the largest sum of a whole batch of spikes still fits the significand. Inputs, which are no
spikes, are rounded to 8 bits, and their weights are split in two parts on two grids, each summed
exactly. It also makes the currents of an exported network equal to the bit.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.xla import jax

LARGEST = 16.0
"""Weights act as at most this many standard deviations of their initial law, or up to twice that:
the bound is the next power of 2."""
SIGNIFICAND = 24
"""Bits of float32's."""
INPUT_BITS = 8
"""Inputs in [-1, 1] are multiples of 2**-8."""


@dataclass(frozen=True)
class Wiring:
    """Recurrent synapses; [i, j] is the one from neuron i to neuron j.

    Attributes:
        exists: (n, n) which synapses there are; never one from a neuron to itself.
        sign: (n,) +1 for excitatory, -1 for inhibitory neurons, 0 where weights choose it.
    """

    exists: NDArray[np.bool_]
    sign: FloatArray

    @classmethod
    def draw(
        cls, n: int, connectivity: float, excitatory_share: float, rng: np.random.Generator
    ) -> "Wiring":
        """Draws one.

        Args:
            n: neurons.
            connectivity: chance of each synapse.
            excitatory_share: of the neurons, the others are inhibitory; 0 lets weights choose.
            rng: of the network.
        """
        exists = (rng.random((n, n)) < connectivity) & ~np.eye(n, dtype=np.bool_)
        sign = np.zeros(n)
        if excitatory_share:
            order = rng.permutation(n)
            sign = np.where(order < round(excitatory_share * n), 1.0, -1.0)
        return cls(exists, sign)

    def acting(self, weights: Any, scale: float) -> Any:
        """(n, n) weights as they act.

        A weight of the wrong sign counts with the right one (Dale's law); synapses that do not
        exist count as 0.

        Args:
            weights: (n, n), as they are trained.
            scale: of their initial law.
        """
        xp = jax().numpy
        if self.sign.any():
            weights = xp.abs(weights) * self.sign[:, None]
        return xp.where(self.exists, on_grid(weights, scale, self.exists.shape[0]), 0.0)


def grid(scale: float, n: int, bits: int = SIGNIFICAND) -> float:
    """Spacing of weights of which n can be summed exactly within so many bits: a power of 2."""
    largest = np.ceil(np.log2(LARGEST * scale)) + np.ceil(np.log2(max(n, 2)))
    return float(2.0 ** (largest - bits))


def on_grid(weights: Any, scale: float, n: int, bits: int = SIGNIFICAND) -> Any:
    """Weights as multiples of ``grid``, cut off at ``LARGEST``; differentiated as if they were not.

    Args:
        weights: any shape.
        scale: of their initial law.
        n: how many are summed, at most.
        bits: for the sum.
    """
    xp, lax = jax().numpy, jax().lax
    largest = 2.0 ** np.ceil(np.log2(LARGEST * scale))
    spacing = grid(scale, n, bits)
    rounded = xp.clip(xp.round(weights / spacing) * spacing, -largest, largest)
    return lax.stop_gradient(rounded) + (weights - lax.stop_gradient(weights))


def exact_product(values: Any, weights: Any, scale: float) -> Any:
    """Values @ weights, summed exactly but for one rounding of each sum at the end.

    Args:
        values: (n_episodes, n) in [-1, 1], rounded to 8 bits here.
        weights: (n, m).
        scale: of their initial law.
    """
    xp, lax = jax().numpy, jax().lax
    steps = 2.0**INPUT_BITS
    values = xp.round(values * steps) / steps
    n, bits = weights.shape[0], SIGNIFICAND - INPUT_BITS
    coarse = lax.stop_gradient(on_grid(weights, scale, n, bits))
    # What is left is at most half of a spacing of the coarse grid.
    fine = on_grid(weights - coarse, grid(scale, n, bits) / LARGEST, n, bits)
    both = values @ xp.concatenate([coarse, fine], axis=1)
    return both[:, : weights.shape[1]] + both[:, weights.shape[1] :]
