"""Estimate what the default, random and learned Θ earn on tasks that the search has never seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeloop.cluster.pool import WorkerPool
from spikeloop.coordinator.config.run_config import RunConfig, TransferSettings
from spikeloop.coordinator.search.baselines import Baseline
from spikeloop.coordinator.search.evaluation import GridEpisodes, evaluate_grid
from spikeloop.coordinator.search.reporter import Reporter
from spikeloop.coordinator.search.transfer_design import (
    THETAS,
    transfer_jobs,
    transfer_size,
    transfer_theta,
)
from spikeloop.coordinator.stats.bootstrap import Interval
from spikeloop.coordinator.stats.regret import mean_regret
from spikeloop.coordinator.stats.scores import Bootstrap, Sample
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.seeding import Purpose, TaskSet, stream


@dataclass(frozen=True)
class Transfer:
    """Held-out episodes of several points on the same tasks.

    Attributes:
        episodes: one row a point: the default, the learned one, the random ones.
        theta: the element of ``THETAS`` that each row belongs to.
        scores: of each theta.
        gains: planned comparisons, learned minus default and learned minus random, paired by task.
        baselines: further policies on the same tasks, where the family knows some.
    """

    episodes: GridEpisodes
    theta: tuple[str, ...]
    scores: Mapping[str, Interval]
    gains: Mapping[str, Interval]
    baselines: Mapping[str, Baseline] = field(default_factory=dict)

    def rows(self, theta: str) -> list[int]:
        """Give the rows of ``episodes`` that belong to a theta."""
        return [row for row, name in enumerate(self.theta) if name == theta]

    @cached_property
    def regret(self) -> dict[str, Interval]:
        """Mean over the episodes of each theta of the optimal minus the earned return."""
        episodes, grid = self.episodes, self.episodes.grid
        missed = episodes.references.optimal - episodes.returns
        return mean_regrets(grid.run_seed, grid.index, missed, episodes.ok, self.theta)

    def as_json(self) -> dict[str, Any]:
        """Give scores, differences, regret and baselines as plain values, None for nan."""
        baselines = {
            name: {
                **estimate_json(baseline.score),
                "mean_return": baseline.mean_return,
                "regret": estimate_json(baseline.regret),
            }
            for name, baseline in self.baselines.items()
        }
        return {
            "scores": {name: estimate_json(estimate) for name, estimate in self.scores.items()},
            "differences": {name: estimate_json(estimate) for name, estimate in self.gains.items()},
            "regret": {name: estimate_json(e) for name, e in self.regret.items()},
            "baselines": baselines,
            "n_failed": self.episodes.n_failed,
        }


def estimate_json(estimate: Interval) -> dict[str, Any]:
    """Give an estimate as plain values, None for nan."""
    numbers = {k: v for k, v in estimate.as_json().items() if k != "n"}
    return {**numbers, "n_tasks": estimate.n, "n_points": estimate.n_points}


def score_transfer(
    pool: WorkerPool,
    config: RunConfig,
    settings: TransferSettings,
    learned: FloatArray,
    reporter: Reporter,
) -> Transfer:
    """Run the points on the held-out tasks and score them with 95 % intervals."""
    jobs = transfer_jobs(config, settings, learned)
    reporter.started("transfer to held-out tasks", transfer_size(settings))
    episodes = evaluate_grid(pool, jobs, reporter.episodes_done)
    return summarise(config.run.seed, settings.seed, episodes, transfer_theta(settings))


def summarise(run_seed: int, seed: int, episodes: GridEpisodes, theta: tuple[str, ...]) -> Transfer:
    """Score episodes; the resampling depends on the seeds alone."""
    return Transfer(episodes, theta, *compare(run_seed, seed, episodes.gain, episodes.span, theta))


def compare(
    run_seed: int, seed: int, gain: FloatArray, span: FloatArray, theta: Sequence[str]
) -> tuple[dict[str, Interval], dict[str, Interval]]:
    """Give scores and planned comparisons of episodes.

    Args:
        run_seed: seed of the run.
        seed: of the held-out tasks.
        gain: (n_points, n_tasks) return above the random policy; 0 for episodes without weight.
        span: (n_points, n_tasks) optimal minus random return; 0 for episodes without weight.
        theta: (n_points,) the element of ``THETAS`` that each row belongs to.
    """
    bootstrap = _bootstrap(run_seed, seed, gain.shape[1])
    samples = {name: Sample(gain[rows], span[rows]) for name, rows in _rows(theta).items()}
    scores = {name: bootstrap.estimate(sample) for name, sample in samples.items()}
    gains = {
        f"learned - {name}": bootstrap.difference(samples["learned"], samples[name])
        for name in ("default", "random")
    }
    return scores, gains


def mean_regrets(
    run_seed: int,
    seed: int,
    missed: FloatArray,
    counts: NDArray[np.bool_],
    theta: Sequence[str],
) -> dict[str, Interval]:
    """Estimate how much less than the optimal policy each theta earned, on average.

    Args:
        run_seed: seed of the run.
        seed: of the held-out tasks.
        missed: (n_points, n_tasks) optimal minus earned return.
        counts: (n_points, n_tasks) which episodes count.
        theta: (n_points,) the element of ``THETAS`` that each row belongs to.
    """
    # A generator of its own leaves the resampling of the scores as it was.
    bootstrap = _bootstrap(run_seed, seed, missed.shape[1])
    rows = {name: own for name, own in _rows(theta).items() if name in theta}
    return {name: mean_regret(missed[own], counts[own], bootstrap) for name, own in rows.items()}


def _bootstrap(run_seed: int, seed: int, n_tasks: int) -> Bootstrap:
    return Bootstrap.over(n_tasks, stream(run_seed, Purpose.BOOTSTRAP, TaskSet.TRANSFER, seed))


def _rows(theta: Sequence[str]) -> dict[str, NDArray[np.bool_]]:
    return {name: np.array([own == name for own in theta]) for name in THETAS}
