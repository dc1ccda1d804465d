"""Score against episodes spent: step curves, the area under them, bands, and episodes to a target.

A run is measured on held-out tasks at intervals; between measurements its score is the last one.
Bands resample whole runs, not their points.

Source: Hansen et al. 2021 (COCO, Optimization Methods and Software 36:114) for expected running
times.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeloop.coordinator.stats.bootstrap import CONFIDENCE, Interval, percentiles, share
from spikeloop.coordinator.stats.significance import Statistic, interquartile_mean
from spikeloop.tasks.base import FloatArray


@dataclass(frozen=True)
class AnytimeBand:
    """Held-out score of the recommended point against episodes spent, over runs.

    Attributes:
        episodes: (n_grid,) episodes spent in the outer loop, ascending, evenly spaced in the log.
        runs: (n, n_grid) the last score of each run measured until then; nan before the first.
        value: (n_grid,) interquartile mean over runs; nan where a run has no score yet.
        low, high: (n_grid,) pointwise 95 % band over runs; nan for fewer than two runs.
        n: runs.
    """

    episodes: FloatArray
    runs: FloatArray
    value: FloatArray
    low: FloatArray
    high: FloatArray
    n: int


@dataclass(frozen=True)
class Attainment:
    """How many episodes runs need to reach a target score.

    Attributes:
        expected_episodes: the expected running time of COCO: episodes of all runs, each until it
            reached the target or ended, over the number of runs that reached it. inf if none did.
        median: Kaplan–Meier median of the episodes to target, with a 95 % interval; inf where fewer
            than half of the runs reach it. The interval's upper end is often inf.
        share: of runs that reached the target, with Wilson's 95 % interval.
        n: runs.
        n_reached: runs that reached the target.
    """

    expected_episodes: float
    median: Interval
    share: Interval
    n: int
    n_reached: int


def step_curve(episodes: ArrayLike, scores: ArrayLike, at: ArrayLike) -> FloatArray:
    """(n_at,) score last measured when so many episodes were spent; nan before the first.

    The score is that of the recommended point as measured on held-out tasks, not the best so far:
    the best of noisy measurements is biased upwards and would hide that a strategy lost its point.
    After a run's last measurement the curve keeps its value.

    Args:
        episodes: (n_measured,) episodes spent in the outer loop, ascending.
        scores: (n_measured,) held-out scores; a nan counts as not measured.
        at: (n_at,) episodes.
    """
    x, y = _measured(episodes, scores)
    last = np.searchsorted(x, np.asarray(at, dtype=np.float64), side="right") - 1
    return np.concatenate([y, [np.nan]])[last]  # index −1 is the nan


def area_under_curve(episodes: ArrayLike, scores: ArrayLike, budget: float) -> float:
    """Mean of the step curve over 0 to ``budget`` episodes, ∫ score d(episodes) / budget, exact.

    In the unit of the score: a run at score 1 from the beginning has area 1. nan without a
    measurement at 0 episodes. Arguments as for ``step_curve``.
    """
    x, y = _measured(episodes, scores)
    if not x.size or x[0] > 0:
        return float("nan")
    edges = np.clip(np.append(x, budget), 0.0, budget)
    return float((y * np.diff(edges)).sum() / budget)


def anytime_band(
    runs: ArrayLike,
    episodes: ArrayLike,
    rng: np.random.Generator,
    statistic: Statistic = interquartile_mean,
    n_resamples: int = 1000,
) -> AnytimeBand:
    """Location of step curves over runs, with a pointwise percentile band.

    Args:
        runs: (n, n_grid) of ``step_curve``.
        episodes: (n_grid,) episodes at which.
        rng: for the resampling.
        statistic: interquartile mean or mean.
        n_resamples: number of resamples.
    """
    grid = np.asarray(episodes, dtype=np.float64)
    curves = np.asarray(runs, dtype=np.float64).reshape(-1, grid.size)
    value, low, high = np.full((3, grid.size), np.nan)
    n = len(curves)
    drawn = rng.integers(0, max(n, 1), (n_resamples, n))
    for i in np.flatnonzero(np.isfinite(curves).all(axis=0)) if n else ():
        value[i] = statistic(curves[:, i])
        if n > 1:
            low[i], high[i] = percentiles(statistic(curves[drawn, i]))
    return AnytimeBand(grid, curves, value, low, high, n)


def episodes_to_target(
    episodes: ArrayLike, scores: ArrayLike, target: float, end: float
) -> tuple[float, bool]:
    """Episodes at the first measurement that reached the target; (end, False) if none did.

    Args:
        episodes: (n_measured,) ascending.
        scores: (n_measured,) held-out scores; a nan counts as not measured.
        target: score to reach.
        end: episodes at which the run ended: the budget, or fewer if it failed.
    """
    x, y = _measured(episodes, scores)
    reached = np.flatnonzero((y >= target) & (x <= end))
    return (float(x[reached[0]]), True) if reached.size else (float(end), False)


def attainment(episodes: ArrayLike, reached: ArrayLike) -> Attainment:
    """Episodes to a target over runs; those that never reached it are censored where they ended.

    The median is where the Kaplan–Meier curve of runs still below the target falls to a half, its
    interval where the curve's log-log bands do (Brookmeyer and Crowley 1982, Biometrics 38:29).

    Args:
        episodes: (n,) from ``episodes_to_target``.
        reached: (n,) whether the target was reached.
    """
    from scipy import stats

    x = np.asarray(episodes, dtype=np.float64)
    success: NDArray[np.bool_] = np.asarray(reached, dtype=bool)
    n, k = x.size, int(success.sum())
    if n == 0:
        return Attainment(np.nan, Interval(np.nan, np.nan, np.nan, 0), share(success), 0, 0)
    # Where every run has reached the target there is no band. None of n runs is left below it
    # there, so Clopper and Pearson's bound for 0 of n takes its place.
    nothing_left = 1.0 - ((1.0 - CONFIDENCE) / 2.0) ** (1.0 / n)
    below = stats.ecdf(stats.CensoredData.right_censored(x, ~success)).sf
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # nan where the curve is 1, which is not a fall, or 0
        bands = below.confidence_interval(CONFIDENCE, method="log-log")
    empty = below.probabilities == 0

    def falls(curve: FloatArray) -> float:
        half = np.flatnonzero(curve <= 0.5)
        return float(below.quantiles[half[0]]) if half.size else float("inf")

    low = falls(np.where(empty, 0.0, bands.low.probabilities))
    high = falls(np.where(empty, nothing_left, bands.high.probabilities))
    low, high = (low, high) if n > 1 else (np.nan, np.nan)
    median = Interval(falls(below.probabilities), low, high, n)
    return Attainment(float(x.sum() / k) if k else float("inf"), median, share(success), n, k)


def _measured(episodes: ArrayLike, scores: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Ascending episodes and finite scores."""
    x, y = (np.asarray(values, dtype=np.float64) for values in (episodes, scores))
    if x.shape != y.shape or (np.diff(x) < 0).any():
        raise ValueError("episodes must ascend, with one score each")
    return x[np.isfinite(y)], y[np.isfinite(y)]
