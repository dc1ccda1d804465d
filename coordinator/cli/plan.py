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
from spikeloop.coordinator.search.evaluation import GridEpisodes, evaluate_grid
from spikeloop.coordinator.search.generation import held_out_jobs
from spikeloop.coordinator.search.loop import generation_episodes, max_generations, n_candidates
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
        episodes_race: of the finalists' race.
        episodes_failed: of those measured.
        first_failure: why the first of these failed, or "".
        seconds_per_episode: of the search, of one worker, with all workers busy, dispatch included.
        seconds_per_held_out_episode: the same of episodes without gradients; where the search is
            without them too, the same number.
        start_s: seconds until the workers are ready, compilation included.
        search_s, monitor_s, race_s, transfer_s: predicted seconds of the parts.
        total_s: their sum.
        curriculum: the generations with other tasks, each stage's last one and its settings.
    """

    n_dim: int
    generations: int
    candidates: int
    tasks: int
    episodes_search: int
    episodes_monitor: int
    episodes_race: int
    episodes_transfer: int
    steps_per_episode: int
    jobs_per_generation: int
    workers: int
    episodes_measured: int
    episodes_failed: int
    first_failure: str
    seconds_per_episode: float
    seconds_per_held_out_episode: float
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
    """Episodes, and how long they took.

    Attributes:
        episodes: the episodes.
        per_episode: seconds of one worker, dispatch included.
        compile_s: seconds until all workers had run some.
    """

    episodes: GridEpisodes
    per_episode: float
    compile_s: float


def measure(config: RunConfig, stop: StopSignal, show_line: ShowLine = show_nothing) -> Plan:
    """Starts the target, episodes a few tiles of the first generation's kind and extrapolates.

    Where those are of gradients, so are as many without, as the held-out ones will be.

    Raises:
        RunFailed: every episode that was measured failed.
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
    search_s = generations * rounds * tile[0] * search.per_episode
    monitored = len(settings.monitored(generations))
    episodes_monitor = monitored * settings.monitor_tasks
    monitor = [j.tile.n_episodes for j in held_out_jobs(config, config.space.default_point(), 0)]
    monitor_s = monitored * _ceil(len(monitor), workers) * max(monitor) * held_out.per_episode
    episodes_transfer = transfer_size(settings)
    transfer_s = episodes_transfer * held_out.per_episode / workers
    episodes_race = race_size(config)
    race_s = episodes_race * held_out.per_episode / workers
    failures = [failure for measured in all_measured for failure in measured.episodes.failures]
    return Plan(
        n_dim=config.space.n_dim,
        generations=generations,
        candidates=candidates,
        tasks=run.tasks,
        episodes_search=generations * generation_episodes(config),
        episodes_monitor=episodes_monitor,
        episodes_race=episodes_race,
        episodes_transfer=episodes_transfer,
        steps_per_episode=config.family.interface.n_steps,
        jobs_per_generation=jobs,
        workers=workers,
        episodes_measured=sum(measured.episodes.n_episodes_done for measured in all_measured),
        episodes_failed=sum(measured.episodes.n_failed for measured in all_measured),
        first_failure=failures[0].message if failures else "",
        seconds_per_episode=search.per_episode,
        seconds_per_held_out_episode=held_out.per_episode,
        start_s=start_s,
        search_s=search_s,
        monitor_s=monitor_s,
        race_s=race_s,
        transfer_s=transfer_s,
        total_s=start_s + search_s + monitor_s + race_s + transfer_s,
        curriculum=tuple((stage.last(run.generations), stage.family) for stage in run.curriculum),
    )


def _measured(pool: WorkerPool, grid: Grid, tile: tuple[int, int]) -> Measured:
    """Episodes a grid twice, the first time in part; RunFailed if every episode failed."""
    jobs, started = cut(grid, *tile, "plan"), time.perf_counter()
    # One each first: some learners compile for the shape of a tile.
    evaluate_grid(pool, jobs[: pool.n_workers])
    ready = time.perf_counter()
    episodes = evaluate_grid(pool, jobs)
    per_episode = (time.perf_counter() - ready) * pool.n_workers / grid.n_episodes
    if episodes.n_failed == episodes.n_episodes_done:
        raise _failed(episodes)
    return Measured(episodes, per_episode, ready - started)


def _failed(episodes: GridEpisodes) -> RunFailed:
    """The error of a plan without one episode that counts."""
    first = episodes.failures[0]
    hint = " (--debug shows the traceback)" if first.traceback else ""
    error = RunFailed(
        f"all {episodes.n_episodes_done} episodes that were measured failed; "
        f"the first: {first.message}{hint}"
    )
    error.__cause__ = RuntimeError(first.traceback) if first.traceback else None
    return error


def show(plan: Plan, console: "Console") -> None:
    """Prints a plan as a table."""
    from rich.table import Table

    from spikeloop.coordinator.formatting import duration

    table = Table(
        title=f"Nothing was written; measured on {plan.episodes_measured} episodes",
        title_justify="left",
    )
    for column in ("part", "episodes", "time"):
        table.add_column(column, justify="left" if column == "part" else "right")
    table.add_row("start workers, compile", "", duration(plan.start_s))
    table.add_row(
        f"search: {plan.generations} generations × {plan.candidates} candidates "
        f"× {plan.tasks} tasks",
        str(plan.episodes_search),
        duration(plan.search_s),
    )
    table.add_row("held-out scores", str(plan.episodes_monitor), duration(plan.monitor_s))
    if plan.episodes_race:
        table.add_row("race of the finalists", str(plan.episodes_race), duration(plan.race_s))
    table.add_row("transfer", str(plan.episodes_transfer), duration(plan.transfer_s))
    total = (
        plan.episodes_search + plan.episodes_monitor + plan.episodes_race + plan.episodes_transfer
    )
    table.add_row("total", str(total), duration(plan.total_s))
    console.print(table)
    per_episode = f"{plan.seconds_per_episode * 1000:.1f} ms"
    if plan.seconds_per_held_out_episode != plan.seconds_per_episode:
        per_episode += f" ({plan.seconds_per_held_out_episode * 1000:.1f} ms without gradient)"
    console.print(
        f"{plan.n_dim} hyperparameters, {plan.steps_per_episode} steps an episode, "
        f"{per_episode} an episode on each of {plan.workers} worker(s), "
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
