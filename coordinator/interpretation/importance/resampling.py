"""Importance with intervals over points, and what chance gives.

Points are drawn again with replacement for the intervals. For chance, fitness is shuffled over the
points: whatever importance is left then is the measure's own noise.
"""

from dataclasses import dataclass

import numpy as np

from spikeloop.coordinator.interpretation.importance.evaluators import SEED_BELOW, Evaluate
from spikeloop.coordinator.stats.bootstrap import percentiles
from spikeloop.tasks.base import FloatArray

N_TREES = 64
FEWER_TREES = 16
"""Of each resample: the noise of fewer trees widens the intervals a little."""
CHANCE = 0.95
"""Quantile of the importance of shuffled fitness that counts as chance."""


@dataclass(frozen=True)
class Importance:
    """Importance of each coordinate by one measure, all (n_dim,).

    Attributes:
        value: on all points.
        low, high: 95 % bounds, bootstrap over points.
        chance: 95 % quantile over shuffles of the fitness.
    """

    value: FloatArray
    low: FloatArray
    high: FloatArray
    chance: FloatArray


def importance(
    evaluate: Evaluate,
    points: FloatArray,
    fitness: FloatArray,
    rng: np.random.Generator,
    n_resamples: int,
    n_shuffled: int,
) -> Importance:
    """Evaluate importance on all points, on resamples of them, and on shuffled fitness."""
    n = len(points)

    def seed() -> int:
        return int(rng.integers(SEED_BELOW))

    value = evaluate(points, fitness, N_TREES, seed())
    resampled = []
    for _ in range(n_resamples):
        drawn = rng.integers(n, size=n)
        resampled.append(evaluate(points[drawn], fitness[drawn], FEWER_TREES, seed()))
    shuffled = [
        evaluate(points, rng.permutation(fitness), FEWER_TREES, seed()) for _ in range(n_shuffled)
    ]
    low, high = percentiles(np.array(resampled))
    return Importance(value, low, high, np.quantile(shuffled, CHANCE, axis=0))
