"""Mirrored pairs whose perturbations of weight matrices have a low rank.

Sarkar et al. 2025, "Evolution strategies at the hyperscale" (EGGROLL, arXiv 2511.16652): a matrix
of m × n weights is perturbed by

    E = A Bᵀ / √r                                                                          (1)

with A (m, r) and B (n, r) of standard normal numbers, so r (m + n) numbers are drawn instead of
m n. Entries of E have mean 0 and variance 1 and are uncorrelated, so that a sum of utilities times
perturbations still points along the gradient to first order in σ; and a sum over many pairs has
full rank. |E|² varies more than that of a normal matrix:

    Var |E|² = 2 m n (m + n + r + 1) / r                                                   (2)
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikeloop.coordinator.strategies.population import philox
from spikeloop.tasks.base import FloatArray, IntArray
from spikeloop.workers.parameter_types import Weights
from spikeloop.workers.space import ParameterSpace

Array32 = NDArray[np.float32]


@dataclass(frozen=True)
class MirroredLowRank:
    """Mirrored pairs around a centre; only centre and seed travel, as in ``MirroredGaussian``.

    Row 2i is x + σ ε_i and row 2i + 1 is x − σ ε_i, where ε_i is (1) for each matrix and N(0, 1)
    for all other coordinates, float32, a function of (seed, i) alone.

    Attributes:
        center: (n_dim,) x.
        sigma: σ, in the units of the coordinates.
        seed: in [0, 2**64).
        n_pairs: number of mirrored pairs.
        rank: r.
        matrices: (n_matrices, 3) first coordinate, rows and columns of each, in C order.
        clipped: (n_dim,) coordinates that are clipped into [0, 1]; None is none.
    """

    center: FloatArray
    sigma: float
    seed: int
    n_pairs: int
    rank: int
    matrices: IntArray
    clipped: NDArray[np.bool_] | None = None

    @property
    def n_candidates(self) -> int:
        """Number of rows."""
        return 2 * self.n_pairs

    @property
    def nbytes(self) -> int:
        """Size on the wire."""
        mask = 0 if self.clipped is None else self.clipped.nbytes
        return self.center.nbytes + self.matrices.nbytes + mask + 32

    @property
    def norm_deviation(self) -> float:
        """Standard deviation of |ε|², by (2)."""
        m, n = self.matrices[:, 1], self.matrices[:, 2]
        of_matrices = 2 * m * n * (m + n + self.rank + 1) / self.rank
        return float(np.sqrt(of_matrices.sum() + 2 * (self.center.size - (m * n).sum())))

    def rows(self, start: int = 0, stop: int | None = None) -> FloatArray:
        """(stop - start, n_dim) points of these candidates, by default of all."""
        candidates = range(self.n_candidates)[start:stop]
        points = np.empty((len(candidates), self.center.size))
        noise, pair = np.empty(self.center.size, dtype=np.float32), -1
        for point, row in zip(points, candidates, strict=True):
            if row // 2 != pair:
                pair = row // 2
                self._fill(pair, noise)
            np.multiply(noise, -self.sigma if row % 2 else self.sigma, out=point)
        points += self.center
        if self.clipped is not None:
            np.clip(points, 0.0, 1.0, out=points, where=self.clipped)
        return points

    def noise_sums(self, weights: FloatArray, norm_weights: FloatArray) -> tuple[FloatArray, float]:
        """Compute Σ_i weights_i ε_i, (n_dim,), and Σ_i norm_weights_i |ε_i|².

        One pair is added after the other, elementwise, so the sums are the same everywhere.

        Args:
            weights: (n_pairs,).
            norm_weights: (n_pairs,).
        """
        total, norms = np.zeros(self.center.size), 0.0
        noise = np.empty(self.center.size, dtype=np.float32)
        for pair in np.flatnonzero((weights != 0) | (norm_weights != 0)):
            self._fill(int(pair), noise)
            if norm_weights[pair]:
                norms += norm_weights[pair] * float(np.square(noise).sum(dtype=np.float64))
            noise *= np.float32(weights[pair])
            total += noise
        return total, norms

    def _fill(self, pair: int, noise: Array32) -> None:
        """Write ε of a pair: the factors of all matrices are drawn first, then all the rest."""
        rng, rest = philox(self.seed, pair), np.ones(noise.size, dtype=np.bool_)
        for start, m, n in self.matrices:
            place = slice(start, start + m * n)
            rest[place] = False
            left, right = (rng.standard_normal((self.rank, k), dtype=np.float32) for k in (m, n))
            left /= np.float32(np.sqrt(self.rank))
            # Not a matrix product, whose order of sums would be the processor's.
            product = noise[place].reshape(m, n)
            np.multiply.outer(left[0], right[0], out=product)
            for a, b in zip(left[1:], right[1:], strict=True):
                product += np.multiply.outer(a, b)
        noise[rest] = rng.standard_normal(int(rest.sum()), dtype=np.float32)


def matrices_of(space: ParameterSpace, rank: int) -> IntArray:
    """Find the matrices that factors of this rank are smaller than, as ``MirroredLowRank`` has it.

    With rank 0 there are none.
    """

    def found() -> Iterator[tuple[int, int, int]]:
        for parameter, place in space.slices():
            if rank and isinstance(parameter, Weights) and len(parameter.shape) == 2:
                m, n = parameter.shape
                if rank * (m + n) < m * n:
                    yield place.start, m, n

    return np.array(list(found()), dtype=np.int64).reshape(-1, 3)
