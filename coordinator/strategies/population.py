"""Populations: objects that produce any of their rows, on the coordinator and on a worker."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.job import Population, TaskSource

BLOCK = 1 << 16
"""Coordinates whose noise comes from one counter: they fit the cache. Another number gives other
noise."""

Bounds: TypeAlias = Literal["reflect", "clip", "resample"]
"""What happens to a mirrored pair that leaves the bounds; see ``MirroredGaussian.bounds``."""


@dataclass(frozen=True)
class Explicit:
    """A population that carries its points.

    Attributes:
        points: (n_candidates, n_dim).
        slots: (n_candidates,) int64, for a strategy that distinguishes its rows: the place of each
            row in its own layout, such as the chain that proposed it. Without it, rows are
            exchangeable.
        task_source: draws the generation's tasks; None: the run's random numbers do.
    """

    points: FloatArray
    slots: NDArray[np.int64] | None = None
    task_source: TaskSource | None = None

    @property
    def n_candidates(self) -> int:
        """Number of rows."""
        return len(self.points)

    @property
    def nbytes(self) -> int:
        """Size on the wire."""
        return self.points.nbytes

    def rows(self, start: int = 0, stop: int | None = None) -> FloatArray:
        """(stop - start, n_dim) points of these candidates, by default of all."""
        return self.points[start:stop]


@dataclass(frozen=True)
class InitialLaw:
    """One given point, then independent draws of a space's initial law; only the seed travels.

    Row 0 is ``first``; row i > 0 is a function of (seed, i), uniform in [0, 1] where the space is
    bounded and standard normal elsewhere, like ``ParameterSpace.sample``.

    Attributes:
        first: (n_dim,).
        bounded: (n_dim,) as ``ParameterSpace.bounded`` gives it.
        seed: in [0, 2**64).
        n_candidates: number of rows.
    """

    first: FloatArray
    bounded: NDArray[np.bool_]
    seed: int
    n_candidates: int

    @property
    def nbytes(self) -> int:
        """Size on the wire."""
        return self.first.nbytes + self.bounded.nbytes + 24

    def rows(self, start: int = 0, stop: int | None = None) -> FloatArray:
        """(stop - start, n_dim) points of these candidates, by default of all."""
        candidates = range(self.n_candidates)[start:stop]
        points = np.empty((len(candidates), self.first.size))
        for point, row in zip(points, candidates, strict=True):
            if row == 0:
                point[:] = self.first
            else:
                rng = philox(self.seed, row)
                rng.standard_normal(out=point)
                point[self.bounded] = rng.random(np.count_nonzero(self.bounded))
        return points


@dataclass(frozen=True)
class MirroredGaussian:
    """Mirrored pairs around a centre; only centre and seed travel, never the points.

    Row 2i is x + σ ε_i and row 2i + 1 is x − σ ε_i, so that a tile of two candidates is a pair. The
    noise ε_i ~ N(0, I), float32, is a function of (seed, i) alone: it comes from the counter-based
    generator Philox (Salmon et al. 2011) with that key, one range of its counter for each ``BLOCK``
    of coordinates. So any row is built alone, with the same bits everywhere, where Salimans et al.
    2017 kept a table of 1 GB of shared noise on every worker.

    Attributes:
        center: (n_dim,) x.
        sigma: σ, in the units of the coordinates: one for all, or (n_dim,).
        seed: in [0, 2**64).
        n_pairs: number of mirrored pairs.
        bounds: rows may leave [0, 1], where decoding reflects them; or they are clipped into it,
            the noise unchanged; or the noise itself is drawn, for each coordinate, until both
            x + σ ε and x − σ ε lie inside, which makes it a truncated normal.
        bounded: (n_dim,) the coordinates which that concerns; None is none, or all reflected.
    """

    center: FloatArray
    sigma: float | FloatArray
    seed: int
    n_pairs: int
    bounds: Bounds = field(default="reflect", kw_only=True)
    bounded: NDArray[np.bool_] | None = field(default=None, kw_only=True)

    @property
    def n_candidates(self) -> int:
        """Number of rows."""
        return 2 * self.n_pairs

    @property
    def nbytes(self) -> int:
        """Size on the wire."""
        mask = 0 if self.bounded is None else self.bounded.nbytes
        return self.center.nbytes + np.asarray(self.sigma).nbytes + mask + 16

    @property
    def norm_deviation(self) -> float:
        """Standard deviation of |ε|², without bounds."""
        return float(np.sqrt(2 * self.center.size))

    def rows(self, start: int = 0, stop: int | None = None) -> FloatArray:
        """(stop - start, n_dim) points of these candidates, by default of all."""
        candidates = range(self.n_candidates)[start:stop]
        points = np.empty((len(candidates), self.center.size))
        for block in self._blocks():
            noise = np.empty(block.stop - block.start, dtype=np.float32)
            pair = -1
            for point, row in zip(points, candidates, strict=True):
                if row // 2 != pair:
                    pair = row // 2
                    self._fill(pair, block.start, noise)
                point[block] = noise
        for point, row in zip(points, candidates, strict=True):
            point *= self.sigma
            if row % 2:
                np.negative(point, out=point)
        points += self.center
        if self.bounds != "reflect" and self.bounded is not None:
            np.clip(points, 0.0, 1.0, out=points, where=self.bounded)
        return points

    def noise(self) -> Iterator[NDArray[np.float32]]:
        """(n_dim,) ε_i of one pair after the other; the array is overwritten by the next one."""
        noise = np.empty(self.center.size, dtype=np.float32)
        for pair in range(self.n_pairs):
            for block in self._blocks():
                self._fill(pair, block.start, noise[block])
            yield noise

    def weighted_noise(self, weights: FloatArray, power: Literal[1, 2] = 1) -> FloatArray:
        """(n_dim,) Σ_i weights_i ε_i (or ε_i²), without ever holding the noise of all pairs.

        Each coordinate is summed over the pairs in their order, in float64, by one thread, so the
        number of threads does not change a bit. Pairs of weight zero are not drawn.

        Args:
            weights: (n_pairs,).
            power: of the noise, elementwise.
        """
        return self.noise_sums(weights, np.zeros(self.n_pairs), power)[0]

    def noise_sums(
        self, weights: FloatArray, norm_weights: FloatArray, power: Literal[1, 2] = 1
    ) -> tuple[FloatArray, float]:
        """``weighted_noise`` and Σ_i norm_weights_i |ε_i|², drawing the noise once.

        Args:
            weights: (n_pairs,).
            norm_weights: (n_pairs,).
            power: of the noise in the first sum.
        """
        total = np.zeros(self.center.size)
        pairs = np.flatnonzero((weights != 0) | (norm_weights != 0))

        def add(block: slice) -> float:
            noise = np.empty(block.stop - block.start, dtype=np.float32)
            squares = np.empty_like(noise)
            norms = 0.0
            for pair in pairs:
                self._fill(int(pair), block.start, noise)
                if power == 2 or norm_weights[pair]:
                    np.square(noise, out=squares)
                if norm_weights[pair]:
                    norms += norm_weights[pair] * float(squares.sum(dtype=np.float64))
                terms = squares if power == 2 else noise
                terms *= np.float32(weights[pair])
                total[block] += terms
            return norms

        blocks = list(self._blocks())
        if len(blocks) == 1:
            return total, add(blocks[0])
        with ThreadPoolExecutor(min(len(blocks), os.cpu_count() or 1)) as threads:
            return total, sum(threads.map(add, blocks))

    def _blocks(self) -> Iterator[slice]:
        n_dim = self.center.size
        return (slice(start, min(start + BLOCK, n_dim)) for start in range(0, n_dim, BLOCK))

    def _fill(self, pair: int, first: int, noise: NDArray[np.float32]) -> None:
        """Noise of the pair's coordinates from ``first`` on; the generator releases the GIL."""
        rng = philox(self.seed, pair, block=first // BLOCK)
        rng.standard_normal(out=noise, dtype=np.float32)
        if self.bounds == "resample" and self.bounded is not None:
            block = slice(first, first + noise.size)
            inside = np.flatnonzero(self.bounded[block])
            x = self.center[block][inside]
            sigma = np.broadcast_to(self.sigma, self.center.shape)[block][inside]
            noise[inside] = _truncated(noise[inside], np.minimum(x, 1 - x) / sigma)


P = TypeVar("P", bound=Population)


def own(population: Population, kind: type[P], strategy: str) -> P:
    """Give a population as the type that its strategy proposed; TypeError if it is another."""
    if not isinstance(population, kind):
        raise TypeError(f"{strategy} needs its own population, got {type(population).__name__}")
    return population


def own_slots(population: Population, strategy: str) -> tuple[Explicit, NDArray[np.int64]]:
    """Give a population with slots, and these; TypeError if it is another."""
    explicit = own(population, Explicit, strategy)
    if explicit.slots is None:
        raise TypeError(f"{strategy} needs its own population, got one without slots")
    return explicit, explicit.slots


def draw_seed(rng: np.random.Generator) -> int:
    """Draw the seed of a population, in [0, 2**64)."""
    return int(rng.integers(2**64, dtype=np.uint64))


def _truncated(normal: NDArray[np.float32], limit: FloatArray) -> FloatArray:
    """Map standard normal numbers to that law truncated to ± limit, in the same order.

    The odd, monotone map between the two laws, by their distribution functions, gives the law of
    redrawing until the number lies inside without ever redrawing.

    Args:
        normal: (n,).
        limit: (n,); 0 leaves no room, negative ones count as 0.
    """
    from scipy.special import ndtr, ndtri  # a slow import, and only this setting needs it

    limit = np.maximum(limit, 0.0)  # a centre may have been put outside
    outside = ndtr(-limit)  # mass of one tail
    tail = outside + ndtr(-np.abs(normal, dtype=np.float64)) * (1 - 2 * outside)
    size = np.minimum(-ndtri(tail), limit)
    truncated: FloatArray = np.copysign(size, normal)
    return truncated


def philox(seed: int, index: int, block: int = 0) -> np.random.Generator:
    """Philox keyed by (seed, index); blocks are ranges of its counter that never meet."""
    key = np.array([seed, index], dtype=np.uint64)
    counter = np.array([0, 0, 0, block], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))
