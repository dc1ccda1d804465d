"""A dry run: what a configuration would evaluate, and how long that will take here.

The very target of the run is started and given a few of its own tiles, so that start-up, dispatch
and the workers' competition for the machine are in the estimate. Nothing is written.
"""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from spikeloop.cluster.pool import WorkerPool
from spikeloop.cluster.progress import ShowLine, show_nothing
from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.errors import RunFailed
from spikeloop.coordinator.search.deployment import race_size
from spikeloop.coordinator.search.evaluation import GridLives, evaluate_grid
from spikeloop.coordinator.search.generation import held_out_jobs
from spikeloop.coordinator.search.loop import generation_lives, max_generations, n_candidates
from spikeloop.coordinator.search.run_session import warm_up_job
from spikeloop.coordinator.search.transfer import transfer_size
from spikeloop.coordinator.strategies.base import wants_gradient
from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.workers.job import Grid, cut
from spikeloop.workers.seeding import Purpose, TaskSet, stream

if TYPE_CHECKING:
    from rich.console import Console

TILES_PER_WORKER = 3
"""Tiles each worker is given while measuring."""


@dataclass(frozen=True)
class Plan:
    """What a run comes to at most: a rule of ``[stop]`` may end it earlier.

    Attributes:
        lives_race: of the finalists' race.
        lives_failed: of those measured.
        first_failure: why the first of these failed, or "".
        seconds_per_life: of the search, of one worker, with all workers busy, dispatch included.
        seconds_per_held_out_life: the same of lives without gradients; where the search is without
            them too, the same number.
        start_s: seconds until the workers are ready, compilation included.
        search_s, monitor_s, race_s, transfer_s: predicted seconds of the parts.
        total_s: their sum.
        curriculum: the generations with other tasks, each stage's last one and its settings.
    """

    n_dim: int
    generations: int
    candidates: int
    tasks: int
    lives_search: int
    lives_monitor: int
    lives_race: int
    lives_transfer: int
    steps_per_life: int
    jobs_per_generation: int
    workers: int
    lives_measured: int
    lives_failed: int
    first_failure: str
    seconds_per_life: float
    seconds_per_held_out_life: float
    start_s: float
    search_s: float
    monitor_s: float
    race_s: float
    transfer_s: float
    total_s: float
    curriculum: tuple[tuple[int, Mapping[str, Any]], ...]

    def values(self) -> dict[str, Any]:
        """All fields by name."""
        return asdict(self)


@dataclass(frozen=True)
class Measured:
    """Lives, and how long they took.

    Attributes:
        lives: the lives.
        per_life: seconds of one worker, dispatch included.
        compile_s: seconds until all workers had lived some.
    """

    lives: GridLives
    per_life: float
    compile_s: float


