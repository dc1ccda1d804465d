"""Jobs and results: a tile of the grid candidates × tasks travels to a worker, its result back."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from spikeloop.tasks.base import FloatArray, SeedArray, TaskBatch, TaskFamily
from spikeloop.workers.base import Learner
from spikeloop.workers.seeding import Purpose, TaskSet, seeds, stream


class Population(Protocol):
    """Points that can be produced row by row, so that a worker builds only its own."""

    @property
    def n_candidates(self) -> int:
        """Number of rows."""

    @property
    def nbytes(self) -> int:
        """Bytes that are sent to a worker."""

    def rows(self, start: int = 0, stop: int | None = None) -> FloatArray:
        """Return the (stop - start, n_dim) points of these candidates, by default of all."""


class TaskSource(Protocol):
    """What draws the tasks of a generation in place of the run's random numbers.

    A population may have one as its ``task_source``, where the tasks are the strategy's own, as
    those of a search on a chip are.
    """

    def draw(self, family: TaskFamily, n_tasks: int) -> TaskBatch:
        """Return the tasks, always the same ones."""


@dataclass(frozen=True)
class Grid:
    """All episodes of one evaluation: a population on the same freshly drawn tasks.

    Tasks and seeds are functions of these coordinates, so they are drawn where they are needed and
    never sent.

    Attributes:
        index: the generation for ``TaskSet.SEARCH`` and ``MONITOR``, else a seed of its own.
        common_noise: whether all candidates share the episode seed of a task (common random
            numbers), so that this noise cancels in their ranking; otherwise each episode has its
            own.
        gradient: whether gradients are wanted, from a ``Differentiable`` learner.
        progress: share of the search that is done, in [0, 1); only gradients may depend on it.
    """

    family: TaskFamily
    learner: Learner
    population: Population
    n_tasks: int
    run_seed: int
    task_set: TaskSet
    index: int
    common_noise: bool = True
    gradient: bool = False
    progress: float = 0.0

    @property
    def n_candidates(self) -> int:
        """Rows of the grid."""
        return self.population.n_candidates

    @property
    def n_episodes(self) -> int:
        """Cells of the grid."""
        return self.n_candidates * self.n_tasks

    def tasks(self) -> TaskBatch:
        """Draw the tasks, always the same ones."""
        source: TaskSource | None = getattr(self.population, "task_source", None)
        if source is not None:
            return source.draw(self.family, self.n_tasks)
        rng = stream(self.run_seed, Purpose.TASKS, self.task_set, self.index)
        return self.family.sample(self.n_tasks, rng)

    def seeds(self) -> SeedArray:
        """Return the (n_candidates, n_tasks) seeds of the episodes."""
        n = self.n_tasks if self.common_noise else self.n_episodes
        drawn = seeds(self.run_seed, Purpose.EPISODES, self.task_set, self.index, n=n)
        if self.common_noise:
            return np.broadcast_to(drawn, (self.n_candidates, self.n_tasks))
        return drawn.reshape(self.n_candidates, self.n_tasks)


@dataclass(frozen=True, order=True)
class Tile:
    """A rectangle of a grid: candidates [c0, c1) × tasks [t0, t1)."""

    c0: int
    c1: int
    t0: int
    t1: int

    @property
    def shape(self) -> tuple[int, int]:
        """(candidates, tasks) of the tile."""
        return self.c1 - self.c0, self.t1 - self.t0

    @property
    def n_episodes(self) -> int:
        """Cells of the tile."""
        return (self.c1 - self.c0) * (self.t1 - self.t0)

    def within(self, outer: "Tile") -> tuple[slice, slice]:
        """Return where this tile is in an array with the shape of a tile that contains it."""
        return (
            slice(self.c0 - outer.c0, self.c1 - outer.c0),
            slice(self.t0 - outer.t0, self.t1 - outer.t0),
        )

    def episodes(self) -> Iterator["Tile"]:
        """Yield the single episodes of the tile."""
        for c in range(self.c0, self.c1):
            for t in range(self.t0, self.t1):
                yield Tile(c, c + 1, t, t + 1)


@dataclass(frozen=True)
class Job:
    """A tile of a grid that a worker is to run.

    Attributes:
        name: what it is part of, for people who watch, for example "generation 3".
    """

    grid: Grid
    tile: Tile
    name: str = ""


def cut(
    grid: Grid, n_candidates: int, n_tasks: int, name: str, area: Tile | None = None
) -> list[Job]:
    """Cut a grid into jobs of at most ``n_candidates`` × ``n_tasks`` episodes, in reading order.

    With ``area`` only that part of the grid is cut.
    """
    area = area or Tile(0, grid.n_candidates, 0, grid.n_tasks)
    return [
        Job(
            grid,
            Tile(c, min(c + n_candidates, area.c1), t, min(t + n_tasks, area.t1)),
            name,
        )
        for c in range(area.c0, area.c1, n_candidates)
        for t in range(area.t0, area.t1, n_tasks)
    ]


class Status(IntEnum):
    """How an episode ended."""

    OK = 0
    RAISED = 1
    NOT_FINITE = 2
    WORKER_DIED = 3
    TIMED_OUT = 4
    OUT_OF_MEMORY = 5

    @property
    def words(self) -> str:
        """The status as tables and messages write it, for example "worker died"."""
        return self.name.lower().replace("_", " ")


@dataclass(frozen=True)
class Failure:
    """Why the episodes of a tile failed.

    Attributes:
        message: one line.
        traceback: the learner's own traceback, if there was one.
    """

    tile: Tile
    status: Status
    message: str
    traceback: str = ""


@dataclass(frozen=True)
class JobResult:
    """The result of a tile. All numbers but ``wall_s`` are functions of the job.

    Attributes:
        returns: (candidates, tasks) of the tile; nan where the episode failed.
        curve: (candidates, tasks, n_bins) mean reward per step; nan where the episode failed, and
            without bins where every episode of the tile did.
        status: (candidates, tasks) uint8 values of ``Status``.
        failures: one entry per failed episode.
        n_simulated_steps: interactions simulated.
        gradient: (candidates, n_dim) or None.
        wall_s: seconds spent on episodes.
        worker: which process did it, and on which kernels, as "host:4123:haswell/AVX2/…".
    """

    tile: Tile
    returns: FloatArray
    curve: FloatArray
    status: NDArray[np.uint8]
    n_simulated_steps: int
    failures: tuple[Failure, ...] = ()
    gradient: FloatArray | None = None
    wall_s: float = 0.0
    worker: str = ""


@dataclass(frozen=True)
class Outcome:
    """The outcome of a job, exactly one for each: its result, with the reasons of failed episodes.

    Attributes:
        index: position of the job in the sequence given to the pool.
        attempts: (candidates, tasks) int64, how often each episode was started.
    """

    index: int
    result: JobResult
    attempts: NDArray[np.int64] = field(repr=False)
