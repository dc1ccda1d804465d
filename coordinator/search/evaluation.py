"""Evaluate a grid of candidates and tasks on a pool, and add its episodes up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from spikeloop.cluster.pool import WorkerPool
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.stats.scores import gain_and_span, score
from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.tasks.base import FloatArray, References
from spikeloop.workers.evaluate import mean_gradient
from spikeloop.workers.job import Failure, Grid, Job, Outcome, Status, Tile
from spikeloop.workers.seeding import TaskSet

HELD_OUT = {TaskSet.MONITOR, TaskSet.TRANSFER}
"""Tasks that are drawn from the family, and on which the learner runs, of held-out episodes."""


def grid_of(
    config: RunConfig,
    points: FloatArray,
    n_tasks: int,
    task_set: TaskSet,
    index: int,
    gradient: bool = False,
) -> Grid:
    """Give the grid of one point or several on tasks of a run.

    With more tasks, the first ones stay the same. So do the seeds of episodes with more points, and
    with common noise also those with more tasks.

    Args:
        config: of the run.
        points: (n_dim,) or (n_points, n_dim).
        n_tasks: how many tasks.
        task_set: what the tasks are for; those of different sets are independent.
        index: which tasks of the set.
        gradient: whether gradients are wanted.
    """
    held_out = task_set in HELD_OUT
    return Grid(
        config.held_out_family if held_out else config.family,
        config.held_out_learner if held_out else config.learner,
        Explicit(np.atleast_2d(points)),
        n_tasks,
        config.run.seed,
        task_set,
        index,
        config.run.common_noise,
        gradient,
    )


@dataclass(frozen=True)
class GridEpisodes:
    """All episodes of a grid, placed by index and never by arrival.

    Attributes:
        references: of the n_tasks tasks.
        returns: (n_candidates, n_tasks), nan where an episode failed.
        curve: (n_candidates, n_tasks, n_bins) mean reward per step.
        status: (n_candidates, n_tasks) values of ``Status``.
        attempts: (n_candidates, n_tasks) starts of each episode; 0 if it was not wanted.
        workers: (n_candidates, n_tasks) names of the workers that ran them.
        failures: one per failed episode, in reading order.
        n_simulated_steps: interactions simulated.
        work_s: seconds that workers spent on episodes.
        gradient: (n_candidates, n_dim) mean over the tiles' gradients, or None.
    """

    grid: Grid
    references: References
    returns: FloatArray
    curve: FloatArray
    status: NDArray[np.uint8]
    attempts: NDArray[np.int64]
    workers: NDArray[np.object_]
    failures: tuple[Failure, ...]
    n_simulated_steps: int
    work_s: float
    gradient: FloatArray | None = None

    @cached_property
    def evaluated(self) -> NDArray[np.bool_]:
        """Which episodes were wanted, (n_candidates, n_tasks)."""
        return self.attempts > 0

    @cached_property
    def ok(self) -> NDArray[np.bool_]:
        """Which episodes count, (n_candidates, n_tasks)."""
        ok: NDArray[np.bool_] = self.evaluated & (self.status == Status.OK)
        return ok

    @cached_property
    def gain(self) -> FloatArray:
        """Return above the random policy, (n_candidates, n_tasks); 0 for failed episodes."""
        return gain_and_span(self.returns, self.references, self.ok)[0]

    @cached_property
    def span(self) -> FloatArray:
        """Optimal minus random return, (n_candidates, n_tasks); 0 for failed episodes."""
        return gain_and_span(self.returns, self.references, self.ok)[1]

    def fitness(self, max_failed_share: float, n_tasks: int | None = None) -> FloatArray:
        """Score Σ gain / Σ span over the episodes that count, (n_candidates,).

        It is nan, which means without weight, for a candidate without any such episode, and for
        one that fails in more than ``max_failed_share`` of its episodes: by failing on hard tasks
        it would be compared on easy ones.

        Args:
            max_failed_share: of a candidate's episodes.
            n_tasks: count episodes on the first so many tasks only.
        """
        evaluated, ok = self.evaluated[:, :n_tasks], self.ok[:, :n_tasks]
        gain, span = self.gain[:, :n_tasks], self.span[:, :n_tasks]
        share = (evaluated & ~ok).sum(axis=1) / evaluated.sum(axis=1).clip(min=1)
        fitness = score(gain.sum(axis=1), span.sum(axis=1))
        return np.where(share <= max_failed_share, fitness, np.nan)

    @property
    def n_evaluated(self) -> int:
        """Number of episodes that were wanted."""
        return int(self.evaluated.sum())

    @property
    def n_failed(self) -> int:
        """Number of episodes that were wanted and failed."""
        return int((self.evaluated & ~self.ok).sum())


def evaluate_grid(
    pool: WorkerPool,
    jobs: Sequence[Job],
    progress: Callable[[int], None] = lambda n_episodes: None,
    following: Callable[[GridEpisodes], Sequence[Job]] = lambda episodes: (),
    meanwhile: Callable[[], None] = lambda: None,
    curves: bool = True,
) -> GridEpisodes:
    """Run the jobs of one grid.

    Args:
        pool: that runs them.
        jobs: tiles of the grid that do not overlap; usually they cover it.
        progress: called with the number of episodes that each outcome brings.
        following: gives further jobs of the grid from all episodes so far, until there are none.
        meanwhile: called once while the workers are busy, so that it costs no time.
        curves: whether the learning curves are wanted.
    """
    results = _Results(jobs[0].grid, curves)
    references = None
    while jobs:
        came: set[int] = set()
        for outcome in pool.run(jobs):
            if outcome.index in came:
                raise RuntimeError(f"the pool gave two outcomes for job {outcome.index}")
            came.add(outcome.index)
            results.add(outcome)
            if references is None:  # here, because the workers are busy now
                with pool.stop.raising():
                    references = results.grid.tasks().references()
                meanwhile()
            progress(jobs[outcome.index].tile.n_episodes)
        if references is None or len(came) != len(jobs):
            raise RuntimeError(f"the pool gave {len(came)} outcomes for {len(jobs)} jobs")
        episodes = results.episodes(references)
        jobs = following(episodes)
    return episodes


class _Results:
    """Results of a grid, placed as they arrive; curves are kept only if they are wanted."""

    def __init__(self, grid: Grid, curves: bool) -> None:
        shape = (grid.n_candidates, grid.n_tasks)
        self.grid = grid
        self._returns = np.full(shape, np.nan)
        self._status = np.full(shape, Status.RAISED, dtype=np.uint8)
        self._attempts = np.zeros(shape, dtype=np.int64)
        self._workers = np.full(shape, "", dtype=object)
        # Without a successful episode there is no curve; one bin of nan keeps the shapes.
        self._curve: FloatArray = np.full((*shape, 1), np.nan)
        self._curves = curves
        self._failures: list[Failure] = []
        self._gradients: list[tuple[Tile, FloatArray]] = []
        self._n_simulated_steps = 0
        self._work_s = 0.0

    def add(self, outcome: Outcome) -> None:
        """Place the results of a job."""
        result = outcome.result
        area = result.tile.within(self._whole)
        self._returns[area], self._status[area] = result.returns, result.status
        self._attempts[area], self._workers[area] = outcome.attempts, result.worker
        n_bins = result.curve.shape[2]
        if self._curves and n_bins:
            if (more := n_bins - self._curve.shape[2]) > 0:
                wider = ((0, 0), (0, 0), (0, more))
                self._curve = np.pad(self._curve, wider, constant_values=np.nan)
            self._curve[area][..., :n_bins] = result.curve
        self._failures += result.failures
        if result.gradient is not None:
            self._gradients.append((result.tile, result.gradient))
        self._n_simulated_steps += result.n_simulated_steps
        self._work_s += result.wall_s

    def episodes(self, references: References) -> GridEpisodes:
        """Give all episodes so far."""
        return GridEpisodes(
            self.grid,
            references,
            self._returns.copy(),
            self._curve.copy(),
            self._status.copy(),
            self._attempts.copy(),
            self._workers.copy(),
            tuple(sorted(self._failures, key=lambda failure: failure.tile)),
            self._n_simulated_steps,
            self._work_s,
            # Floating-point sums depend on their order, which must not be that of arrival.
            mean_gradient(self._whole, sorted(self._gradients, key=lambda part: part[0])),
        )

    @property
    def _whole(self) -> Tile:
        return Tile(0, self.grid.n_candidates, 0, self.grid.n_tasks)
