"""Performance profiles: the share of runs that score at least so much, over all thresholds.

Source: Agarwal et al. 2021 (NeurIPS, arXiv:2108.13264).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from spikeloop.coordinator.stats.bootstrap import N_RESAMPLES, draw_counts, percentiles
from spikeloop.tasks.base import FloatArray


@dataclass(frozen=True)
class Profile:
    """Performance profile: the share of runs that score at least tau, with a pointwise band.

    Attributes:
        taus: (n_taus,) scores, ascending.
        share: (n_taus,) of all runs; a failed run reaches no score.
        low, high: (n_taus,) pointwise 95 % band; nan for fewer than two runs.
        n: runs, failed ones included.
    """

    taus: FloatArray
    share: FloatArray
    low: FloatArray
    high: FloatArray
    n: int


def performance_profile(
    scores: ArrayLike,
    taus: ArrayLike,
    rng: np.random.Generator,
    n_resamples: int = N_RESAMPLES,
) -> Profile:
    """Share of runs that score at least tau, for each tau; seeds are resampled.

    Args:
        scores: (n,); nan, a failed run, reaches no score.
        taus: (n_taus,) ascending.
        rng: for the resampling.
        n_resamples: number of resamples.
    """
    grid = np.asarray(taus, dtype=np.float64)
    x = np.asarray(scores, dtype=np.float64)
    n = x.size
    if not n:
        nothing = np.full(grid.size, np.nan)
        return Profile(grid, nothing, nothing, nothing, 0)
    reached = np.asarray(x[:, None] >= grid, dtype=np.float64)  # (n, n_taus); nan reaches nothing
    drawn = draw_counts(n, n_resamples, rng).astype(np.float64)
    low, high = percentiles(drawn @ reached / n if n > 1 else None, (grid.size,))
    return Profile(grid, reached.mean(axis=0), low, high, n)
