"""Marginal curves: the mean fitness of random points over one hyperparameter.

Coordinates of random points are independent, so the mean over the points of a bin is the mean over
all other hyperparameters, without any model.
"""

from dataclasses import dataclass

import numpy as np

from spikeloop.coordinator.stats.bootstrap import draw_counts, percentiles
from spikeloop.tasks.base import FloatArray

N_BINS = 10
N_RESAMPLES = 1000


@dataclass(frozen=True)
class Marginals:
    """Mean fitness by bins of one coordinate each, all (n_dim, n_bins).

    Attributes:
        middle: of the bins, coordinates in [0, 1].
        mean: fitness of the points in a bin; nan without any.
        low, high: 95 % bounds, bootstrap over points.
        best: the best fitness of a point in a bin.
    """

    middle: FloatArray
    mean: FloatArray
    low: FloatArray
    high: FloatArray
    best: FloatArray


def marginals(points: FloatArray, fitness: FloatArray, rng: np.random.Generator) -> Marginals:
    """Compute the marginal curves of points, (n, n_dim) in [0, 1]."""
    n_dim = points.shape[1]
    mean, low, high, best = np.full((4, n_dim, N_BINS), np.nan)
    place = np.minimum((points * N_BINS).astype(np.int64), N_BINS - 1)
    for column in range(n_dim):
        for row in range(N_BINS):
            own = fitness[place[:, column] == row]
            if own.size:
                counts = draw_counts(own.size, N_RESAMPLES, rng)
                mean[column, row], best[column, row] = own.mean(), own.max()
                low[column, row], high[column, row] = percentiles(counts @ own / own.size)
    middle = np.broadcast_to((np.arange(N_BINS) + 0.5) / N_BINS, mean.shape)
    return Marginals(middle, mean, low, high, best)
