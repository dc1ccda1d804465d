"""Race candidates: after each round of tasks the worse half is eliminated.

There are two races. Within a generation, all candidates meet a first share of its tasks and the
better half meets the rest. Between finalists at the end it is sequential halving: Karnin, Koren,
Somekh 2013, "Almost optimal exploration in multi-armed bandits" (Algorithm 1), except that scores
count all tasks so far and not only the last round's. The cost of a race is known beforehand.

Single candidates are eliminated, never tiles or mirrored pairs, so a race works with every strategy
and none of them knows of it.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from spikeloop.cluster.pool import WorkerPool
from spikeloop.coordinator.config.racing_schedule import half
from spikeloop.coordinator.search.evaluation import GridEpisodes, evaluate_grid
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.job import Grid, Job, Tile, cut


def better_half(fitness: FloatArray, alive: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Choose the better ⌈s / 2⌉ of the s candidates that are alive, (n_candidates,).

    Candidates without a fitness (nan) are the worst; among equals the earlier row is better.
    """
    rows = np.flatnonzero(alive)
    worst_last = np.where(np.isnan(fitness[rows]), np.inf, -fitness[rows])
    stay = rows[np.argsort(worst_last, kind="stable")[: half(rows.size)]]
    better = np.zeros(fitness.shape, dtype=np.bool_)
    better[stay] = True
    return better


def race(
    pool: WorkerPool,
    grid: Grid,
    edges: Sequence[int],
    tile: tuple[int, int],
    max_failed_share: float,
    name: str,
    progress: Callable[[int], None],
    meanwhile: Callable[[], None] = lambda: None,
) -> GridEpisodes:
    """Run a race of the candidates of a grid.

    Args:
        pool: that runs the episodes.
        grid: candidates and tasks.
        edges: increasing; round r is on the tasks from edge r - 1 (or 0) to edge r.
        tile: candidates and tasks of a job at most; it changes no result.
        max_failed_share: as for fitness; a candidate that exceeds it counts as worst.
        name: of the jobs, in messages.
        progress: called with the number of episodes that came in.
        meanwhile: called once while the workers are busy.
    """

    def jobs(alive: NDArray[np.bool_], start: int, stop: int) -> list[Job]:
        return [
            job
            for c0, c1 in _unbroken(alive)
            for job in cut(grid, *tile, name, Tile(c0, c1, start, stop))
        ]

    def following(episodes: GridEpisodes) -> list[Job]:
        done = int(episodes.evaluated.any(axis=0).sum())
        if done == edges[-1]:
            return []
        stop = next(edge for edge in edges if edge > done)
        alive = better_half(episodes.fitness(max_failed_share), episodes.evaluated[:, done - 1])
        return jobs(alive, done, stop)

    first = jobs(np.ones(grid.n_candidates, dtype=np.bool_), 0, edges[0])
    return evaluate_grid(pool, first, progress, following, meanwhile, curves=False)


def fitness(episodes: GridEpisodes, n_first: int, max_failed_share: float) -> FloatArray:
    """Give comparable fitness after a race on the first ``n_first`` tasks, (n_candidates,)."""
    full = episodes.fitness(max_failed_share)
    if n_first == episodes.grid.n_tasks:
        return full
    return corrected(episodes.fitness(max_failed_share, n_first), full, episodes.evaluated[:, -1])


def corrected(first: FloatArray, full: FloatArray, survived: NDArray[np.bool_]) -> FloatArray:
    """Correct the fitness of eliminated candidates for the effect of the further tasks.

    The survivors' fitness is their score f on all tasks. The further tasks may be harder or easier
    than the first ones, for all candidates alike, so an eliminated candidate gets its score f₁ on
    the first tasks plus the mean of f − f₁ over the survivors. Since every survivor's f₁ is at
    least as high,

        f₁ + mean(f − f₁)  ≤  mean(f):

    an eliminated candidate never exceeds the survivors' mean, so the best of a generation is one
    that met all tasks. It may exceed a survivor that fell behind on the further tasks, and should,
    because that one was overrated by the noise of the first tasks. Survivors are selected by that
    noise, so the mean of f − f₁ is a little low and the eliminated are, if anything, rated too low;
    differences among them stay as they are.

    Args:
        first: (n_candidates,) scores on the first tasks, nan without.
        full: (n_candidates,) scores on all tasks that were met, nan without.
        survived: (n_candidates,) which candidates met all tasks.
    """
    both = survived & np.isfinite(first) & np.isfinite(full)
    effect = (full - first)[both].mean() if both.any() else 0.0
    return np.where(survived, full, first + effect)


def _unbroken(alive: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Give [start, stop) of each unbroken sequence of candidates that are alive."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], alive, [False]])))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]
