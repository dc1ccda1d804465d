"""Evaluating a grid on a pool, and what its episodes add up to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from spikeloop.cluster.pool import WorkerPool
from spikeloop.coordinator.stats.scores import score
from spikeloop.tasks.base import FloatArray, References
from spikeloop.workers.evaluate import mean_gradient
from spikeloop.workers.job import Failure, Grid, Job, Outcome, Status, Tile


@dataclass(frozen=True)
class GridEpisodes:
    """All episodes of a grid, put in place by index, never by arrival.

    Attributes:
        references: of the n_tasks tasks.
        returns: (n_candidates, n_tasks), nan where an episode failed.
        curve: (n_candidates, n_tasks, n_bins) mean reward per step.
        status: (n_candidates, n_tasks) values of ``Status``.
        attempts: (n_candidates, n_tasks) how often each episode was started; 0 if it was not
            wanted.
        workers: (n_candidates, n_tasks) where it was run.
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
    def episodes_done(self) -> NDArray[np.bool_]:
        """(n_candidates, n_tasks) which episodes were wanted."""
        return self.attempts > 0

    @cached_property
    def ok(self) -> NDArray[np.bool_]:
        """(n_candidates, n_tasks) which episodes count."""
        counted: NDArray[np.bool_] = self.episodes_done & (self.status == Status.OK)
        return counted

    @cached_property
    def gain(self) -> FloatArray:
        """(n_candidates, n_tasks) return above the random policy; 0 for failed episodes."""
        return np.where(self.ok, self.returns - self.references.random, 0.0)

    @cached_property
    def span(self) -> FloatArray:
        """(n_candidates, n_tasks) optimal minus random return; 0 for failed episodes."""
        return np.where(self.ok, self.references.optimal - self.references.random, 0.0)

    def fitness(self, max_failed_share: float, n_tasks: int | None = None) -> FloatArray:
        """(n_candidates,) score Σ gain / Σ span over the episodes that count.

        It is nan, which means without weight, for a candidate of which no episode counts, and for
        one that fails in more than ``max_failed_share`` of its episodes: by failing on hard tasks
        it would be compared on easy ones.

        Args:
            max_failed_share: of a candidate's episodes.
            n_tasks: count episodes on the first so many tasks only.
        """
        episodes_done, ok = self.episodes_done[:, :n_tasks], self.ok[:, :n_tasks]
        gain, span = self.gain[:, :n_tasks], self.span[:, :n_tasks]
        share = (episodes_done & ~ok).sum(axis=1) / episodes_done.sum(axis=1).clip(min=1)
        fitness = score(gain.sum(axis=1), span.sum(axis=1))
        return np.where(share <= max_failed_share, fitness, np.nan)

    @property
    def n_episodes_done(self) -> int:
        """Episodes that were wanted."""
        return int(self.episodes_done.sum())

    @property
    def n_failed(self) -> int:
        """Episodes that were wanted and do not count."""
        return int((self.episodes_done & ~self.ok).sum())


def evaluate_grid(
    pool: WorkerPool,
    jobs: Sequence[Job],
    progress: Callable[[int], None] = lambda n_episodes: None,
    following: Callable[[GridEpisodes], Sequence[Job]] = lambda episodes: (),
    meanwhile: Callable[[], None] = lambda: None,
    curves: bool = True,
) -> GridEpisodes:
    """Episodes the jobs of one grid.

    Args:
        pool: where.
        jobs: tiles of the grid that do not overlap; usually they cover it.
        progress: called with the number of episodes that each outcome brings.
        following: which further jobs of the grid to do, given all episodes so far; asked again
            after those until there are none.
        meanwhile: called once while the workers are busy, so that it costs no time.
        curves: whether the learning curves are wanted.
    """
    gathered = _Gathered(jobs[0].grid, curves)
    references = None
    while jobs:
        came: set[int] = set()
        for outcome in pool.run(jobs):
            if outcome.index in came:
                raise RuntimeError(f"the pool gave two outcomes for job {outcome.index}")
            came.add(outcome.index)
            gathered.add(outcome)
            if references is None:  # here, because the workers are busy now
                with pool.stop.raising():
                    references = gathered.grid.tasks().references()
                meanwhile()
            progress(jobs[outcome.index].tile.n_episodes)
        if references is None or len(came) != len(jobs):
            raise RuntimeError(f"the pool gave {len(came)} outcomes for {len(jobs)} jobs")
        episodes = gathered.episodes(references)
        jobs = following(episodes)
    return episodes


class _Gathered:
    """Results put in their places as they arrive.

    Args:
        grid: of all of them.
        curves: whether the learning curves are kept.
    """

    def __init__(self, grid: Grid, curves: bool) -> None:
        shape = (grid.n_candidates, grid.n_tasks)
        self.grid = grid
        self._returns = np.full(shape, np.nan)
        self._status = np.full(shape, Status.RAISED, dtype=np.uint8)
        self._attempts = np.zeros(shape, dtype=np.int64)
        self._workers = np.full(shape, "", dtype=object)
        # Episodes that all failed have no curve; one bin of nan keeps the shapes.
        self._curve: FloatArray = np.full((*shape, 1), np.nan)
        self._curves = curves
        self._failures: list[Failure] = []
        self._gradients: list[tuple[Tile, FloatArray]] = []
        self._n_simulated_steps = 0
        self._work_s = 0.0

    def add(self, outcome: Outcome) -> None:
        """Takes one in."""
        result = outcome.result
        place = result.tile.within(self._whole)
        self._returns[place], self._status[place] = result.returns, result.status
        self._attempts[place], self._workers[place] = outcome.attempts, result.worker
        n_bins = result.curve.shape[2]
        if self._curves and n_bins:
            if (more := n_bins - self._curve.shape[2]) > 0:
                wider = ((0, 0), (0, 0), (0, more))
                self._curve = np.pad(self._curve, wider, constant_values=np.nan)
            self._curve[place][..., :n_bins] = result.curve
        self._failures += result.failures
        if result.gradient is not None:
            self._gradients.append((result.tile, result.gradient))
        self._n_simulated_steps += result.n_simulated_steps
        self._work_s += result.wall_s

    def episodes(self, references: References) -> GridEpisodes:
        """All so far."""
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
