"""Generations in another order, or without some of their candidates."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikeloop.coordinator.check.promises import CannotCheck
from spikeloop.coordinator.strategies.base import Evaluation
from spikeloop.coordinator.strategies.population import Explicit, InitialLaw, MirroredGaussian
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.job import Population


@dataclass(frozen=True)
class Reordered(MirroredGaussian):
    """The mirrored pairs of a population in another order, or some of them only."""

    order: tuple[int, ...] = ()

    def _fill(self, pair: int, first: int, noise: NDArray[np.float32]) -> None:
        super()._fill(self.order[pair], first, noise)


def reorder(
    population: Population, fitness: FloatArray, order: list[int]
) -> tuple[Population, Evaluation]:
    """Take the groups of a population with their fitness in this order, leaving others out.

    Raises:
        CannotCheck: the population is of a class of the user's own.
    """
    if isinstance(population, MirroredGaussian):
        mirrored = population
        some: Population = Reordered(
            mirrored.center, mirrored.sigma, mirrored.seed, len(order), tuple(order)
        )
        fitness = fitness.reshape(-1, 2)[order].ravel()
    elif isinstance(population, Explicit | InitialLaw):
        slots = population.slots if isinstance(population, Explicit) else None
        points = population.rows(0, population.n_candidates)[order]
        some = Explicit(points, None if slots is None else slots[order])
        fitness = fitness[order]
    else:
        raise CannotCheck(f"{type(population).__name__} cannot be put into another order")
    return some, Evaluation(fitness)


def n_groups(population: Population) -> int:
    """Mirrored pairs, or candidates where there are no pairs."""
    if isinstance(population, MirroredGaussian):
        return population.n_pairs
    return population.n_candidates
