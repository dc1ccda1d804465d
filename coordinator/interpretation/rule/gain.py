"""How much of a rule's gain a formula recovers when it runs in its place, paired by bandit."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikeloop.coordinator.stats.bootstrap import (
    Interval,
    mean_band,
    percentile_interval,
    resampled_means,
)
from spikeloop.tasks.base import FloatArray


@dataclass(frozen=True)
class Regrets:
    """Regrets on the same bandits, all (n_tasks,).

    Attributes:
        rule: of the rule that was distilled.
        uniform: of uniform pulls.
        beside: of the rule that it is compared with; None without one.
    """

    rule: FloatArray
    uniform: FloatArray
    beside: FloatArray | None


def mean(regret: FloatArray, counts: NDArray[np.uint8]) -> Interval:
    """Give a mean regret with its interval over bandits."""
    return mean_band(regret[:, None], counts).at(0)


def recovered(
    formula: FloatArray, rule: FloatArray, reference: FloatArray, counts: NDArray[np.uint8]
) -> Interval:
    """Give the share of a rule's gain over a reference that a formula has, over bandits.

    The share is Σ (reference − formula) / Σ (reference − rule), all regrets (n_tasks,).
    """
    gains = np.stack([reference - formula, reference - rule], axis=1)
    value = gains[:, 0].sum() / gains[:, 1].sum()
    resampled = resampled_means(gains, counts)
    return percentile_interval(float(value), resampled[:, 0] / resampled[:, 1], len(gains))
