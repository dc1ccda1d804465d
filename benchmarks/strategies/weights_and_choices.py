"""Weights whose optimum is far from the start, and choices, for the comparison of searches.

Each problem is drawn by a generator. Fitness is at most 0 where there is an optimum, and 0 there.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.parameter_types import Choice, Integer, Real, Weights
from spikeloop.workers.space import ParameterSpace

N_DIM = 7
FAR = 10.0
"""Distance of the optimum in each coordinate, in scales."""

Fitness = Callable[[FloatArray], FloatArray]
"""From (n, n_dim) physical values to (n,) fitness."""


@dataclass(frozen=True)
class Problem:
    """A space and a fitness on it.

    Attributes:
        space: of what is searched.
        fitness: without noise.
        spread: standard deviation of the fitness over the initial law.
    """

    space: ParameterSpace
    fitness: Fitness
    spread: float

    def at(self, point: FloatArray) -> float:
        """The fitness of one point, (n_dim,)."""
        return float(self.fitness(self.space.decode(point[None]).values)[0])

    def share(self, point: FloatArray) -> float:
        """1 − loss / loss of the default point, of one point, (n_dim,)."""
        return self.share_of(self.space.decode(point[None]).values[0])

    def share_of(self, values: FloatArray) -> float:
        """1 − loss / loss of the default point, of physical values, (n_dim,)."""
        return 1 - float(self.fitness(values[None])[0]) / self.at(self.space.default_point())


def problem(space: ParameterSpace, fitness: Fitness, rng: np.random.Generator) -> Problem:
    """The problem with its spread, by 2000 draws."""
    drawn = fitness(space.decode(space.sample(2000, rng)).values)
    return Problem(space, fitness, float(drawn.std()))


WEIGHTS = ParameterSpace.of({"w": Weights((N_DIM,), 1.0)})


def slope(rng: np.random.Generator) -> Problem:
    """Fitness rises by 1 a scale along the diagonal."""
    return problem(WEIGHTS, lambda w: w.sum(axis=1) / np.sqrt(N_DIM), rng)


def no_relation(rng: np.random.Generator) -> Problem:
    """Fitness is the same everywhere; what a search sees is noise."""
    return Problem(WEIGHTS, lambda w: np.zeros(len(w)), 1.0)


def far(n_dim: int, rng: np.random.Generator) -> Problem:
    """Negative squared distance to a far point, on a side that is drawn in each coordinate."""
    space = ParameterSpace.of({"w": Weights((n_dim,), 1.0)})
    optimum = FAR * rng.choice([-1.0, 1.0], n_dim)
    return problem(space, lambda w: -((w - optimum) ** 2).sum(axis=1), rng)


def choices(n_options: int, rng: np.random.Generator) -> Problem:
    """Each wrong option costs 1; at least one of the defaults is wrong."""
    options = tuple(str(i) for i in range(n_options))
    space = ParameterSpace.of({f"choice_{i}": Choice(options) for i in range(N_DIM)})
    right = rng.integers(n_options, size=N_DIM)
    right[0] = n_options - 1
    return problem(space, lambda x: -(x != right).sum(axis=1).astype(float), rng)


def ordered(rng: np.random.Generator) -> Problem:
    """Four whole numbers, each costing its distance to the right one."""
    space = ParameterSpace.of({f"level_{i}": Integer(0, 3) for i in range(N_DIM)})
    right = rng.integers(4, size=N_DIM)
    right[0] = 3
    return problem(space, lambda x: -np.abs(x - right).sum(axis=1), rng)


def mixed(rng: np.random.Generator) -> Problem:
    """Three real numbers, two whole numbers of four levels, two choices of four options."""
    space = ParameterSpace.of(
        {f"real_{i}": Real(0.0, 1.0) for i in range(3)}
        | {f"level_{i}": Integer(0, 3) for i in range(2)}
        | {f"choice_{i}": Choice(("a", "b", "c", "d")) for i in range(2)}
    )
    real, level, option = rng.uniform(0.1, 0.9, 3), rng.integers(4, size=2), rng.integers(1, 4, 2)

    def fitness(x: FloatArray) -> FloatArray:
        lost = 12 * ((x[:, :3] - real) ** 2).sum(axis=1)
        lost += np.abs(x[:, 3:5] - level).sum(axis=1) / 3 + (x[:, 5:] != option).sum(axis=1)
        return np.asarray(-lost)

    return problem(space, fitness, rng)
