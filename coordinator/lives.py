"""Evaluating a grid on a pool, and what its lives add up to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from spikeloop.cluster.pool import WorkerPool
from spikeloop.coordinator.analysis.statistics import score
from spikeloop.tasks.base import FloatArray, References
from spikeloop.workers.job import Failure, Grid, Job, Outcome, Status


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

    @cached_property
    def fitness(self) -> FloatArray:
        """(n_candidates,) score Σ gain / Σ span over the lives that count; nan without any."""
        return score(self.gain.sum(axis=1), self.span.sum(axis=1))

    @property
    def n_failed(self) -> int:
        """Lives that were wanted and do not count."""
        return int((self.lived & ~self.ok).sum())


def evaluate_grid(
    pool: WorkerPool,
    jobs: Sequence[Job],
    progress: Callable[[int], None] = lambda n_lives: None,
) -> GridLives:
    """Lives the jobs of one grid.

    Args:
        pool: where.
        jobs: tiles of the grid that do not overlap; usually they cover it.
        progress: called with the number of lives that each outcome brings.
    """
    grid = jobs[0].grid
    outcomes: list[Outcome | None] = [None] * len(jobs)
    references = None
    for outcome in pool.run(jobs):
        outcomes[outcome.index] = outcome
        # Computed while the workers are busy, so that it costs a generation no time.
        references = references or grid.tasks().references()
        progress(jobs[outcome.index].tile.n_lives)
    complete = [outcome for outcome in outcomes if outcome is not None]
    if references is None or len(complete) != len(jobs):
        raise RuntimeError(f"the pool gave {len(complete)} outcomes for {len(jobs)} jobs")
    return _join(grid, references, complete)


def _join(grid: Grid, references: References, outcomes: list[Outcome]) -> GridLives:
    shape = (grid.n_candidates, grid.n_tasks)
    # Lives that all failed have no curve; one bin of nan keeps the shapes.
    n_bins = max(1, *(outcome.result.curve.shape[2] for outcome in outcomes))
    returns = np.full(shape, np.nan)
    curve = np.full((*shape, n_bins), np.nan)
    status = np.zeros(shape, dtype=np.uint8)
    attempts = np.zeros(shape, dtype=np.int64)
    workers = np.full(shape, "", dtype=object)
    for outcome in outcomes:
        result, tile = outcome.result, outcome.result.tile
        place = (slice(tile.c0, tile.c1), slice(tile.t0, tile.t1))
        returns[place], status[place] = result.returns, result.status
        curve[place][..., : result.curve.shape[2]] = result.curve
        attempts[place], workers[place] = outcome.attempts, result.worker
    failures = [failure for outcome in outcomes for failure in outcome.result.failures]
    return GridLives(
        grid,
        references,
        returns,
        curve,
        status,
        attempts,
        workers,
        failures=tuple(sorted(failures, key=lambda failure: failure.tile)),
        n_simulated_steps=sum(outcome.result.n_simulated_steps for outcome in outcomes),
        work_s=sum(outcome.result.wall_s for outcome in outcomes),
        gradient=_mean_gradient(grid, outcomes),
    )


def _mean_gradient(grid: Grid, outcomes: list[Outcome]) -> FloatArray | None:
    """Mean over tasks of the tiles' gradients, each weighted by its number of tasks."""
    if any(outcome.result.gradient is None for outcome in outcomes):
        return None
    total: FloatArray | None = None
    for outcome in outcomes:
        tile, gradient = outcome.result.tile, outcome.result.gradient
        assert gradient is not None
        if total is None:
            total = np.zeros((grid.n_candidates, gradient.shape[1]))
        total[tile.c0 : tile.c1] += gradient * (tile.t1 - tile.t0) / grid.n_tasks
    return total
