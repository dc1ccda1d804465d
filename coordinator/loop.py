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
from spikeloop.coordinator.analysis.scores import Estimate, held_out_score
from spikeloop.coordinator.config import RunConfig
from spikeloop.coordinator.errors import RunFailed
from spikeloop.coordinator.lives import GridLives, evaluate_grid
from spikeloop.coordinator.store import RunStore
from spikeloop.coordinator.strategies.base import Evaluation, from_arrays, to_arrays
from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.tasks.base import FloatArray
from spikeloop.workers.job import Grid, Job, Population, cut
from spikeloop.workers.seeding import Purpose, TaskSet, stream

MONITOR_JOBS = 16
"""About so many jobs a held-out score is cut into."""


@dataclass(frozen=True)
class GenerationReport:
    """What people are told of a finished generation.

    Attributes:
        best: fitness of the best candidate on this generation's tasks.
        held_out: score of the recommended point on the monitor tasks, where it was measured.
        failures: number of failed lives by reason, those of the held-out score included.
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
    failures: Counter[str] = Counter()
    if done >= 0:
        state: Any = from_arrays(type(strategy).State, store.state(done))
    else:
        state = begin(config)
        parts = {}
        if monitored:
            lives, _ = _monitor(config, pool, strategy.recommend(state), 0, reporter)
            parts["curves"] = tables.curves_table(lives, 0)
            failures += count_failures(lives)  # told with the first generation
        store.commit(0, parts, to_arrays(state))
        done = 0
    total_lives = store.total_lives()
    for generation in range(done + 1, run.generations + 1):
        started = time.perf_counter()
        population = strategy.ask(state, stream(run.seed, Purpose.ASK, generation))
        lives = _live(config, pool, population, generation, reporter)
        fitness = lives.fitness(run.max_failed_share)
        evaluation = Evaluation(fitness, lives.gradient)
        state = strategy.tell(
            state, population, evaluation, stream(run.seed, Purpose.TELL, generation)
        )
        total_lives += lives.grid.n_lives
        wall_s = time.perf_counter() - started

        parts = {
            "lives": tables.lives_table(lives, generation),
            "candidates": tables.candidates_table(lives, fitness, config.space, generation),
        }
        held_out, held_out_failed = None, None
        failures += count_failures(lives)
        if generation in monitored:
            point = strategy.recommend(state)
            held_out_lives, held_out = _monitor(config, pool, point, generation, reporter)
            parts["curves"] = tables.curves_table(held_out_lives, generation)
            held_out_failed = held_out_lives.n_failed
            failures += count_failures(held_out_lives)
        summary = strategy.summary(state)
        timing = {
            "wall_s": wall_s,
            "work_s": lives.work_s,
            "overhead_s": wall_s - lives.work_s / pool.n_workers,
            "finished": datetime.now(UTC),
        }
        parts["generations"] = tables.generation_table(
            lives, fitness, generation, total_lives, held_out, held_out_failed, summary, timing
        )
        store.commit(generation, parts, to_arrays(state))
        reporter.generation(
            GenerationReport(
                generation,
                float(np.nanmax(fitness)),
                float(np.nanmean(fitness)),
                held_out,
                failures,
                summary,
                wall_s,
            )
        )
        failures = Counter()
    return state


def begin(config: RunConfig) -> Any:
    """The strategy's state before the first generation."""
    space, rng = config.space, stream(config.run.seed, Purpose.INIT)
    start = space.default_point() if config.run.start == "default" else space.sample(1, rng)[0]
    return config.strategy.init(space, start, rng)


def n_candidates(config: RunConfig) -> int:
    """Candidates of a generation."""
    state = begin(config)
    return config.strategy.ask(state, stream(config.run.seed, Purpose.ASK, 1)).n_candidates


def count_failures(lives: GridLives) -> Counter[str]:
    """Number of failed lives by reason, in words."""
    return Counter(failure.status.words for failure in lives.failures)


def _live(
    config: RunConfig, pool: WorkerPool, population: Population, generation: int, reporter: Reporter
) -> GridLives:
    run = config.run
    grid = Grid(
        config.family,
        config.learner,
        population,
        n_tasks=run.tasks,
        run_seed=run.seed,
        task_set=TaskSet.SEARCH,
        index=generation,
        common_noise=run.common_noise,
    )
    reporter.started(f"generation {generation}/{config.run.generations}", grid.n_lives)
    jobs = cut(grid, run.tile_candidates, run.tile_tasks, f"generation {generation},")
    lives = evaluate_grid(pool, jobs, reporter.lived)
    _refuse_too_many_failures(config, lives, generation)
    return lives


def _monitor(
    config: RunConfig, pool: WorkerPool, point: FloatArray, generation: int, reporter: Reporter
) -> tuple[GridLives, Estimate]:
    """The recommended point on the monitor tasks, which are the same for every generation."""
    reporter.started("held-out score", config.transfer.monitor_tasks)
    lives = evaluate_grid(pool, monitor_jobs(config, point, generation), reporter.lived)
    return lives, held_out_score(lives.gain[0], lives.span[0], config.run.seed, generation)


def monitor_jobs(config: RunConfig, point: FloatArray, generation: int) -> list[Job]:
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
    n_tasks = min(config.run.tile_tasks, -(-grid.n_tasks // MONITOR_JOBS))
    return cut(grid, 1, n_tasks, f"generation {generation} held out,")


def _refuse_too_many_failures(config: RunConfig, lives: GridLives, generation: int) -> None:
    run = config.run
    if np.isfinite(lives.fitness(run.max_failed_share)).any():
        if lives.n_failed <= run.max_failed_share * lives.grid.n_lives:
            return
    elif not lives.failures:
        raise RunFailed(
            f"generation {generation}: on none of its {lives.grid.n_tasks} tasks is there anything "
            "to gain, because the random policy is as good as the optimal one; change [family]"
        )
    reasons = ", ".join(f"{n} {reason}" for reason, n in count_failures(lives).items())
    first = lives.failures[0]
    raise RunFailed(
        f"generation {generation}: {lives.n_failed} of {lives.grid.n_lives} lives failed "
        f"({reasons}), with run.max_failed_share = {run.max_failed_share}; "
        f"the first (candidate {first.tile.c0}, task {first.tile.t0}): {first.message}",
        next((failure.traceback for failure in lives.failures if failure.traceback), ""),
    )
