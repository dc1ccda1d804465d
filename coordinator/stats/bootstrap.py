"""Numbers with their 95 % intervals, and the resampling that most of these rest on.

What is resampled, runs or tasks, fixes what an interval speaks about: new runs of the search, or
new tasks for the same network. Each caller says which it is.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray

CONFIDENCE = 0.95
"""Of all intervals and bands."""

N_RESAMPLES = 2000

AT_ONCE = 4_000_000
"""Counts that are drawn or multiplied at the same time; as float64 all may be gigabytes."""


@dataclass(frozen=True)
class Interval:
    """A number with its 95 % interval.

    Attributes:
        value: the number; nan if nothing was measured.
        low, high: of the interval; nan where there is none, as for a single run. Episodes to a
            target may be infinite: the target was not reached.
        n: runs, pairs of runs or tasks that it rests on.
        n_points: points Θ that it rests on.
    """

    value: float
    low: float
    high: float
    n: int
    n_points: int = 1

    def __str__(self) -> str:
        """Format for example as "0.512 [0.487, 0.537]"."""
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"

    def as_json(self) -> dict[str, float | int | None]:
        """Give value, low, high and n; None for what is not finite."""
        numbers = {"value": self.value, "low": self.low, "high": self.high}
        finite = {name: x if math.isfinite(x) else None for name, x in numbers.items()}
        return {**finite, "n": self.n}


@dataclass(frozen=True)
class Band:
    """Means over tasks with their pointwise 95 % intervals.

    Attributes:
        mean: (n,).
        low, high: (n,) bounds of the intervals.
        n_tasks: that they rest on.
    """

    mean: FloatArray
    low: FloatArray
    high: FloatArray
    n_tasks: int

    def at(self, place: int) -> Interval:
        """Give one of the means with its interval."""
        mean, low, high = (float(x[place]) for x in (self.mean, self.low, self.high))
        return Interval(mean, low, high, self.n_tasks)


def draw_counts(n: int, n_resamples: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """(n_resamples, n) how often each of n units is drawn in n draws with replacement.

    No unit is drawn more than 255 times: the chance is less than 1 / 256!.
    """
    counts = np.empty((n_resamples, n), dtype=np.uint8)
    for part in _parts(counts):
        part[...] = rng.multinomial(n, np.full(n, 1.0 / n), size=len(part))
    return counts


def percentiles(
    resampled: FloatArray | None, shape: tuple[int, ...] = ()
) -> tuple[FloatArray, FloatArray]:
    """Bounds of the interval, over the first axis; nan of the given shape without resamples."""
    tail = (1.0 - CONFIDENCE) / 2.0
    if resampled is None:
        return np.full(shape, np.nan), np.full(shape, np.nan)
    low, high = np.quantile(resampled, [tail, 1.0 - tail], axis=0)
    return low, high


def percentile_interval(value: float, resampled: FloatArray | None, n: int) -> Interval:
    """Combine a number with the interval of its resamples, (n_resamples,); nan without any."""
    low, high = percentiles(resampled)
    return Interval(value, float(low), float(high), n)


def resampled_means(values: FloatArray, counts: NDArray[Any]) -> FloatArray:
    """(n_resamples, n) means over tasks.

    All means that share their counts are resampled together, so differences of them are paired.

    Args:
        values: (n_tasks, n), finite.
        counts: (n_resamples, n_tasks) as from ``draw_counts``.
    """
    sums = np.concatenate([part.astype(np.float64) @ values for part in _parts(counts)])
    return np.asarray(sums / len(values))


def mean_band(values: FloatArray, counts: NDArray[Any]) -> Band:
    """Means over tasks with their bands; arguments as for ``resampled_means``."""
    low, high = percentiles(resampled_means(values, counts))
    return Band(values.mean(axis=0), low, high, len(values))


def share(hits: NDArray[np.bool_]) -> Interval:
    """The share of (n,) cases in which something happened, with Wilson's interval; nan of none."""
    from scipy import stats

    k, n = int(hits.sum()), hits.size
    if n == 0:
        return Interval(np.nan, np.nan, np.nan, 0)
    bounds = stats.binomtest(k, n).proportion_ci(CONFIDENCE, method="wilson")
    return Interval(k / n, float(bounds.low), float(bounds.high), n)


def _parts(counts: NDArray[Any]) -> list[NDArray[Any]]:
    """Views of some rows each."""
    n_rows = max(1, AT_ONCE // max(1, counts.shape[1]))
    return [counts[start : start + n_rows] for start in range(0, len(counts), n_rows)]
