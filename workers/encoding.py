"""Encodes numbers for spiking neurons as rates of populations with bell-shaped tuning curves.

A population of n neurons covers a range [low, high]. Neuron i prefers the centre
c_i = low + i Δ with the spacing Δ = (high − low) / (n − 1), and fires for the value x at the rate

    r_i(x) = exp(−(x − c_i)² / (2 (w Δ)²)),

1 at its centre, falling off over a width of w spacings: population coding, found by Georgopoulos,
Schwartz and Kettner 1986 (Science 233:1416), reviewed by Pouget, Dayan and Zemel 2000 (Nature
Reviews Neuroscience 1:125), and the input of the spiking networks that learn functions from a
teacher (Bellec et al. 2018, NeurIPS; Maass' talk "Networks of spiking neurons learn to learn").
From a width of about 0.7 the sum of all rates hardly depends on x away from the range's ends.

Every number is computed for itself, so a value has the same rates to the bit beside any others.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from spikeloop.tasks.base import FloatArray


@dataclass(frozen=True)
class PopulationCode:
    """One population of neurons per dimension, all over the same range.

    Dimensions of different ranges have a code each; put the rates side by side.

    Attributes:
        low: centre of each population's first neuron.
        high: centre of its last neuron, above ``low``.
        n_per_dimension: neurons of a population, 2 or more.
        width: standard deviation of a tuning curve in spacings between neighbours, above 0.
    """

    low: float
    high: float
    n_per_dimension: int
    width: float = 1.0

    def __post_init__(self) -> None:
        if not (np.isfinite([self.low, self.high]).all() and self.low < self.high):
            raise ValueError(f"low must be below high, got {self.low} and {self.high}")
        if self.n_per_dimension < 2:
            raise ValueError(f"n_per_dimension must be at least 2, got {self.n_per_dimension}")
        if not (np.isfinite(self.width) and self.width > 0):
            raise ValueError(f"width must be above 0, got {self.width}")

    @property
    def centres(self) -> FloatArray:
        """(n_per_dimension,) preferred values, evenly spaced from ``low`` to ``high``."""
        return np.linspace(self.low, self.high, self.n_per_dimension)

    def encode(self, values: Any, xp: Any = np) -> Any:
        """Compute the rates of all neurons for (n, d) finite numbers of an array library.

        Numbers beyond the range count as its nearer end, because far from all centres the neurons
        would fall silent.

        Returns:
            (n, d · n_per_dimension) rates in [0, 1], the neurons of the first dimension first.
        """
        n, n_dimensions = values.shape
        spacing = (self.high - self.low) / (self.n_per_dimension - 1)
        within = xp.clip(values, self.low, self.high)[:, :, None]
        distance = (within - xp.asarray(self.centres, values.dtype)) / (self.width * spacing)
        rates = xp.exp(-0.5 * distance * distance)
        return rates.reshape(n, n_dimensions * self.n_per_dimension)


def one_hot(indices: Any, n_values: int, xp: Any = np) -> Any:
    """Return (n, n_values) rates of a neuron per value: 1 for the one shown, 0 for all others.

    ``xp`` is the array library of the (n,) indices.

    Raises:
        ValueError: if an index is not in [0, n_values); only NumPy looks.
    """
    if xp is np and ((indices < 0) | (indices >= n_values)).any():
        raise ValueError(f"indices must be in [0, {n_values}), got {indices}")
    return (indices[:, None] == xp.arange(n_values)).astype(float)
