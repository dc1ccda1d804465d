"""The synapses of a network: which exist, of which sign, and their exact sums.

The input of a neuron is a sum over many synapses. Floating-point sums depend on their order, and
matrix products choose it by the shape of the whole batch, so that an episode could differ in its
last bits, and then in its spikes, with the number of its neighbours. Here all such sums are exact,
whatever their order: weights lie on a grid so fine that training is not affected and so coarse that
the largest sum over all neurons still fits the significand. Inputs, which are no spikes, are
rounded to 8 bits, and their weights are split in two parts on two grids, each summed exactly. This
also makes the currents of an exported network equal to the bit.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.xla import jax

LARGEST_WEIGHT = 16.0
"""Largest weight that acts, in standard deviations of the initial law: the bound is the next power
of 2 above it."""
SIGNIFICAND = 24
"""Bits of the significand of float32."""
INPUT_BITS = 8
"""Inputs in [-1, 1] are multiples of 2**-8."""


@dataclass(frozen=True)
class Wiring:
    """Recurrent synapses; [i, j] is the one from neuron i to neuron j.

    Attributes:
        exists: (n, n) whether there is a synapse; never one from a neuron to itself.
        sign: (n,) +1 for excitatory, -1 for inhibitory neurons, 0 where the weights' signs act.
    """

    exists: NDArray[np.bool_]
    sign: FloatArray

    @classmethod
    def draw(
        cls, n: int, connectivity: float, excitatory_share: float, rng: np.random.Generator
    ) -> "Wiring":
        """Draw the synapses of n neurons; without Dale's law if ``excitatory_share`` is 0."""
        exists = (rng.random((n, n)) < connectivity) & ~np.eye(n, dtype=np.bool_)
        sign = np.zeros(n)
        if excitatory_share:
            order = rng.permutation(n)
            sign = np.where(order < round(excitatory_share * n), 1.0, -1.0)
        return cls(exists, sign)

    def acting(self, weights: Any, scale: float, xp: Any) -> Any:
        """Return weights (n, n) as they act, of trained ones whose initial law has that scale.

        A weight of the wrong sign counts with the right one (Dale's law); synapses that do not
        exist count as 0. ``xp`` is the array library, NumPy's or that of JAX.
        """
        if self.sign.any():
            weights = xp.abs(weights) * self.sign[:, None]
        rounded = round_to_spacing(weights, scale, self.exists.shape[0], xp)
        return xp.where(self.exists, rounded, 0.0)


def weight_spacing(scale: float, n: int, bits: int = SIGNIFICAND) -> float:
    """Return the spacing, a power of 2, at which n weights sum exactly within so many bits."""
    largest = np.ceil(np.log2(LARGEST_WEIGHT * scale)) + np.ceil(np.log2(max(n, 2)))
    return float(2.0 ** (largest - bits))


def round_to_spacing(weights: Any, scale: float, n: int, xp: Any, bits: int = SIGNIFICAND) -> Any:
    """Round weights to multiples of ``weight_spacing`` and clip them at ``LARGEST_WEIGHT``.

    The derivative is that of the identity.

    Args:
        weights: any shape.
        scale: of their initial law.
        n: terms of a sum, at most.
        xp: the array library, NumPy's or that of JAX.
        bits: for the sum.
    """
    largest = 2.0 ** np.ceil(np.log2(LARGEST_WEIGHT * scale))
    spacing = weight_spacing(scale, n, bits)
    rounded = xp.clip(xp.round(weights / spacing) * spacing, -largest, largest)
    return _constant(rounded, xp) + (weights - _constant(weights, xp))


def exact_product(values: Any, weights: Any, scale: float, xp: Any) -> Any:
    """Return values @ weights, summed exactly but for one rounding of each sum at the end.

    Args:
        values: (n_episodes, n) in [-1, 1], rounded to 8 bits here.
        weights: (n, m).
        scale: of their initial law.
        xp: the array library, NumPy's or that of JAX.
    """
    steps = 2.0**INPUT_BITS
    values = xp.round(values * steps) / steps
    n, bits = weights.shape[0], SIGNIFICAND - INPUT_BITS
    coarse = _constant(round_to_spacing(weights, scale, n, xp, bits), xp)
    # What is left is at most half of a spacing of the coarse grid.
    fine = round_to_spacing(
        weights - coarse, weight_spacing(scale, n, bits) / LARGEST_WEIGHT, n, xp, bits
    )
    both = values @ xp.concatenate([coarse, fine], axis=1)
    return both[:, : weights.shape[1]] + both[:, weights.shape[1] :]


def _constant(values: Any, xp: Any) -> Any:
    """Return the values without their derivative, which NumPy does not have anyway."""
    return values if xp is np else jax().lax.stop_gradient(values)
