"""What lesions cost, as shares of what the intact network gains, and the verdict on the carrier.

With returns R of the same episodes, and the random policy's expected return R_0,

    loss(lesion) = Σ (R_intact − R_lesion) / Σ (R_intact − R_0)

over episodes, and the loss beyond a control the same with R_control in place of R_intact in the
numerator. Intervals are 95 %, from a bootstrap over episodes, all conditions resampled together.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from spikeloop.coordinator.interpretation.carrier.conditions import Condition
from spikeloop.coordinator.stats.bootstrap import (
    N_RESAMPLES,
    Interval,
    draw_counts,
    percentile_interval,
    resampled_means,
)
from spikeloop.tasks.base import FloatArray

MARGIN = 0.05
"""Share of the gain, the least loss that counts; fixed before any network was measured."""

TIMES = "times"
RATES = "rates"
VARIANCE = "variance"
SMOOTHING = "smoothing"
UNDECIDED = "undecided"
NOTHING = "nothing learned"


@dataclass(frozen=True)
class Returns:
    """Returns of the same episodes under all conditions, (n_episodes,) each.

    Attributes:
        intact: without a lesion.
        random: expected, of the random policy.
        lesioned: by condition.
        rng: of the bootstrap.
    """

    intact: FloatArray
    random: FloatArray
    lesioned: Mapping[tuple[str, float], FloatArray]
    rng: np.random.Generator = field(repr=False)

    def __post_init__(self) -> None:
        columns = np.stack([self.intact, self.random, *self.lesioned.values()], axis=1)
        counts = draw_counts(len(self.intact), N_RESAMPLES, self.rng)
        means = np.vstack([columns.mean(axis=0), resampled_means(columns, counts)])
        names = [("intact", 0.0), ("random", 0.0), *self.lesioned]
        object.__setattr__(self, "_means", dict(zip(names, means.T, strict=True)))

    def of(self, name: tuple[str, float]) -> FloatArray:
        """(1 + n_resamples,) mean return, that of the episodes themselves first."""
        found: FloatArray = self._means[name]  # type: ignore[attr-defined]
        return found

    @property
    def gain(self) -> Interval:
        """Mean of what the intact network earns beyond the random policy, per episode."""
        return self._interval(self.of(("intact", 0.0)) - self.of(("random", 0.0)))

    def loss(self, condition: Condition) -> Interval:
        """Return the loss of a condition against the intact network."""
        return self._share(self.of(("intact", 0.0)), condition)

    def beyond(self, condition: Condition, control: Condition) -> Interval:
        """Return the loss of a condition against its control."""
        return self._share(self.of((control.lesion, control.steps)), condition)

    def _share(self, unharmed: FloatArray, condition: Condition) -> Interval:
        gain = self.of(("intact", 0.0)) - self.of(("random", 0.0))
        lost = unharmed - self.of((condition.lesion, condition.steps))
        with np.errstate(divide="ignore", invalid="ignore"):
            return self._interval(lost / gain)

    def _interval(self, values: FloatArray) -> Interval:
        return percentile_interval(float(values[0]), values[1:], len(self.intact))


def verdict(gain: Interval, jittered: Interval, filtered: Interval, exchanged: Interval) -> str:
    """Say what the three planned comparisons are consistent with.

    The first two are held against a delay, which itself costs much in a network that was trained
    without; the third needs no control, since counts and delays stay what they were.

    Args:
        gain: of the intact network.
        jittered: loss by jitter beyond the delay that matches it.
        filtered: loss by the low-pass filter beyond the delay that matches it.
        exchanged: loss by trains of other episodes with equal counts.

    Returns:
        TIMES if all cost more than ``MARGIN``, RATES if all cost less, VARIANCE if jitter alone
        costs more, SMOOTHING if the filter does and jitter does not, UNDECIDED otherwise, as where
        an interval has the margin within, and NOTHING without a gain that could be lost.
    """
    if not gain.low > 0:
        return NOTHING
    jitter, filter_, exchange = (
        "more" if one.low > MARGIN else "less" if one.high < MARGIN else "undecided"
        for one in (jittered, filtered, exchanged)
    )
    if (jitter, filter_) == ("less", "more"):
        return SMOOTHING
    return {
        ("more", "more", "more"): TIMES,
        ("less", "less", "less"): RATES,
        ("more", "less", "less"): VARIANCE,
    }.get((jitter, filter_, exchange), UNDECIDED)
