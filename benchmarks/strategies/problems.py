"""Functions in a box with a known minimum of 0, for the comparison of searches.

Each function stands on [0, 1]^d. An *instance* has its minimum at a point drawn uniformly from
[0.1, 0.9]^d and, for the rotated ellipsoid, axes drawn uniformly from all rotations. It is a
function of (function, dimensions, seed), so that every search meets the same instances. With
u = x − x* the functions are

    sphere      Σ u_i²
    ellipsoid   Σ 10^(6 (i − 1) / (d − 1)) u_i²                    Hansen et al. 2009, BBOB f2
    rotated     the same of R u                                    BBOB f10, without its distortion
    rosenbrock  Σ 100 (z_i² − z_{i+1})² + (z_i − 1)²,  z = 1 + 4 u         Rosenbrock 1960
    rastrigin   Σ 10 (1 − cos 2π z_i) + z_i²,          z = 10.24 u         Rastrigin 1974
    step        Σ ⌊z_i + 1/2⌋²,                        z = 10.24 u         Yao et al. 1999, f6

with the usual width of the box in z. Values are divided by their standard deviation over the
initial law, which is uniform, so that noise of 0.05 means the same on all of them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from spikeloop.tasks.base import FloatArray

N_INITIAL = 2000
"""Draws of the initial law, for its spread and its median gap."""

SMALLEST = 1e-10
"""Share of the initial gap below which a search has arrived, whatever it still gains."""


def _sphere(u: FloatArray) -> FloatArray:
    return np.asarray((u**2).sum(axis=1))


def _ellipsoid(u: FloatArray) -> FloatArray:
    return np.asarray(u**2 @ np.logspace(0, 6, u.shape[1]))


def _rosenbrock(u: FloatArray) -> FloatArray:
    z = 1 + 4 * u
    curved = 100 * (z[:, :-1] ** 2 - z[:, 1:]) ** 2 + (z[:, :-1] - 1) ** 2
    return np.asarray(curved.sum(axis=1))


def _rastrigin(u: FloatArray) -> FloatArray:
    z = 10.24 * u
    return np.asarray((10 * (1 - np.cos(2 * np.pi * z)) + z**2).sum(axis=1))


def _step(u: FloatArray) -> FloatArray:
    return np.asarray((np.floor(10.24 * u + 0.5) ** 2).sum(axis=1))


FUNCTIONS: Mapping[str, Callable[[FloatArray], FloatArray]] = {
    "sphere": _sphere,
    "ellipsoid": _ellipsoid,
    "rotated": _ellipsoid,
    "rosenbrock": _rosenbrock,
    "rastrigin": _rastrigin,
    "step": _step,
}
"""From (n, n_dim) offsets u to (n,) values. Their order is part of an instance's seed."""


@dataclass(frozen=True)
class Instance:
    """One function with its minimum, and its axes, somewhere.

    Attributes:
        function: its name.
        optimum: (n_dim,) x*.
        rotation: (n_dim, n_dim) R; the unit matrix for all but the rotated ellipsoid.
        spread: standard deviation of the bare function over the initial law.
        gap: median of ``value`` over the initial law.
        floor: smallest value that counts as one; less counts as this.
    """

    function: str
    optimum: FloatArray
    rotation: FloatArray
    spread: float
    gap: float
    floor: float

    def value(self, x: FloatArray) -> FloatArray:
        """(n,) noise-free values of (n, n_dim) points of the box, in units of the spread."""
        return FUNCTIONS[self.function]((x - self.optimum) @ self.rotation.T) / self.spread

    def digits(self, x: FloatArray) -> float:
        """−log10 of the share of the initial gap that is left at the point (n_dim,) x.

        0 is as good as the median of the initial law, 2 leaves 1 % of its distance to the minimum.
        """
        return float(-np.log10(max(self.value(x[None])[0], self.floor) / self.gap))


@lru_cache(maxsize=32)
def instance(function: str, n_dim: int, seed: int) -> Instance:
    """The instance that belongs to a seed."""
    rng = np.random.default_rng((list(FUNCTIONS).index(function), n_dim, seed))
    optimum = rng.uniform(0.1, 0.9, n_dim)
    rotation = _rotation(n_dim, rng) if function == "rotated" else np.eye(n_dim)
    draws = rng.random((N_INITIAL, n_dim))
    values = FUNCTIONS[function]((draws - optimum) @ rotation.T)
    spread, median = float(values.std()), float(np.median(values))
    # The last step down is 1; a tenth of it stands for the plateau that is the minimum.
    floor = 0.1 if function == "step" else SMALLEST * median
    return Instance(function, optimum, rotation, spread, median / spread, floor / spread)


def _rotation(n_dim: int, rng: np.random.Generator) -> FloatArray:
    """A matrix drawn uniformly from the orthogonal ones (Mezzadri 2007, arXiv:math-ph/0609050)."""
    q, r = np.linalg.qr(rng.standard_normal((n_dim, n_dim)))
    return np.asarray(q * np.sign(np.diag(r)))
