"""Evaluating a grid on a pool, and what its lives add up to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from spikeloop.cluster.pool import WorkerPool
from spikeloop.coordinator.analysis.scores import score
from spikeloop.tasks.base import FloatArray, References
from spikeloop.workers.evaluate import assemble
from spikeloop.workers.job import Failure, Grid, Job, Outcome, Status, Tile


@dataclass(frozen=True)
class GridLives:
    """All lives of a grid, put in place by index, never by arrival.

    Attributes:
        references: of the n_tasks tasks.
        returns: (n_candidates, n_tasks), nan where a life failed.
        curve: (n_candidates, n_tasks, n_bins) mean reward per step.
        status: (n_candidates, n_tasks) values of ``Status``.
        attempts: (n_candidates, n_tasks) how often each life was started; 0 if it was not wanted.
        workers: (n_candidates, n_tasks) where it was lived.
        failures: one per failed life, in reading order.
        n_simulated_steps: interactions simulated.
        work_s: seconds that workers spent living.
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
    def lived(self) -> NDArray[np.bool_]:
        """(n_candidates, n_tasks) which lives were wanted."""
        return self.attempts > 0

    @cached_property
    def ok(self) -> NDArray[np.bool_]:
        """(n_candidates, n_tasks) which lives count."""
        counted: NDArray[np.bool_] = self.lived & (self.status == Status.OK)
        return counted

    @cached_property
    def gain(self) -> FloatArray:
        """(n_candidates, n_tasks) return above the random policy; 0 for failed lives."""
        return np.where(self.ok, self.returns - self.references.random, 0.0)

    @cached_property
    def span(self) -> FloatArray:
        """(n_candidates, n_tasks) optimal minus random return; 0 for failed lives."""
        return np.where(self.ok, self.references.optimal - self.references.random, 0.0)

    def fitness(self, max_failed_share: float, n_tasks: int | None = None) -> FloatArray:
        """(n_candidates,) score Σ gain / Σ span over the lives that count.

        It is nan, which means without weight, for a candidate of which no life counts, and for one
        that fails in more than ``max_failed_share`` of its lives: by failing on hard tasks it
        would be compared on easy ones.

        Args:
            max_failed_share: of a candidate's lives.
            n_tasks: count lives on the first so many tasks only.
        """
        lived, ok = self.lived[:, :n_tasks], self.ok[:, :n_tasks]
        gain, span = self.gain[:, :n_tasks], self.span[:, :n_tasks]
        share = (lived & ~ok).sum(axis=1) / lived.sum(axis=1).clip(min=1)
        fitness = score(gain.sum(axis=1), span.sum(axis=1))
        return np.where(share <= max_failed_share, fitness, np.nan)

    @property
    def n_lived(self) -> int:
        """Lives that were wanted."""
        return int(self.lived.sum())

    @property
    def n_failed(self) -> int:
        """Lives that were wanted and do not count."""
        return int((self.lived & ~self.ok).sum())


def evaluate_grid(
    pool: WorkerPool,
    jobs: Sequence[Job],
    progress: Callable[[int], None] = lambda n_lives: None,
    following: Callable[[GridLives], Sequence[Job]] = lambda lives: (),
) -> GridLives:
    """Lives the jobs of one grid.

    Args:
        pool: where.
        jobs: tiles of the grid that do not overlap; usually they cover it.
        progress: called with the number of lives that each outcome brings.
        following: which further jobs of the grid to do, given all lives so far; asked again after
            those until there are none.
    """
    grid = jobs[0].grid
    complete: list[Outcome] = []
    references = None
    while jobs:
        outcomes: list[Outcome | None] = [None] * len(jobs)
        for outcome in pool.run(jobs):
            outcomes[outcome.index] = outcome
            # Computed while the workers are busy, so that it costs a generation no time.
            if references is None:
                with pool.stop.raising():
                    references = grid.tasks().references()
            progress(jobs[outcome.index].tile.n_lives)
        came = [outcome for outcome in outcomes if outcome is not None]
        if references is None or len(came) != len(jobs):
            raise RuntimeError(f"the pool gave {len(came)} outcomes for {len(jobs)} jobs")
        complete += came
        lives = _join(grid, references, complete)
        jobs = following(lives)
    return lives


def _join(grid: Grid, references: References, outcomes: list[Outcome]) -> GridLives:
    whole = Tile(0, grid.n_candidates, 0, grid.n_tasks)
    result = assemble(whole, [outcome.result for outcome in outcomes])
    attempts = np.zeros(whole.shape, dtype=np.int64)
    workers = np.full(whole.shape, "", dtype=object)
    for outcome in outcomes:
        place = outcome.result.tile.within(whole)
        attempts[place], workers[place] = outcome.attempts, outcome.result.worker
    return GridLives(
        grid,
        references,
        result.returns,
        # Lives that all failed have no curve; one bin of nan keeps the shapes.
        result.curve if result.curve.size else np.full((*whole.shape, 1), np.nan),
        result.status,
        attempts,
        workers,
        result.failures,
        result.n_simulated_steps,
        result.wall_s,
        result.gradient,
    )
