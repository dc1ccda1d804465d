"""Episodes that cost nothing: their numbers follow from the grid and the place in it alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from unittest.mock import patch

import numpy as np

from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.workers import actor
from spikeloop.workers.job import Grid, Job, JobResult, Tile
from spikeloop.workers.learners.tabular.learner import TabularTd
from spikeloop.workers.seeding import TaskSet

FAMILY = RandomMdp(n_states=2, n_actions=2, n_steps=2)
LEARNER = TabularTd()

Episode = tuple[int, int, int]
"""Index of the grid, candidate and task: one episode of a whole schedule."""


def grid(index: int, n_candidates: int, n_tasks: int, n_dim: int = 1) -> Grid:
    """A grid; with many dimensions its population takes the way of large values."""
    population = Explicit(np.zeros((n_candidates, n_dim)))
    return Grid(FAMILY, LEARNER, population, n_tasks, 0, TaskSet.SEARCH, index)


def episodes(grid: Grid, tile: Tile) -> tuple[Episode, ...]:
    """The episodes of a tile."""
    return _episodes(grid.index, tile)


def run_episodes(job: Job) -> JobResult:
    """What a worker makes of a job: numbers whose sum depends on the order of adding."""
    grid, tile = job.grid, job.tile
    whole = _returns(grid.run_seed, grid.index, grid.n_candidates, grid.n_tasks)
    returns = whole[tile.c0 : tile.c1, tile.t0 : tile.t1].copy()
    return JobResult(
        tile=tile,
        returns=returns,
        curve=returns[..., None] / 2.0,
        status=np.zeros(tile.shape, dtype=np.uint8),
        n_simulated_steps=tile.n_episodes,
    )


@contextmanager
def cheap_episodes() -> Iterator[None]:
    """Within this block an ``EpisodeWorker`` runs such episodes; all else of it is real."""
    with patch.object(actor, "evaluate", run_episodes):
        yield


@lru_cache(maxsize=64)
def _returns(run_seed: int, index: int, n_candidates: int, n_tasks: int) -> FloatArray:
    return np.random.default_rng((run_seed, index)).lognormal(0.0, 3.0, (n_candidates, n_tasks))


@lru_cache(maxsize=4096)
def _episodes(index: int, tile: Tile) -> tuple[Episode, ...]:
    return tuple((index, one.c0, one.t0) for one in tile.episodes())
