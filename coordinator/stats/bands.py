"""Means over tasks with 95 % intervals, paired wherever the tasks are the same.

What is resampled are tasks (percentile bootstrap): an interval speaks about new tasks for the same
network. All means that share one set of weights are resampled together, so that differences between
them are paired.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeloop.coordinator.stats.intervals import CONFIDENCE, Interval, percentiles
from spikeloop.tasks.base import FloatArray

N_RESAMPLES = 2000
AT_ONCE = 4_000_000
"""Weights that are drawn or multiplied at the same time."""


@dataclass(frozen=True)
class Band:
    """Means with their pointwise 95 % intervals.

    Attributes:
        mean: (n,) over tasks.
        low, high: (n,) bounds of the intervals.
        n_tasks: that they rest on.
    """

    mean: FloatArray
    low: FloatArray
    high: FloatArray
    n_tasks: int

    def at(self, place: int) -> Interval:
        """One of the means with its interval."""
        return Interval(
            float(self.mean[place]), float(self.low[place]), float(self.high[place]), self.n_tasks
        )


def resampled_tasks(n_tasks: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """(n_resamples, n_tasks) how often each task is drawn in n_tasks draws with replacement.

    No task is drawn more than 255 times: of more tasks the chance is less than 1 / 256!.
    """
    weights = np.empty((N_RESAMPLES, n_tasks), dtype=np.uint8)
    for part in _parts(weights):
        part[...] = rng.multinomial(n_tasks, np.full(n_tasks, 1.0 / n_tasks), size=len(part))
    return weights


def resampled_means(values: FloatArray, weights: NDArray[Any]) -> FloatArray:
    """(n_resamples, n) means over tasks, each with weights of its own.

    Args:
        values: (n_tasks, n), finite.
        weights: (n_resamples, n_tasks) as from ``resampled_tasks``.
    """
    return np.concatenate([part.astype(np.float64) @ values for part in _parts(weights)]) / len(
        values
    )


def mean_band(values: FloatArray, weights: NDArray[Any]) -> Band:
    """Means over tasks.

    Args:
        values: (n_tasks, n), finite.
        weights: (n_resamples, n_tasks) as from ``resampled_tasks``.
    """
    low, high = percentiles(resampled_means(values, weights))
    return Band(values.mean(axis=0), low, high, len(values))


def _parts(weights: NDArray[Any]) -> list[NDArray[Any]]:
    """Views of some rows each: as float64 all of them may be gigabytes."""
    n_rows = max(1, AT_ONCE // max(1, weights.shape[1]))
    return [weights[start : start + n_rows] for start in range(0, len(weights), n_rows)]


def share(hits: NDArray[np.bool_]) -> Interval:
    """The share of (n,) episodes in which something happened, Wilson's interval; nan of none."""
    from scipy import stats

    k, n = int(hits.sum()), hits.size
    if n == 0:
        return Interval(np.nan, np.nan, np.nan, 0)
    bounds = stats.binomtest(k, n).proportion_ci(CONFIDENCE, method="wilson")
    return Interval(k / n, float(bounds.low), float(bounds.high), n)


def milestones(first: int, last: int) -> list[int]:
    """Numbers from the first to the last that a table shows: close at first, then ever farther.

    0 to 5, then 10, 15, 20, 30, 50, 70, from there on 1, 2, 3, 5 and 7 times powers of ten; and the
    last.
    """
    early = [*range(6), 10, 15, 20, 30, 50, 70]
    later = [m * 10**power for power in range(2, 8) for m in (1, 2, 3, 5, 7)]
    return [number for number in (*early, *later) if first <= number < last] + [last]
