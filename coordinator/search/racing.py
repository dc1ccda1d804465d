"""Racing: after each round of tasks the worse half of the candidates leaves.

Two races are run this way. Within a generation, all candidates meet a first share of its tasks and
the better half meets the rest. Between finalists at the end it is sequential halving: Karnin,
Koren, Somekh 2013, "Almost optimal exploration in multi-armed bandits" (Algorithm 1), except that
scores count all tasks so far and not only the last round's. What a race costs is known beforehand.

Single candidates leave, never tiles or mirrored pairs: a race serves every strategy, and none of
them is told of it.
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
    """(n_candidates,) the better ⌈s / 2⌉ of the s that are alive.

    Those without a fitness (nan) are the worst; among equals the earlier row is better.
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
    """Episodes a race of the candidates of a grid.

    Args:
        pool: where.
        grid: candidates and tasks.
        edges: increasing; round r is about the tasks from edge r - 1 (or 0) to edge r.
        tile: candidates and tasks of a job at most; it changes no result.
        max_failed_share: as for fitness; who exceeds it counts as worst.
        name: what the jobs are part of, for people.
        progress: called with the number of episodes that came in.
        meanwhile: called once while the workers are busy.
    """

    def jobs(alive: NDArray[np.bool_], start: int, stop: int) -> list[Job]:
        return [
            job
            for c0, c1 in _stretches(alive)
            for job in cut(grid, *tile, name, Tile(c0, c1, start, stop))
        ]

    def following(episodes: GridEpisodes) -> list[Job]:
        done = int(episodes.episodes_done.any(axis=0).sum())
        if done == edges[-1]:
            return []
        stop = next(edge for edge in edges if edge > done)
        alive = better_half(episodes.fitness(max_failed_share), episodes.episodes_done[:, done - 1])
        return jobs(alive, done, stop)

    everyone = np.ones(grid.n_candidates, dtype=np.bool_)
    first = jobs(everyone, 0, edges[0])
    return evaluate_grid(pool, first, progress, following, meanwhile, curves=False)


def fitness(episodes: GridEpisodes, n_first: int, max_failed_share: float) -> FloatArray:
    """(n_candidates,) comparable fitness after a race within a generation; nan as ever.

    Args:
        episodes: all candidates on the first ``n_first`` tasks, the better half on all.
        n_first: tasks of the first round; without a race all of them.
        max_failed_share: of a candidate's episodes, beyond which it has no fitness.
    """
    full = episodes.fitness(max_failed_share)
    if n_first == episodes.grid.n_tasks:
        return full
    return corrected(
        episodes.fitness(max_failed_share, n_first), full, episodes.episodes_done[:, -1]
    )


def corrected(first: FloatArray, full: FloatArray, survived: NDArray[np.bool_]) -> FloatArray:
    """(n_candidates,) fitness with the eliminated ones lifted by the effect of the further tasks.

    The survivors' fitness is their score f on all tasks. The further tasks may be harder or easier
    than the first ones, for everybody; so an eliminated candidate gets its score f₁ on the first
    tasks plus the mean of f − f₁ over the survivors. Since every survivor's f₁ is at least as high,

        f₁ + mean(f − f₁)  ≤  mean(f):

    an eliminated candidate never exceeds the survivors' mean, so the best of a generation is one
    that met all tasks. It may come to stand above a survivor that fell behind on the further tasks,
    and should: that one was lucky first. Survivors are selected for luck on the first tasks, so the
    mean of f − f₁ is a little low and the eliminated are, if anything, rated too low; differences
    among them stay as they are.

    Args:
        first: (n_candidates,) scores on the first tasks, nan without.
        full: (n_candidates,) scores on all tasks run, nan without.
        survived: (n_candidates,) who met all tasks.
    """
    both = survived & np.isfinite(first) & np.isfinite(full)
    effect = (full - first)[both].mean() if both.any() else 0.0
    return np.where(survived, full, first + effect)


def _stretches(alive: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """[start, stop) of each unbroken row of candidates that are alive."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], alive, [False]])))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]
