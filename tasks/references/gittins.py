"""Gittins indices of Bernoulli arms over a finite horizon.

The index of an arm with s successes and f failures, with m pulls left, is the constant reward per
pull at which one is indifferent between the arm, with the option to leave it for the constant at
any time, and the constant at once (Gittins 1979; calibration: Gittins, Glazebrook and Weber 2011,
"Multi-armed Bandit Allocation Indices", chapter 8). With the gain of the arm over a constant λ,

    D_m(s, f; λ) = max(0, p − λ + p D_{m−1}(s + 1, f; λ) + (1 − p) D_{m−1}(s, f + 1; λ)),
    p = (s + 1) / (s + f + 2),  D_0 = 0,

the index is the λ at which the second argument of the maximum is 0. Pulling the arm of the largest
index is optimal for an infinite, discounted horizon; for a finite one it is nearly so.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from spikeloop.tasks.base import FloatArray

MAX_STEPS = 200
"""Pulls up to which the indices are computed: 1.4 million of them, in some seconds."""

N_LEVELS = 257
"""Constants for which the gain is computed. It is convex and nearly straight between two of them,
so interpolation errs by less than 1e-4."""


@cache
def gittins_indices(n_steps: int) -> FloatArray:
    """Compute the indices that an episode of ``n_steps`` pulls can need.

    Returns:
        (n_steps, n_steps, n_steps) index after s successes and f failures of an arm with m + 1
        pulls left, at [m, s, f]; nan where s + f + m + 1 > n_steps.
    """
    level = np.linspace(0.0, 1.0, N_LEVELS)
    indices = np.full((n_steps, n_steps, n_steps), np.nan)
    gain = np.zeros((n_steps + 1, n_steps + 1, N_LEVELS))
    for m in range(n_steps):
        n = n_steps - m  # s + f is at most n - 1
        s, f = np.ogrid[:n, :n]
        chance = ((s + 1.0) / (s + f + 2.0))[..., None]
        open_gain = (
            chance - level + chance * gain[1 : n + 1, :n] + (1.0 - chance) * gain[:n, 1 : n + 1]
        )
        reached = s + f < n
        indices[m, :n, :n] = np.where(reached, _zero(open_gain, level), np.nan)
        gain = np.maximum(open_gain, 0.0)
    return indices


def _zero(gain: FloatArray, level: FloatArray) -> FloatArray:
    """Return where (..., n_levels) gains, which fall along the last axis, cross 0."""
    above = np.clip((gain > 0).sum(axis=-1) - 1, 0, level.size - 2)[..., None]
    high, low = (np.take_along_axis(gain, above + k, axis=-1)[..., 0] for k in (0, 1))
    share = high / (high - low)
    crossing: FloatArray = level[above[..., 0]] + share * (level[1] - level[0])
    return crossing


def gittins_policy(n_steps: int) -> Callable[[ArrayLike, ArrayLike, int], FloatArray]:
    """Return the index of arms given their total rewards, their pulls, and the pulls of all arms.

    Indices that differ by rounding only are made equal.
    """
    indices = np.round(gittins_indices(n_steps), 9)

    def index(total: ArrayLike, pulls: ArrayLike, step: int) -> FloatArray:
        won = np.asarray(total, dtype=np.int64)
        lost = np.asarray(pulls, dtype=np.int64) - won
        found: FloatArray = indices[n_steps - step - 1, won, lost]
        return found

    return index
