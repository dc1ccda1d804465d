"""The two grids of a search: a generation on its fresh tasks, and one point on held-out tasks."""

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from spikeloop.cluster.pool import WorkerPool
from spikeloop.coordinator.config import racing_schedule
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.errors import RunFailed
from spikeloop.coordinator.search import racing
from spikeloop.coordinator.search.evaluation import GridLives, evaluate_grid
from spikeloop.coordinator.stats.bootstrap import Interval
from spikeloop.coordinator.stats.scores import held_out_score
from spikeloop.coordinator.strategies.base import wants_gradient
from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.job import Grid, Job, Population, cut
from spikeloop.workers.seeding import TaskSet

if TYPE_CHECKING:
    from spikeloop.coordinator.search.reporter import Reporter

HELD_OUT_JOBS = 16
"""About so many jobs a held-out score is cut into."""


def live_generation(
    config: RunConfig,
    pool: WorkerPool,
    population: Population,
    generation: int,
    reporter: "Reporter",
    meanwhile: Callable[[], None] = lambda: None,
) -> GridLives:
    """A generation's candidates on its own fresh tasks; RunFailed if too many lives fail.

    ``meanwhile`` is called once while the workers are busy.
    """
    run = config.run
    grid = Grid(
        config.family_at(generation),
        config.learner,
        population,
        n_tasks=run.tasks,
        run_seed=run.seed,
        task_set=TaskSet.SEARCH,
        index=generation,
        common_noise=run.common_noise,
        gradient=wants_gradient(config.strategy),
        progress=(generation - 1) / run.generations,
    )
    n_lives = racing_schedule.n_lives(grid.n_candidates, run.edges)
    reporter.started(f"generation {generation}/{config.run.generations}", n_lives)
    tile = (run.tile_candidates, run.tile_tasks)
    name = f"generation {generation}"
    lives = racing.race(
        pool, grid, run.edges, tile, run.max_failed_share, name, reporter.lived, meanwhile
    )
    _refuse_too_many_failures(config, lives, generation)
    return lives


def live_held_out(
    config: RunConfig, pool: WorkerPool, point: FloatArray, generation: int, reporter: "Reporter"
) -> tuple[GridLives, Interval]:
    """One point on the monitor tasks, which are the same for every generation, and its score."""
    reporter.started("held-out score", config.transfer.monitor_tasks)
    lives = evaluate_grid(pool, held_out_jobs(config, point, generation), reporter.lived)
    return lives, held_out_score(lives.gain[0], lives.span[0], config.run.seed, generation)


def held_out_jobs(config: RunConfig, point: FloatArray, generation: int) -> list[Job]:
    """The held-out lives of one point, in smaller jobs than the search's, to keep workers busy.

    Their size is no function of the number of workers, on which nothing may depend.
    """
    grid = Grid(
        config.family,
        config.learner,
        Explicit(point[None, :]),
        n_tasks=config.transfer.monitor_tasks,
        run_seed=config.run.seed,
        task_set=TaskSet.MONITOR,
        index=0,
        common_noise=config.run.common_noise,
    )
    n_tasks = min(config.run.tile_tasks, -(-grid.n_tasks // HELD_OUT_JOBS))
    return cut(grid, 1, n_tasks, f"generation {generation} held out")


def count_failures(lives: GridLives) -> Counter[str]:
    """Number of failed lives by reason, in words."""
    return Counter(failure.status.words for failure in lives.failures)


def _refuse_too_many_failures(config: RunConfig, lives: GridLives, generation: int) -> None:
    run = config.run
    if np.isfinite(lives.fitness(run.max_failed_share)).any():
        if lives.n_failed <= run.max_failed_share * lives.n_lived:
            return
    elif not lives.failures:
        raise RunFailed(
            f"generation {generation}: on none of its {lives.grid.n_tasks} tasks is there anything "
            "to gain, because chance is as good as the optimum; change [family]"
        )
    reasons = ", ".join(f"{n} {reason}" for reason, n in count_failures(lives).items())
    first = lives.failures[0]
    raise RunFailed(
        f"generation {generation}: {lives.n_failed} of {lives.n_lived} lives failed "
        f"({reasons}), with run.max_failed_share = {run.max_failed_share}; "
        f"the first (candidate {first.tile.c0}, task {first.tile.t0}): {first.message}",
        next((failure.traceback for failure in lives.failures if failure.traceback), ""),
    )
