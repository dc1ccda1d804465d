"""Performance profiles: the share of runs that score at least so much, over all thresholds.

Source: Agarwal et al. 2021 (NeurIPS, arXiv:2108.13264).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from spikeloop.coordinator.stats.intervals import percentiles, stratified
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
    scores: ArrayLike, taus: ArrayLike, rng: np.random.Generator, n_resamples: int = 2000
) -> Profile:
    """Share of runs that score at least tau, for each tau; seeds resampled within strata.

    Args:
        scores: (n_seeds,) or (n_seeds, n_strata); nan, a failed run, reaches no score.
        taus: (n_taus,) ascending.
        rng: for the resampling.
        n_resamples: number of resamples.
    """
    grid = np.asarray(taus, dtype=np.float64)
    x = np.asarray(scores, dtype=np.float64)
    x = stratified(np.where(np.isnan(x), -np.inf, x), finite=False)
    if not len(x):
        nothing = np.full(grid.size, np.nan)
        return Profile(grid, nothing, nothing, nothing, 0)

    n, n_strata = x.shape
    reached = np.asarray(x[:, :, None] >= grid, dtype=np.float64)  # (n, n_strata, n_taus)
    drawn = rng.multinomial(n, np.full(n, 1 / n), size=(n_resamples, n_strata))  # (r, strata, n)
    resampled = np.einsum("rsi,ist->rt", drawn, reached, optimize=True) / (n * n_strata)
    low, high = percentiles(resampled if n > 1 else None, (grid.size,))
    return Profile(grid, reached.mean(axis=(0, 1)), low, high, n)
