"""Transfer: what the default, random and learned Θ earn on tasks that the search has never seen."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from spikeloop.cluster.pool import WorkerPool
from spikeloop.coordinator.analysis.statistics import Bootstrap, Estimate, Sample
from spikeloop.coordinator.config import RunConfig, TransferSettings
from spikeloop.coordinator.lives import GridLives, evaluate_grid
from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.job import Grid
from spikeloop.workers.seeding import Purpose, TaskSet, stream

THETAS = ("default", "random", "learned")


@dataclass(frozen=True)
class Transfer:
    """Held-out lives of several points on the same tasks.

    Attributes:
        lives: one row per point: the default, the random ones, the learned one.
        theta: which of ``THETAS`` each row belongs to.
        scores: of each theta.
        gains: planned comparisons, learned minus default and learned minus random, paired by task.
    """

    lives: GridLives
    theta: tuple[str, ...]
    scores: Mapping[str, Estimate]
    gains: Mapping[str, Estimate]

    def rows(self, theta: str) -> list[int]:
        """Rows of ``lives`` that belong to a theta."""
        return [row for row, name in enumerate(self.theta) if name == theta]


def transfer_grid(config: RunConfig, settings: TransferSettings, learned: FloatArray) -> Grid:
    """The grid of default, random and learned points on held-out tasks."""
    space = config.space
    rng = stream(config.run.seed, Purpose.RANDOM_POINTS, settings.seed)
    points = np.vstack([space.default_point(), space.sample(settings.random_points, rng), learned])
    return Grid(
        config.family,
        config.learner,
        Explicit(points),
        n_tasks=settings.tasks,
        run_seed=config.run.seed,
        task_set=TaskSet.TRANSFER,
        index=settings.seed,
        common_noise=config.run.common_noise,
    )


def score_transfer(
    pool: WorkerPool,
    config: RunConfig,
    settings: TransferSettings,
    learned: FloatArray,
    progress: Callable[[int], None] = lambda n_lives: None,
) -> Transfer:
    """Lives all points on the held-out tasks and scores them with 95 % intervals.

    Args:
        pool: where.
        config: the run's.
        settings: how many tasks and random points, and which held-out seed.
        learned: (n_dim,) the point to deploy.
        progress: called with the number of lives that came in.
    """
    grid = transfer_grid(config, settings, learned)
    tile = (config.run.tile_candidates, config.run.tile_tasks)
    lives = evaluate_grid(pool, grid, tile, "transfer,", progress)
    theta = ("default", *["random"] * settings.random_points, "learned")
    return summarise(config.run.seed, settings.seed, lives, theta)


def summarise(run_seed: int, seed: int, lives: GridLives, theta: tuple[str, ...]) -> Transfer:
    """Scores and planned comparisons of lives; the resampling depends on the seeds only."""
    bootstrap = Bootstrap.over(
        lives.grid.n_tasks, stream(run_seed, Purpose.BOOTSTRAP, TaskSet.TRANSFER, seed)
    )
    chosen = {name: np.array([t == name for t in theta]) for name in THETAS}
    samples = {name: Sample(lives.gain[rows], lives.span[rows]) for name, rows in chosen.items()}
    return Transfer(
        lives,
        theta,
        scores={name: bootstrap.estimate(sample) for name, sample in samples.items()},
        gains={
            f"learned - {name}": bootstrap.difference(samples["learned"], samples[name])
            for name in ("default", "random")
        },
    )
