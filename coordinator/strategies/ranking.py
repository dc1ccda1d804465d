"""Orders a generation from best to worst."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from spikeloop.coordinator.strategies.base import Evaluation, require_any_fitness
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.job import Population


def best_first(points: FloatArray, fitness: FloatArray) -> NDArray[np.int64]:
    """Rank rows from the best to the worst, (n,); ties are ordered by a hash of the point.

    Unlike the order of arrival, the hash does not depend on how rows are arranged; unlike an order
    by coordinates, it has no preferred direction on a plateau.

    Args:
        points: (n, n_dim).
        fitness: (n,) finite.
    """
    hashes = [hashlib.blake2b(point.tobytes(), digest_size=8).digest() for point in points]
    order = sorted(range(len(points)), key=lambda row: (-fitness[row], hashes[row]))
    return np.array(order, dtype=np.int64)


def next_incumbent(
    incumbent: FloatArray, age: int, population: Population, evaluation: Evaluation
) -> tuple[FloatArray, int]:
    """Give the best candidate, and for how many generations it has been the incumbent.

    Of equal candidates the first wins, so an incumbent in row 0 stays. ValueError if all failed.

    Args:
        incumbent: (n_dim,) winner of the generation before.
        age: generations that it has been the incumbent.
        population: the candidates.
        evaluation: of them.
    """
    require_any_fitness(evaluation)
    best = int(np.nanargmax(evaluation.fitness))
    point: FloatArray = population.rows(best, best + 1)[0].copy()
    return point, age + 1 if np.array_equal(point, incumbent) else 0
