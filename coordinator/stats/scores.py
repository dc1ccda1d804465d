"""Scores with intervals.

A score is a ratio of sums, Σ(return − random) / Σ(optimal − random), never a mean of ratios: tasks
whose two references nearly coincide would otherwise decide it. What is resampled is stated with
every interval, because it fixes what the interval speaks about.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from spikeloop.tasks.base import FloatArray, Interface
from spikeloop.tasks.portable import counted_sums
from spikeloop.workers.seeding import Purpose, TaskSet, stream


def score(gain: FloatArray, span: FloatArray) -> FloatArray:
    """Scores gain / span, elementwise; nan where the span is 0, as where no episode counts."""
    ratio: FloatArray = np.divide(gain, span, out=np.full_like(gain, np.nan), where=span > 0)
    return ratio


def ends(interface: Interface) -> tuple[str, str]:
    """What scores 0 and what scores 1 in a family, in words for titles.

    Where a learner is told what it should have answered, the answer without any learning is the
    mean of all that may come.
    """
    if interface.feedback == "target":
        return "prior mean", "optimal answer"
    return "random policy", "optimal policy"


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval and what it rests on."""

    value: float
    low: float
    high: float
    n_tasks: int
    n_points: int = 1

    def __str__(self) -> str:
        """For example "0.512 [0.487, 0.537]"."""
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True)
class Sample:
    """Held-out episodes of one or more points Θ on the same tasks.

    Attributes:
        gain: (n_points, n_tasks) return above the random policy; 0 for an episode that does not
            count.
        span: (n_points, n_tasks) optimal minus random return; 0 for an episode that does not count.
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
        confidence: of the percentile intervals.
    """

    task_weights: FloatArray
    rng: np.random.Generator
    confidence: float = 0.95

    @classmethod
    def over(cls, n_tasks: int, rng: np.random.Generator, n_resamples: int = 10_000) -> "Bootstrap":
        """Draws the weights of the tasks."""
        return cls(_weights(n_resamples, n_tasks, rng), rng)

    def estimate(self, sample: Sample) -> Estimate:
        """The score of a sample with its percentile interval."""
        return self._interval(sample.score, self._scores(sample), sample)

    def difference(self, one: Sample, other: Sample) -> Estimate:
        """How much higher ``one`` scores than ``other``, paired by task.

        Only tasks on which both have an episode that counts are compared: else a point would gain
        by failing on hard tasks.
        """
        common = (one.span > 0).any(axis=0) & (other.span > 0).any(axis=0)
        one, other = (Sample(s.gain * common, s.span * common) for s in (one, other))
        resampled = self._scores(one) - self._scores(other)
        return self._interval(one.score - other.score, resampled, one)

    def _scores(self, sample: Sample) -> FloatArray:
        n_points = sample.gain.shape[0]
        n_resamples = self.task_weights.shape[0]
        points = (
            np.ones((n_resamples, 1))
            if n_points == 1
            else _weights(n_resamples, n_points, self.rng)
        )
        gain = (counted_sums(points, sample.gain) * self.task_weights).sum(axis=1)
        span = (counted_sums(points, sample.span) * self.task_weights).sum(axis=1)
        return score(gain, span)

    def _interval(self, value: float, resampled: FloatArray, sample: Sample) -> Estimate:
        tail = (1.0 - self.confidence) / 2.0
        finite = resampled[np.isfinite(resampled)]
        low, high = np.quantile(finite, [tail, 1.0 - tail]) if finite.size else (np.nan, np.nan)
        met = sample.span > 0
        n_points, n_tasks = (int(met.any(axis=axis).sum()) for axis in (1, 0))
        return Estimate(value, float(low), float(high), n_tasks, n_points)


def held_out_score(gain: FloatArray, span: FloatArray, run_seed: int, generation: int) -> Estimate:
    """The score of the point recommended after a generation, with its interval.

    Args:
        gain: (n_tasks,) return above the random policy; 0 for an episode that does not count.
        span: (n_tasks,) optimal minus random return; 0 for an episode that does not count.
        run_seed: of the run.
        generation: the resampling depends on both.
    """
    rng = stream(run_seed, Purpose.BOOTSTRAP, TaskSet.MONITOR, generation)
    bootstrap = Bootstrap.over(gain.size, rng, n_resamples=2000)
    return bootstrap.estimate(Sample(gain[None, :], span[None, :]))


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
    tasks = _weights(n_resamples, n_tasks, rng)
    points = _weights(n_resamples, n_points, rng)
    number: FloatArray = np.einsum("rt,rt->r", points @ counts, tasks)
    summed = np.einsum("rtb,rt->rb", np.tensordot(points, filled, axes=1), tasks)
    means = summed[number > 0] / number[number > 0, None]
    low, high = np.quantile(means, [0.025, 0.975], axis=0)
    return filled.sum(axis=(0, 1)) / counts.sum(), low, high


def _weights(n_resamples: int, n: int, rng: np.random.Generator) -> FloatArray:
    """(n_resamples, n) how often each of n items is drawn in n draws with replacement."""
    return rng.multinomial(n, np.full(n, 1.0 / n), size=n_resamples).astype(np.float64)


def held_out_of(episodes: pd.DataFrame, seed: int, generation: int) -> Estimate:
    """The held-out score of a generation, from its rows of ``curves``."""
    episodes = episodes.sort_values("task")
    ok = (episodes["status"] == "ok").to_numpy()
    gain = np.where(ok, episodes["return"] - episodes["random"], 0.0)
    span = np.where(ok, episodes["optimal"] - episodes["random"], 0.0)
    return held_out_score(gain, span, seed, generation)
