"""The order of a generation, from best to worst."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from spikeloop.coordinator.strategies.base import Evaluation, counted
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.job import Population


def best_first(points: FloatArray, fitness: FloatArray) -> NDArray[np.int64]:
    """(n,) rows from the best to the worst; ties in an order that depends on the points alone.

    Ties are ordered by a hash of the point. Unlike their order of arrival, it is blind to how the
    rows are arranged; unlike an order by coordinates, it pulls nowhere on a plateau.

    Args:
        points: (n, n_dim).
        fitness: (n,) finite.
    """
    hashes = [hashlib.blake2b(point.tobytes(), digest_size=8).digest() for point in points]
    order = sorted(range(len(points)), key=lambda row: (-fitness[row], hashes[row]))
    return np.array(order, dtype=np.int64)


def winner(population: Population, evaluation: Evaluation) -> FloatArray:
    """(n_dim,) the best candidate; of equals the first, so that an incumbent in row 0 stays.

    ValueError if all failed.
    """
    counted(evaluation)
    best = int(np.nanargmax(evaluation.fitness))
    point: FloatArray = population.rows(best, best + 1)[0].copy()
    return point
