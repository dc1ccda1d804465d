"""The true difference that the planned test detects with a given power.

The test is the exact two-sided Wilcoxon signed-rank test at the level of Holm's first step, α / m
for m planned comparisons. With few seeds and many comparisons that level lies far out in the tail:
at n = 10 and m = 16 only ten differences of one sign reject. The power of the paired t-test, a
common approximation, is too optimistic there.

A shift δ of all differences d is detected upwards if and only if δ exceeds a number that depends on
the differences alone. The sum of the negative ranks is the number of negative Walsh averages
(d_i + d_j) / 2 + δ, i ≤ j (Tukey 1949; Lehmann 1975, Nonparametrics, section 4.3). If the test
rejects up to a sum of w, the (w + 1)-th smallest Walsh average must not be negative. So one set of
random differences gives the whole power function, and the detectable shift is a quantile.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from spikeloop.coordinator.stats.significance import rank_sum_law, smallest_p

SIMULATED_UP_TO = 50
"""Pairs; beyond, the large-sample result of ``_large`` is within 1 % of the simulation."""
WALSH_AVERAGES = 4_000_000
"""Walsh averages that are drawn: 72,000 sets of 10 differences, 3,000 of 50. The power of the
result is within 0.02 of the one that is asked for."""


def detectable_difference(differences: ArrayLike, alpha: float, power: float = 0.8) -> float:
    """True mean difference that the exact signed-rank test detects with this power.

    It is for normal differences whose standard deviation is that of the given ones. That of n
    differences is itself known to about 1 / √(2 (n − 1)), a quarter of it at n = 10.

    Args:
        differences: (n,) paired, see ``paired_differences``.
        alpha: level of the test; of Holm's first step, 0.05 / m for m planned comparisons.
        power: probability that the test rejects.

    Returns:
        The difference; inf if n pairs cannot reach the level at all.
    """
    d = np.asarray(differences, dtype=np.float64)
    if d.size < 2:
        return float("inf")
    return _detectable_shift(d.size, alpha, power) * float(d.std(ddof=1))


@lru_cache(maxsize=256)
def _detectable_shift(n: int, alpha: float, power: float) -> float:
    """The difference in standard deviations, a constant of the test like its critical value.

    Its random numbers have a fixed seed, so that equal spreads give equal numbers everywhere.
    """
    if smallest_p(n) > alpha:
        return float("inf")
    if n > SIMULATED_UP_TO:
        return _large(n, alpha, power)
    law = rank_sum_law(np.arange(1, n + 1))
    n_rejecting = int(np.searchsorted(2 * np.cumsum(law), alpha, side="right"))  # sums 0, 1, ...
    i, j = np.triu_indices(n)
    drawn = np.random.default_rng(0).standard_normal((WALSH_AVERAGES // i.size, n))
    averages = 0.5 * (drawn[:, i] + drawn[:, j])
    needed = -np.partition(averages, n_rejecting - 1, axis=1)[:, n_rejecting - 1]
    return float(np.quantile(needed, power))


def _large(n: int, alpha: float, power: float) -> float:
    """The paired t-test's difference, from noncentral t, times √(π / 3).

    3 / π is the asymptotic relative efficiency of the signed-rank test for normal differences.
    """
    from scipy import stats
    from scipy.optimize import brentq

    critical = stats.t.isf(alpha / 2, n - 1)

    def lacking(noncentrality: float) -> float:
        return float(stats.nct.sf(critical, n - 1, noncentrality)) - power

    return float(brentq(lacking, 0.0, critical + 10.0) * np.sqrt(np.pi / 3 / n))