def measure(config: RunConfig, stop: StopSignal, show_line: ShowLine = show_nothing) -> Plan:
    """Starts the target, lives a few tiles of the first generation's kind and extrapolates.

    Where those are of gradients, so are as many without, as the held-out ones will be.

    Raises:
        RunFailed: every life that was measured failed.
    """
    run, settings = config.run, config.transfer
    candidates = n_candidates(config)
    tile = (min(run.tile_candidates, candidates), min(run.tile_tasks, run.tasks))

    started = time.perf_counter()
    with config.target.open(warm_up_job(config), stop, config.working_dir, "", show_line) as pool:
        workers = pool.n_workers
        rng = stream(run.seed, Purpose.RANDOM_POINTS, TaskSet.PLAN)
        points = config.space.sample(tile[0] * TILES_PER_WORKER * workers, rng)
        grid = Grid(
            config.family,
            config.learner,
            Explicit(points),
            n_tasks=tile[1],
            run_seed=run.seed,
            task_set=TaskSet.PLAN,
            index=1,
            common_noise=run.common_noise,
            gradient=wants_gradient(config.strategy),
        )
        start_s = time.perf_counter() - started
        search = held_out = _measured(pool, grid, tile)
        all_measured = [search]
        if grid.gradient:
            held_out = _measured(pool, replace(grid, gradient=False), tile)
            all_measured.append(held_out)
    start_s += sum(measured.compile_s for measured in all_measured)

    generations = max_generations(config)
    jobs, rounds = 0, 0
    # Each round of a generation ends with its last job, so it takes whole rounds of jobs.
    for number, (start, stop_) in enumerate(pairwise((0, *run.edges))):
        in_round = _ceil(-(-candidates // 2**number), tile[0]) * _ceil(stop_ - start, tile[1])
        jobs += in_round
        rounds += _ceil(in_round, workers) * min(stop_ - start, tile[1])
    search_s = generations * rounds * tile[0] * search.per_life
    monitored = len(settings.monitored(generations))
    lives_monitor = monitored * settings.monitor_tasks
    monitor = [j.tile.n_lives for j in held_out_jobs(config, config.space.default_point(), 0)]
    monitor_s = monitored * _ceil(len(monitor), workers) * max(monitor) * held_out.per_life
    lives_transfer = transfer_size(settings)
    transfer_s = lives_transfer * held_out.per_life / workers
    lives_race = race_size(config)
    race_s = lives_race * held_out.per_life / workers
    failures = [failure for measured in all_measured for failure in measured.lives.failures]
    return Plan(
        n_dim=config.space.n_dim,
        generations=generations,
        candidates=candidates,
        tasks=run.tasks,
        lives_search=generations * generation_lives(config),
        lives_monitor=lives_monitor,
        lives_race=lives_race,
        lives_transfer=lives_transfer,
        steps_per_life=config.family.interface.n_steps,
        jobs_per_generation=jobs,
        workers=workers,
        lives_measured=sum(measured.lives.n_lived for measured in all_measured),
        lives_failed=sum(measured.lives.n_failed for measured in all_measured),
        first_failure=failures[0].message if failures else "",
        seconds_per_life=search.per_life,
        seconds_per_held_out_life=held_out.per_life,
        start_s=start_s,
        search_s=search_s,
        monitor_s=monitor_s,
        race_s=race_s,
        transfer_s=transfer_s,
        total_s=start_s + search_s + monitor_s + race_s + transfer_s,
        curriculum=tuple((stage.last(run.generations), stage.family) for stage in run.curriculum),
    )


def _measured(pool: WorkerPool, grid: Grid, tile: tuple[int, int]) -> Measured:
    """Lives a grid twice, the first time in part; RunFailed if every life failed."""
    jobs, started = cut(grid, *tile, "plan"), time.perf_counter()
    # One each first: some learners compile for the shape of a tile.
    evaluate_grid(pool, jobs[: pool.n_workers])
    ready = time.perf_counter()
    lives = evaluate_grid(pool, jobs)
    per_life = (time.perf_counter() - ready) * pool.n_workers / grid.n_lives
    if lives.n_failed == lives.n_lived:
        raise _failed(lives)
    return Measured(lives, per_life, ready - started)


def _failed(lives: GridLives) -> RunFailed:
    """The error of a plan without one life that counts."""
    first = lives.failures[0]
    hint = " (--debug shows the traceback)" if first.traceback else ""
    error = RunFailed(
        f"all {lives.n_lived} lives that were measured failed; the first: {first.message}{hint}"
    )
    error.__cause__ = RuntimeError(first.traceback) if first.traceback else None
    return error


def show(plan: Plan, console: "Console") -> None:
    """Prints a plan as a table."""
    from rich.table import Table

    from spikeloop.coordinator.formatting import duration

    table = Table(
        title=f"Nothing was written; measured on {plan.lives_measured} lives", title_justify="left"
    )
    for column in ("part", "lives", "time"):
        table.add_column(column, justify="left" if column == "part" else "right")
    table.add_row("start workers, compile", "", duration(plan.start_s))
    table.add_row(
        f"search: {plan.generations} generations × {plan.candidates} candidates "
        f"× {plan.tasks} tasks",
        str(plan.lives_search),
        duration(plan.search_s),
    )
    table.add_row("held-out scores", str(plan.lives_monitor), duration(plan.monitor_s))
    if plan.lives_race:
        table.add_row("race of the finalists", str(plan.lives_race), duration(plan.race_s))
    table.add_row("transfer", str(plan.lives_transfer), duration(plan.transfer_s))
    total = plan.lives_search + plan.lives_monitor + plan.lives_race + plan.lives_transfer
    table.add_row("total", str(total), duration(plan.total_s))
    console.print(table)
    per_life = f"{plan.seconds_per_life * 1000:.1f} ms"
    if plan.seconds_per_held_out_life != plan.seconds_per_life:
        per_life += f" ({plan.seconds_per_held_out_life * 1000:.1f} ms without gradient)"
    console.print(
        f"{plan.n_dim} hyperparameters, {plan.steps_per_life} steps a life, "
        f"{per_life} a life on each of {plan.workers} worker(s), "
        f"{plan.jobs_per_generation} jobs a generation",
        highlight=False,
        soft_wrap=True,
    )
    for last, family in plan.curriculum:
        settings = ", ".join(f"{name} = {value}" for name, value in family.items())
        console.print(
            f"other tasks up to generation {last}, not measured here: {settings}",
            highlight=False,
            soft_wrap=True,
        )


def _ceil(total: int, part: int) -> int:
    return int(np.ceil(total / part))
