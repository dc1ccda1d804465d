"""Importance with intervals over points, and what chance gives.

Points are drawn again with replacement for the intervals. Each resample gets one coordinate more,
drawn at random, that has nothing to do with fitness: the importance of such a shadow, found beside
the true ones, is that of chance (as in Kursa and Rudnicki 2010, J. Stat. Softw. 36:11).
"""

from dataclasses import dataclass

import numpy as np

from spikeloop.coordinator.interpretation.importance.evaluators import SEED_BELOW, Evaluate
from spikeloop.coordinator.stats.bootstrap import percentiles
from spikeloop.tasks.base import FloatArray

N_TREES = 64
FEWER_TREES = 8
"""Of each resample: the noise of fewer trees widens the intervals a little."""
CHANCE = 0.95
"""Quantile of the importance of shadows that counts as chance."""


@dataclass(frozen=True)
class Importance:
    """Importance of each coordinate by one measure.

    Attributes:
        value: (n_dim,) on all points.
        low, high: (n_dim,) 95 % bounds, bootstrap over points.
        chance: 95 % quantile of the importance of shadows.
    """

    value: FloatArray
    low: FloatArray
    high: FloatArray
    chance: float


def importance(
    evaluate: Evaluate,
    points: FloatArray,
    fitness: FloatArray,
    rng: np.random.Generator,
    n_resamples: int,
) -> Importance:
    """Evaluate importance on all points, and on resamples of them beside a shadow each."""
    n = len(points)
    value = evaluate(points, fitness, N_TREES, int(rng.integers(SEED_BELOW)))
    resampled = []
    for _ in range(n_resamples):
        drawn = rng.integers(n, size=n)
        beside = np.column_stack([points, rng.random(n)])[drawn]
        seed = int(rng.integers(SEED_BELOW))
        resampled.append(evaluate(beside, fitness[drawn], FEWER_TREES, seed))
    found = np.array(resampled)
    low, high = percentiles(found[:, :-1])
    return Importance(value, low, high, float(np.quantile(found[:, -1], CHANCE)))
