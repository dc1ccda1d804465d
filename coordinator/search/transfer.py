"""Transfer: what the default, random and learned Θ earn on tasks that the search has never seen."""

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
from spikeloop.coordinator.stats.regret import mean_regret
from spikeloop.coordinator.stats.scores import Bootstrap, Estimate, Sample
from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.job import Grid, Job, Tile, cut
from spikeloop.workers.seeding import Purpose, TaskSet, stream

THETAS = ("default", "random", "learned")


@dataclass(frozen=True)
class Transfer:
    """Held-out episodes of several points on the same tasks.

    Attributes:
        episodes: one row per point: the default, the learned one, the random ones.
        theta: which of ``THETAS`` each row belongs to.
        scores: of each theta.
        gains: planned comparisons, learned minus default and learned minus random, paired by task.
        baselines: further policies on the same tasks, where the family knows some.
    """

    episodes: GridEpisodes
    theta: tuple[str, ...]
    scores: Mapping[str, Estimate]
    gains: Mapping[str, Estimate]
    baselines: Mapping[str, Baseline] = field(default_factory=dict)

    def rows(self, theta: str) -> list[int]:
        """Rows of ``episodes`` that belong to a theta."""
        return [row for row, name in enumerate(self.theta) if name == theta]

    @cached_property
    def regret(self) -> dict[str, Estimate]:
        """Mean over the episodes of each theta of the optimal minus the earned return."""
        episodes, grid = self.episodes, self.episodes.grid
        missed = episodes.references.optimal - episodes.returns
        return mean_regrets(grid.run_seed, grid.index, missed, episodes.ok, self.theta)

    def as_json(self) -> dict[str, Any]:
        """Scores, differences, returns below the optimum and baselines; None for nan."""
        baselines = {
            name: {
                **_plain(baseline.score),
                "mean_return": baseline.mean_return,
                "regret": _plain(baseline.regret),
            }
            for name, baseline in self.baselines.items()
        }
        return {
            "scores": {name: _plain(estimate) for name, estimate in self.scores.items()},
            "differences": {name: _plain(estimate) for name, estimate in self.gains.items()},
            "regret": {name: _plain(e) for name, e in self.regret.items()},
            "baselines": baselines,
            "n_failed": self.episodes.n_failed,
        }


def _plain(estimate: Estimate) -> dict[str, Any]:
    return {k: None if v != v else v for k, v in vars(estimate).items()}  # nan is no JSON


