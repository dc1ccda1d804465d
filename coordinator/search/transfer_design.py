"""Choose which points meet which held-out tasks in a transfer evaluation."""

import numpy as np

from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.config.transfer_settings import TransferSettings
from spikeloop.coordinator.search.evaluation import grid_of
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.job import Grid, Job, Tile, cut
from spikeloop.workers.seeding import Purpose, TaskSet, stream

THETAS = ("default", "random", "learned")


def transfer_areas(settings: TransferSettings) -> list[Tile]:
    """Give the parts of the grid that are evaluated; rows: default, learned, then random points.

    Default and learned point meet all tasks. The spread between random points is much larger than
    that between tasks, so an interval needs many points: points and tasks are cut into as many
    blocks, and block k of the points meets block k of the tasks (a balanced design: all tasks are
    met, and nearly equally often).
    """
    n, n_random = settings.tasks, settings.random_points
    n_blocks = -(-n // settings.random_tasks)
    areas = [Tile(0, 2, 0, n)]
    for k in range(n_blocks):
        rows, tasks = ([total * edge // n_blocks for edge in (k, k + 1)] for total in (n_random, n))
        areas.append(Tile(2 + rows[0], 2 + rows[1], *tasks))
    return areas


def transfer_size(settings: TransferSettings) -> int:
    """Count the episodes of a transfer evaluation."""
    return sum(area.n_episodes for area in transfer_areas(settings))


def transfer_theta(settings: TransferSettings) -> tuple[str, ...]:
    """Name the element of ``THETAS`` that each row of the grid belongs to."""
    return ("default", "learned", *["random"] * settings.random_points)


def transfer_grid(config: RunConfig, settings: TransferSettings, learned: FloatArray) -> Grid:
    """Give the grid of all points and all held-out tasks, of which ``transfer_areas`` are run."""
    space = config.space
    rng = stream(config.run.seed, Purpose.RANDOM_POINTS, TaskSet.TRANSFER, settings.seed)
    random = space.sample(settings.random_points, rng)
    points = np.vstack([space.default_point(), learned, random])
    return grid_of(config, points, settings.tasks, TaskSet.TRANSFER, settings.seed)


def transfer_jobs(config: RunConfig, settings: TransferSettings, learned: FloatArray) -> list[Job]:
    """Cut the held-out episodes into jobs."""
    grid = transfer_grid(config, settings, learned)
    tile = (config.run.tile_candidates, config.run.tile_tasks)
    return [job for area in transfer_areas(settings) for job in cut(grid, *tile, "transfer", area)]
