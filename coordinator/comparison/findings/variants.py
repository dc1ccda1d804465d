"""Summarises each variant of a comparison: its scores, anytime curve, episodes to the target."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from spikeloop.coordinator.stats.anytime import (
    AnytimeBand,
    Attainment,
    anytime_band,
    area_under_curve,
    attainment,
    episodes_to_target,
    step_curve,
)
from spikeloop.coordinator.stats.bootstrap import Interval
from spikeloop.coordinator.stats.performance_profiles import Profile, performance_profile
from spikeloop.coordinator.stats.significance import (
    bootstrap_interval,
    interquartile_mean,
    overall_mean,
)
from spikeloop.tasks.base import FloatArray


@dataclass(frozen=True)
class VariantFinding:
    """The results of one variant: a strategy with its settings, run on several seeds.

    Attributes:
        name: of the variant.
        strategy: its kind, as in ``[strategy] kind``.
        settings: "default", "tuned" or "given".
        seeds: (n_runs,) seed indices, ascending.
        scores: (n_runs,) held-out score at the end of each run; nan if the run failed.
        low, high: (n_runs,) each score's own interval, over held-out tasks.
        n_failed: runs that failed.
        iqm: interquartile mean of the scores, over runs that did not fail.
        mean: their mean.
        area: mean over runs of the area under the anytime curve up to the budget, as a mean score.
        attainment: episodes to the target score; None without a target.
        profile: share of runs that score at least tau.
        anytime: held-out score against episodes.
        episodes: episodes spent in the outer loop by all runs, failed ones included.
        failed_episodes_share: share of those that failed; nan if there is none.
    """

    name: str
    strategy: str
    settings: str
    seeds: tuple[int, ...]
    scores: FloatArray
    low: FloatArray
    high: FloatArray
    n_failed: int
    iqm: Interval
    mean: Interval
    area: Interval
    attainment: Attainment | None
    profile: Profile
    anytime: AnytimeBand
    episodes: int
    failed_episodes_share: float

    @property
    def n_runs(self) -> int:
        """The number of runs, failed ones included."""
        return len(self.seeds)


def variant_findings(
    results: pd.DataFrame,
    anytime: pd.DataFrame,
    names: Sequence[str],
    budget: int,
    target: float | None,
    seed: int,
) -> tuple[VariantFinding, ...]:
    """Summarise each of the named variants; all share thresholds and the grid of episodes.

    The arguments are as for ``findings``; ``seed`` is that of all resampling.
    """
    scores = results["score"].to_numpy(dtype=np.float64)
    finite = scores[np.isfinite(scores)]
    taus = np.linspace(finite.min(), finite.max(), 101) if finite.size else np.empty(0)
    counted = anytime["episodes"].to_numpy(dtype=np.float64)
    first = counted[(counted > 0) & (counted < budget)].min(initial=budget)
    grid = np.geomspace(first, budget, 120)  # evenly spaced in the logarithm
    return tuple(
        _variant(
            results[results["variant"] == name].sort_values("seed_index"),
            anytime[anytime["variant"] == name].sort_values("episodes", kind="stable"),
            taus,
            grid,
            budget,
            target,
            seed,
        )
        for name in names
    )


def stream(seed: int) -> np.random.Generator:
    """Make a generator at its beginning, the same for every interval."""
    return np.random.Generator(np.random.Philox(seed))


def _variant(
    runs: pd.DataFrame,
    measured: pd.DataFrame,
    taus: FloatArray,
    grid: FloatArray,
    budget: int,
    target: float | None,
    seed: int,
) -> VariantFinding:
    scores = runs["score"].to_numpy(dtype=np.float64)
    finished = scores[np.isfinite(scores)]
    seeds = tuple(int(index) for index in runs["seed_index"])
    curves = [
        (rows["episodes"].to_numpy(dtype=np.float64), rows["score"].to_numpy(dtype=np.float64))
        for rows in (measured[measured["seed_index"] == index] for index in seeds)
    ]
    areas = np.array([area_under_curve(*curve, budget) for curve in curves])
    steps = [step_curve(*curve, grid) for curve in curves if np.isfinite(curve[1]).any()]
    ends = np.minimum(runs["episodes"].to_numpy(dtype=np.float64), budget)
    attained = None
    if target is not None:
        pairs = zip(curves, ends, strict=True)
        to_target = [episodes_to_target(*curve, target, end) for curve, end in pairs]
        attained = attainment(
            [episodes for episodes, _ in to_target], [hit for _, hit in to_target]
        )
    episodes, failed = int(runs["episodes"].sum()), int(runs["failed_episodes"].sum())
    return VariantFinding(
        name=str(runs["variant"].iloc[0]),
        strategy=str(runs["strategy"].iloc[0]),
        settings=str(runs["settings"].iloc[0]),
        seeds=seeds,
        scores=scores,
        low=runs["score_low"].to_numpy(dtype=np.float64),
        high=runs["score_high"].to_numpy(dtype=np.float64),
        n_failed=scores.size - finished.size,
        iqm=bootstrap_interval(finished, interquartile_mean, stream(seed)),
        mean=bootstrap_interval(finished, overall_mean, stream(seed)),
        area=bootstrap_interval(areas[np.isfinite(areas)], overall_mean, stream(seed)),
        attainment=attained,
        profile=performance_profile(scores, taus, stream(seed)),
        anytime=anytime_band(steps, grid, stream(seed)),
        episodes=episodes,
        failed_episodes_share=failed / episodes if episodes else float("nan"),
    )
