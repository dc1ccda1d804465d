"""Scores with intervals.

A score is a ratio of sums, Σ(return − random) / Σ(optimal − random), never a mean of ratios: tasks
whose two references nearly coincide would otherwise decide it.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikeloop.coordinator.stats.bootstrap import (
    N_RESAMPLES,
    Interval,
    draw_counts,
    percentiles,
)
from spikeloop.tasks.base import FloatArray, Interface, References
from spikeloop.tasks.portable import counted_sums
from spikeloop.workers.seeding import Purpose, TaskSet, stream


def gain_and_span(
    returns: FloatArray, references: References, counts: NDArray[np.bool_]
) -> tuple[FloatArray, FloatArray]:
    """Return above the random policy, and optimal minus random return, of each episode.

    Args:
        returns: (..., n_tasks).
        references: (n_tasks,) returns of the random and the optimal policy.
        counts: (..., n_tasks) which episodes count; both results are 0 for the others.
    """
    gain = np.where(counts, returns - references.random, 0.0)
    span = np.where(counts, references.optimal - references.random, 0.0)
    return gain, span


def frame_gain_and_span(frame: pd.DataFrame) -> tuple[FloatArray, FloatArray]:
    """``gain_and_span`` from the columns return, random, optimal and status of a table."""
    returns, random, optimal = (frame[name].to_numpy() for name in ("return", "random", "optimal"))
    return gain_and_span(returns, References(random, optimal), (frame["status"] == "ok").to_numpy())


def score(gain: FloatArray, span: FloatArray) -> FloatArray:
    """Scores gain / span, elementwise; nan where the span is 0, as where no episode counts."""
    ratio: FloatArray = np.divide(gain, span, out=np.full_like(gain, np.nan), where=span > 0)
    return ratio


def ends(interface: Interface) -> tuple[str, str]:
    """What scores 0 and what scores 1 in a family, in words for titles.

    Where the feedback is the right answer, the best answer without learning is the mean of the
    prior.
    """
    if interface.feedback == "target":
        return "prior mean", "optimal answer"
    return "random policy", "optimal policy"


ROUNDING = 1e-9
"""How far a score may lie above 1 because of rounded sums."""


def exceeds_optimum(low: float | None, interface: Interface) -> bool:
    """Whether an interval from ``low`` on lies wholly above the score of the optimal policy."""
    return interface.optimum == "exact" and low is not None and low > 1 + ROUNDING


MIN_JUDGED = 20
"""Tasks of a score from which on its interval is trusted to lie above 1."""


def impossible_score(what: str, score: Interval, interface: Interface) -> str:
    """Say in one line that a score's interval lies wholly above 1, or return "".

    A learner that earns as much as the optimal policy has such an interval by chance once in 40
    times; one that earns less, hardly ever. Over fewer than ``MIN_JUDGED`` tasks intervals are too
    narrow to tell.
    """
    if score.n < MIN_JUDGED or not exceeds_optimum(score.low, interface):
        return ""
    return (
        f"{what} is {score}, wholly above 1, so more was earned than the optimal reference says is "
        "possible: the references of the family are too low, or do not count what returns count; "
        "find out with: spikeloop check CONFIG"
    )


@dataclass(frozen=True)
class Sample:
    """Held-out episodes of one or more points Θ on the same tasks.

    Attributes:
        gain: (n_points, n_tasks) from ``gain_and_span``.
        span: (n_points, n_tasks) from ``gain_and_span`` as well.
    """

    gain: FloatArray
    span: FloatArray

    @property
    def score(self) -> float:
        """The ratio of sums over all points and tasks; nan if every episode failed."""
        return float(score(self.gain.sum(), self.span.sum()))


@dataclass(frozen=True)
class Bootstrap:
    """Resampling weights, shared by all samples that are to be compared, so that they stay paired.

    The pigeonhole bootstrap (Owen 2007, Annals of Applied Statistics 1:386) for crossed factors:
    tasks are drawn with replacement, and so, independently, are points where a sample has several.
    An interval then speaks about new tasks and new points. With one point it is the ordinary
    bootstrap over tasks, and speaks about new tasks for that point.

    Attributes:
        task_weights: (n_resamples, n_tasks) how often each task was drawn.
        rng: for the weights of points.
    """

    task_weights: FloatArray
    rng: np.random.Generator

    @classmethod
    def over(cls, n_tasks: int, rng: np.random.Generator, n_resamples: int = 10_000) -> "Bootstrap":
        """Draw the weights of the tasks."""
        return cls(draw_counts(n_tasks, n_resamples, rng).astype(np.float64), rng)

    def estimate(self, sample: Sample) -> Interval:
        """The score of a sample with its percentile interval."""
        return _interval(sample.score, self._scores(sample), sample)

    def difference(self, one: Sample, other: Sample) -> Interval:
        """How much higher ``one`` scores than ``other``, paired by task.

        Only tasks on which both have an episode that counts are compared: else a point would gain
        by failing on hard tasks.
        """
        common = (one.span > 0).any(axis=0) & (other.span > 0).any(axis=0)
        one, other = (Sample(s.gain * common, s.span * common) for s in (one, other))
        resampled = self._scores(one) - self._scores(other)
        return _interval(one.score - other.score, resampled, one)

    def _scores(self, sample: Sample) -> FloatArray:
        """(n_resamples,) scores of the resampled tasks and points."""
        n_points, n_resamples = sample.gain.shape[0], self.task_weights.shape[0]
        points = np.ones((n_resamples, 1))
        if n_points > 1:
            points = draw_counts(n_points, n_resamples, self.rng).astype(np.float64)
        gain = (counted_sums(points, sample.gain) * self.task_weights).sum(axis=1)
        span = (counted_sums(points, sample.span) * self.task_weights).sum(axis=1)
        return score(gain, span)


def _interval(value: float, resampled: FloatArray, sample: Sample) -> Interval:
    """An interval that rests on the points and tasks with an episode that counts."""
    finite = resampled[np.isfinite(resampled)]
    low, high = percentiles(finite if finite.size else None)
    met = sample.span > 0
    n_points, n_tasks = (int(met.any(axis=axis).sum()) for axis in (1, 0))
    return Interval(value, float(low), float(high), n_tasks, n_points)


def held_out_score(gain: FloatArray, span: FloatArray, run_seed: int, generation: int) -> Interval:
    """The score of the point recommended after a generation, with its interval.

    Args:
        gain: (n_tasks,) from ``gain_and_span``.
        span: (n_tasks,) from ``gain_and_span`` as well.
        run_seed: of the run.
        generation: the resampling depends on both.
    """
    rng = stream(run_seed, Purpose.BOOTSTRAP, TaskSet.MONITOR, generation)
    bootstrap = Bootstrap.over(gain.size, rng, N_RESAMPLES)
    return bootstrap.estimate(Sample(gain[None, :], span[None, :]))


def held_out_of(episodes: pd.DataFrame, seed: int, generation: int) -> Interval:
    """The held-out score of a generation, from its rows of ``curves``."""
    gain, span = frame_gain_and_span(episodes.sort_values("task"))
    return held_out_score(gain, span, seed, generation)


def curve_band(
    curve: FloatArray, rng: np.random.Generator, n_resamples: int = 500
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean learning curve with a pointwise 95 % interval, by the same bootstrap as the scores.

    Args:
        curve: (n_points, n_tasks, n_bins) mean reward per step; nan for episodes that do not count.
        rng: for the resampling of tasks and, where there are several, of points.
        n_resamples: number of resamples.

    Returns:
        mean, low, high: (n_bins,) each; nan if no episode counts.
    """
    n_points, n_tasks, n_bins = curve.shape
    counts = np.asarray(np.isfinite(curve).all(axis=2), dtype=np.float64)
    if not counts.any():
        nothing = np.full(n_bins, np.nan)
        return nothing, nothing, nothing
    filled = np.where(counts[..., None] > 0, curve, 0.0)
    tasks = draw_counts(n_tasks, n_resamples, rng).astype(np.float64)
    points = draw_counts(n_points, n_resamples, rng).astype(np.float64)
    number: FloatArray = np.einsum("rt,rt->r", points @ counts, tasks)
    summed = np.einsum("rtb,rt->rb", np.tensordot(points, filled, axes=1), tasks)
    low, high = percentiles(summed[number > 0] / number[number > 0, None])
    return filled.sum(axis=(0, 1)) / counts.sum(), low, high