def transfer_areas(settings: TransferSettings) -> list[Tile]:
    """Which point meets which held-out task: rows are default, learned, then the random points.

    Default and learned point meet all tasks. The spread between random points is much larger than
    that between tasks, so it is points that an interval needs: points and tasks are cut into as
    many blocks, and block k of the points meets block k of the tasks (a balanced design: all tasks
    are met, and as good as equally often).
    """
    n, n_random = settings.tasks, settings.random_points
    n_blocks = -(-n // settings.random_tasks)
    areas = [Tile(0, 2, 0, n)]
    for k in range(n_blocks):
        rows, tasks = ([total * edge // n_blocks for edge in (k, k + 1)] for total in (n_random, n))
        areas.append(Tile(2 + rows[0], 2 + rows[1], *tasks))
    return areas


def transfer_size(settings: TransferSettings) -> int:
    """Number of episodes of a transfer evaluation."""
    return sum(area.n_episodes for area in transfer_areas(settings))


def transfer_theta(settings: TransferSettings) -> tuple[str, ...]:
    """Which of ``THETAS`` each row of the grid belongs to."""
    return ("default", "learned", *["random"] * settings.random_points)


def transfer_grid(config: RunConfig, settings: TransferSettings, learned: FloatArray) -> Grid:
    """All points and all held-out tasks; ``transfer_areas`` says which of them meet."""
    space = config.space
    rng = stream(config.run.seed, Purpose.RANDOM_POINTS, TaskSet.TRANSFER, settings.seed)
    random = space.sample(settings.random_points, rng)
    points = np.vstack([space.default_point(), learned, random])
    return new_tasks(config, points, settings.tasks, settings.seed)


def new_tasks(config: RunConfig, points: FloatArray, n_tasks: int, seed: int) -> Grid:
    """Points on held-out tasks, of which more begin with the same ones.

    So do the seeds of the episodes of more points, and with common noise those on more tasks.

    Args:
        config: the run's.
        points: (n_points, n_dim).
        n_tasks: how many.
        seed: which.
    """
    run = config.run
    return Grid(
        config.family,
        config.learner,
        Explicit(points),
        n_tasks=n_tasks,
        run_seed=run.seed,
        task_set=TaskSet.TRANSFER,
        index=seed,
        common_noise=run.common_noise,
    )


def transfer_jobs(config: RunConfig, settings: TransferSettings, learned: FloatArray) -> list[Job]:
    """The held-out episodes, cut into jobs."""
    grid = transfer_grid(config, settings, learned)
    tile = (config.run.tile_candidates, config.run.tile_tasks)
    return [job for area in transfer_areas(settings) for job in cut(grid, *tile, "transfer", area)]


def score_transfer(
    pool: WorkerPool,
    config: RunConfig,
    settings: TransferSettings,
    learned: FloatArray,
    reporter: Reporter,
) -> Transfer:
    """Episodes the points on the held-out tasks and scores them with 95 % intervals.

    Args:
        pool: where.
        config: the run's.
        settings: how many tasks and random points, and which held-out seed.
        learned: (n_dim,) the point to deploy.
        reporter: told of the progress.
    """
    jobs = transfer_jobs(config, settings, learned)
    reporter.started("transfer to held-out tasks", transfer_size(settings))
    episodes = evaluate_grid(pool, jobs, reporter.episodes_done)
    return summarise(config.run.seed, settings.seed, episodes, transfer_theta(settings))


def summarise(run_seed: int, seed: int, episodes: GridEpisodes, theta: tuple[str, ...]) -> Transfer:
    """Scores and planned comparisons of episodes; the resampling depends on the seeds only."""
    return Transfer(episodes, theta, *compare(run_seed, seed, episodes.gain, episodes.span, theta))


def compare(
    run_seed: int, seed: int, gain: FloatArray, span: FloatArray, theta: Sequence[str]
) -> tuple[dict[str, Estimate], dict[str, Estimate]]:
    """Scores and planned comparisons of episodes.

    Args:
        run_seed: of the run.
        seed: of the held-out tasks.
        gain: (n_points, n_tasks) return above the random policy; 0 for episodes that do not count.
        span: (n_points, n_tasks) optimal minus random return; 0 for episodes that do not count.
        theta: (n_points,) which of ``THETAS`` each row belongs to.
    """
    bootstrap = Bootstrap.over(
        gain.shape[1], stream(run_seed, Purpose.BOOTSTRAP, TaskSet.TRANSFER, seed)
    )
    chosen = {name: np.array([t == name for t in theta]) for name in THETAS}
    samples = {name: Sample(gain[rows], span[rows]) for name, rows in chosen.items()}
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
) -> dict[str, Estimate]:
    """How much less than the optimal policy the episodes of each theta earned, on average.

    Args:
        run_seed: of the run.
        seed: of the held-out tasks.
        missed: (n_points, n_tasks) optimal minus earned return.
        counts: (n_points, n_tasks) which episodes count.
        theta: (n_points,) which of ``THETAS`` each row belongs to.
    """
    # A generator of its own leaves the resampling of the scores as it was.
    rng = stream(run_seed, Purpose.BOOTSTRAP, TaskSet.TRANSFER, seed)
    bootstrap = Bootstrap.over(missed.shape[1], rng)
    chosen = {name: np.array([t == name for t in theta]) for name in THETAS if name in theta}
    return {name: mean_regret(missed[r], counts[r], bootstrap) for name, r in chosen.items()}
