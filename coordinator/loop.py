"""The outer loop: ask, evaluate, tell, commit; then transfer to tasks never seen."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import numpy as np

from spikeloop.cluster.pool import WorkerPool
from spikeloop.coordinator import tables
from spikeloop.coordinator.analysis.statistics import Bootstrap, Estimate, Sample
from spikeloop.coordinator.config import RunConfig
from spikeloop.coordinator.errors import RunFailed
from spikeloop.coordinator.lives import GridLives, evaluate_grid
from spikeloop.coordinator.store import RunStore
from spikeloop.coordinator.strategies.base import Evaluation, from_arrays, to_arrays
from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.workers.job import Grid, Population, cut
from spikeloop.workers.seeding import Purpose, TaskSet, stream

MONITOR_JOBS = 16
"""Jobs that one held-out score is cut into."""


@dataclass(frozen=True)
class GenerationReport:
    """What people are told of a finished generation.

    Attributes:
        best: fitness of the best candidate on this generation's tasks.
        held_out: score of the recommended point on the monitor tasks, where it was measured.
        failures: number of failed lives by reason.
    """

    generation: int
    best: float
    mean: float
    held_out: Estimate | None
    failures: Mapping[str, int]
    summary: Mapping[str, float]
    wall_s: float


class Reporter(Protocol):
    """Whoever shows the progress."""

    def started(self, what: str, n_lives: int) -> None:
        """A grid of ``n_lives`` is on its way."""
        ...

    def lived(self, n_lives: int) -> None:
        """Some of its lives came in."""
        ...

    def generation(self, report: GenerationReport) -> None:
        """A generation was committed."""
        ...


def search(config: RunConfig, pool: WorkerPool, store: RunStore, reporter: Reporter) -> Any:
    """Runs all generations that are still to come and commits each.

    Returns:
        The strategy's last state.

    Raises:
        RunFailed: if more than ``run.max_failed_share`` of a generation's lives fail.
        Interrupted: after a signal; what was committed stays.
    """
    strategy, run = config.strategy, config.run
    monitored = config.transfer.monitored(run.generations)
    done = store.generation()
    if done >= 0:
        state: Any = from_arrays(type(strategy).State, store.state(done))
    else:
        state = strategy.init(config.space, stream(run.seed, Purpose.INIT))
        parts = {}
        if monitored:
            lives, _ = _monitor(config, pool, strategy.recommend(state), 0, reporter)
            parts["curves"] = tables.curves_table(lives, 0)
        store.commit(0, parts, to_arrays(state))
        done = 0
    total_lives = store.total_lives()
    for generation in range(done + 1, run.generations + 1):
        started = time.perf_counter()
        population = strategy.ask(state, stream(run.seed, Purpose.ASK, generation))
        lives = _live(config, pool, population, generation, reporter)
        evaluation = Evaluation(lives.fitness, lives.gradient)
        state = strategy.tell(
            state, population, evaluation, stream(run.seed, Purpose.TELL, generation)
        )
        total_lives += lives.grid.n_lives
        wall_s = time.perf_counter() - started

        parts = {
            "lives": tables.lives_table(lives, generation),
            "candidates": tables.candidates_table(lives, config.space, generation),
        }
        held_out = None
        if generation in monitored:
            point = strategy.recommend(state)
            held_out_lives, held_out = _monitor(config, pool, point, generation, reporter)
            parts["curves"] = tables.curves_table(held_out_lives, generation)
        summary = strategy.summary(state)
        timing = {
            "wall_s": wall_s,
            "work_s": lives.work_s,
            "overhead_s": wall_s - lives.work_s / pool.n_workers,
            "finished": datetime.now(UTC),
        }
        parts["generations"] = tables.generation_table(
            lives, generation, total_lives, held_out, summary, timing
        )
        store.commit(generation, parts, to_arrays(state))
        reporter.generation(
            GenerationReport(
                generation,
                float(np.nanmax(lives.fitness)),
                float(np.nanmean(lives.fitness)),
                held_out,
                count_failures(lives),
                summary,
                wall_s,
            )
        )
    return state


def count_failures(lives: GridLives) -> dict[str, int]:
    """Number of failed lives by reason, in words."""
    return dict(Counter(failure.status.words for failure in lives.failures))


def search_grid(config: RunConfig, population: Population, generation: int) -> Grid:
    """The grid of a generation: its population on its own freshly drawn tasks."""
    return Grid(
        config.family,
        config.learner,
        population,
        n_tasks=config.run.tasks,
        run_seed=config.run.seed,
        task_set=TaskSet.SEARCH,
        index=generation,
        common_noise=config.run.common_noise,
    )


def _live(
    config: RunConfig, pool: WorkerPool, population: Population, generation: int, reporter: Reporter
) -> GridLives:
    grid = search_grid(config, population, generation)
    reporter.started(f"generation {generation}/{config.run.generations}", grid.n_lives)
    tile = (config.run.tile_candidates, config.run.tile_tasks)
    jobs = cut(grid, *tile, f"generation {generation},")
    lives = evaluate_grid(pool, jobs, reporter.lived)
    _refuse_too_many_failures(config, lives, generation)
    return lives


def _monitor(
    config: RunConfig, pool: WorkerPool, point: Any, generation: int, reporter: Reporter
) -> tuple[GridLives, Estimate]:
    """The recommended point on the monitor tasks, which are the same for every generation."""
    run = config.run
    grid = Grid(
        config.family,
        config.learner,
        Explicit(point[None, :]),
        n_tasks=config.transfer.monitor_tasks,
        run_seed=run.seed,
        task_set=TaskSet.MONITOR,
        index=0,
        common_noise=run.common_noise,
    )
    reporter.started("held-out score", grid.n_lives)
    name = f"generation {generation} held out,"
    # Few lives in all, so smaller tiles than the search's keep the workers busy; not a function of
    # their number, on which nothing may depend.
    n_tasks = min(run.tile_tasks, -(-grid.n_tasks // MONITOR_JOBS))
    lives = evaluate_grid(pool, cut(grid, 1, n_tasks, name), reporter.lived)
    rng = stream(run.seed, Purpose.BOOTSTRAP, TaskSet.MONITOR, generation)
    bootstrap = Bootstrap.over(grid.n_tasks, rng, n_resamples=2000)
    return lives, bootstrap.estimate(Sample(lives.gain, lives.span))


def _refuse_too_many_failures(config: RunConfig, lives: GridLives, generation: int) -> None:
    share = lives.n_failed / lives.grid.n_lives
    if share <= config.run.max_failed_share and np.isfinite(lives.fitness).any():
        return
    reasons = ", ".join(f"{n} {reason}" for reason, n in count_failures(lives).items())
    first = lives.failures[0]
    raise RunFailed(
        f"generation {generation}: {lives.n_failed} of {lives.grid.n_lives} lives failed "
        f"({reasons}), more than run.max_failed_share = {config.run.max_failed_share}; "
        f"the first (candidate {first.tile.c0}, task {first.tile.t0}): {first.message}",
        next((failure.traceback for failure in lives.failures if failure.traceback), ""),
    )
