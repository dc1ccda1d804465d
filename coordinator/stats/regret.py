"""Regret: how much less than the optimal policy something earns, and how tables show returns.

For functions to be predicted it is the summed squared error.
"""

import math

import numpy as np
from numpy.typing import NDArray

from spikeloop.coordinator.stats.bootstrap import Interval
from spikeloop.coordinator.stats.scores import Bootstrap, Sample
from spikeloop.tasks.base import FloatArray

CAPTION = "regret: optimal minus earned return, mean ± half of its 95 % interval"
"""What the column of ``plus_minus`` means."""


def mean_regret(missed: FloatArray, counts: NDArray[np.bool_], bootstrap: Bootstrap) -> Interval:
    """Mean over episodes of the optimal minus the earned return, in units of return.

    It is below 0 where episodes earned more than the optimal policy does on average.

    Args:
        missed: (n_points, n_tasks) optimal minus earned return.
        counts: (n_points, n_tasks) which episodes count.
        bootstrap: over the tasks, and over points where there are several.
    """
    # A mean is a ratio of sums, so it is resampled as the scores are.
    missed = np.where(counts, missed, 0.0)
    return bootstrap.estimate(Sample(missed, counts.astype(np.float64)))


def amount(value: float) -> str:
    """Format a return with 4 digits or more, for example "1233.1", "-72.58" or "0.01250"."""
    return _fixed(value, abs(value), 4)


def plus_minus(estimate: Interval) -> str:
    """Format a number with 3 digits or more, for example "367.1 ± 21.4"; "-" if there is none."""
    half = (estimate.high - estimate.low) / 2
    if not math.isfinite(estimate.value + half):
        return "-"
    size = max(abs(estimate.value), half)
    return f"{_fixed(estimate.value, size, 3)} ± {_fixed(half, size, 3)}"


def _fixed(value: float, size: float, digits: int) -> str:
    """Format with the decimals that a number of some size needs for so many significant digits."""
    if not math.isfinite(value):
        return "-"
    if size >= 1e7 or 0 < size < 1e-3:
        return f"{value:.{digits - 1}e}"
    power = math.floor(math.log10(size)) if size else digits
    decimals = 0 if size >= 1e5 else max(1, digits - 1 - power)
    return f"{value:.{decimals}f}"
