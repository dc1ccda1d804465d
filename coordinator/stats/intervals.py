"""A number with its interval, by the percentiles of resampled seeds."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from spikeloop.tasks.base import FloatArray

CONFIDENCE = 0.95
"""Of all intervals and bands."""


@dataclass(frozen=True)
class Interval:
    """A number with its 95 % interval.

    Attributes:
        value: the number; nan if nothing was measured.
        low, high: of the interval; both nan if it rests on fewer than two runs. Episodes to a
        target
            may be infinite: the target was not reached.
        n: runs (or pairs of runs) that it rests on.
    """

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        """For example "0.512 [0.487, 0.537]"."""
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def stratified(scores: ArrayLike, finite: bool = True) -> FloatArray:
    """(n_seeds, n_strata) scores, checked."""
    x = np.asarray(scores, dtype=np.float64)
    x = x[:, None] if x.ndim == 1 else x
    if x.ndim != 2 or (finite and not np.isfinite(x).all()):
        raise ValueError("scores must be finite, (n_seeds,) or (n_seeds, n_strata)")
    return x


def resample(scores: FloatArray, rng: np.random.Generator, n_resamples: int) -> FloatArray:
    """(n_resamples, n_seeds, n_strata) seeds drawn with replacement within each stratum."""
    n, n_strata = scores.shape
    drawn = rng.integers(0, n, (n_resamples, n, n_strata))
    return np.asarray(scores[drawn, np.arange(n_strata)])


def percentile_interval(value: float, resampled: FloatArray | None, n: int) -> Interval:
    """The value with the interval of its resamples, (n_resamples,); nan without any."""
    low, high = percentiles(resampled)
    return Interval(value, float(low), float(high), n)


def percentiles(
    resampled: FloatArray | None, shape: tuple[int, ...] = ()
) -> tuple[FloatArray, FloatArray]:
    """Bounds of the interval, over the first axis; nan of the given shape without resamples."""
    tail = (1.0 - CONFIDENCE) / 2.0
    if resampled is None:
        return np.full(shape, np.nan), np.full(shape, np.nan)
    low, high = np.quantile(resampled, [tail, 1.0 - tail], axis=0)
    return low, high
