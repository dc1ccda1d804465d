"""Estimate what a configuration would evaluate and how long that would take; nothing is written.

The target of the run itself is started and given a few tiles of its own, so that start-up, dispatch
and the workers' competition for the machine are in the estimate.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from spikeloop.cluster.pool import WorkerPool
from spikeloop.cluster.progress import ShowLine, show_nothing
from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.errors import RunFailed
from spikeloop.coordinator.search.deployment import race_size
from spikeloop.coordinator.search.evaluation import GridEpisodes, evaluate_grid
from spikeloop.coordinator.search.generation import held_out_jobs
from spikeloop.coordinator.search.search_size import (
    generation_episodes,
    max_generations,
    n_candidates,
)
from spikeloop.coordinator.search.transfer_design import transfer_size
from spikeloop.coordinator.search.worker_pool import warm_up_job
from spikeloop.coordinator.strategies.base import wants_gradient
from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.workers.job import Grid, cut
from spikeloop.workers.seeding import Purpose, TaskSet, stream

TILES_PER_WORKER = 3
"""Tiles that each worker is given while measuring."""


@dataclass(frozen=True)
class CostEstimate:
    """What a run costs at most; a rule of ``[stop]`` may end it earlier.

    Attributes:
        episodes_race: episodes of the race of finalists.
        episodes_failed: number of measured episodes that failed.
        first_failure: why the first of these failed, or "".
        seconds_per_episode: of the search, of one worker, with all workers busy, dispatch included.
        seconds_per_held_out_episode: the same without gradients; equal if the search has none.
        start_s: seconds until the workers are ready, compilation included.
        search_s, monitor_s, race_s, transfer_s: predicted seconds of the parts.
        total_s: their sum.
        curriculum: for the generations with other tasks, each stage's last one and its settings.
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


@dataclass(frozen=True)
class _Timing:
    """Measured episodes.

    Attributes:
        episodes: the episodes.
        per_episode: seconds of one worker, dispatch included.
        compile_s: seconds until all workers had run some.
    """

    episodes: GridEpisodes
    per_episode: float
    compile_s: float


@dataclass(frozen=True)
class _Measured:
    """What was measured on the target.

    Attributes:
        workers: number of workers.
        start_s: seconds until they were ready, compilation included.
        search: episodes as in the search.
        held_out: episodes without gradients.
        all: each of these once.
    """

    workers: int
    start_s: float
    search: _Timing
    held_out: _Timing

    @property
    def all(self) -> list[_Timing]:
        return [self.search] if self.search is self.held_out else [self.search, self.held_out]


def estimate(
    config: RunConfig, stop: StopSignal, show_line: ShowLine = show_nothing
) -> CostEstimate:
    """Start the target, run a few tiles like those of the first generation, and extrapolate.

    If those need gradients, as many are measured without, as the held-out ones will be.

    Raises:
        RunFailed: every episode that was measured failed.
    """
    run, settings = config.run, config.transfer
    candidates, generations = n_candidates(config), max_generations(config)
    tile = (min(run.tile_candidates, candidates), min(run.tile_tasks, run.tasks))
    measured = _measure(config, tile, stop, show_line)
    workers, per_held_out = measured.workers, measured.held_out.per_episode

    jobs, rounds = 0, 0
    # Each round of a generation ends with its last job, so it takes whole rounds of jobs.
    for number, (first, last) in enumerate(pairwise((0, *run.edges))):
        in_round = _ceil(_ceil(candidates, 2**number), tile[0]) * _ceil(last - first, tile[1])
        jobs += in_round
        rounds += _ceil(in_round, workers) * min(last - first, tile[1])
    monitored = len(settings.monitored(generations))
    monitor = [j.tile.n_episodes for j in held_out_jobs(config, config.space.default_point(), 0)]
    times = {
        "start_s": measured.start_s,
        "search_s": generations * rounds * tile[0] * measured.search.per_episode,
        "monitor_s": monitored * _ceil(len(monitor), workers) * max(monitor) * per_held_out,
        "race_s": race_size(config) * per_held_out / workers,
        "transfer_s": transfer_size(settings) * per_held_out / workers,
    }
    failures = [failure for timing in measured.all for failure in timing.episodes.failures]
    return CostEstimate(
        n_dim=config.space.n_dim,
        generations=generations,
        candidates=candidates,
        tasks=run.tasks,
        episodes_search=generations * generation_episodes(config),
        episodes_monitor=monitored * settings.monitor_tasks,
        episodes_race=race_size(config),
        episodes_transfer=transfer_size(settings),
        steps_per_episode=config.family.interface.n_steps,
        jobs_per_generation=jobs,
        workers=workers,
        episodes_measured=sum(timing.episodes.n_evaluated for timing in measured.all),
        episodes_failed=sum(timing.episodes.n_failed for timing in measured.all),
        first_failure=failures[0].message if failures else "",
        seconds_per_episode=measured.search.per_episode,
        seconds_per_held_out_episode=per_held_out,
        **times,
        total_s=sum(times.values()),
        curriculum=tuple((stage.last(run.generations), stage.family) for stage in run.curriculum),
    )


def _measure(
    config: RunConfig, tile: tuple[int, int], stop: StopSignal, show_line: ShowLine
) -> _Measured:
    """Start the target and time ``TILES_PER_WORKER`` tiles on each worker."""
    started = time.perf_counter()
    with config.target.open(warm_up_job(config), stop, config.working_dir, "", show_line) as pool:
        rng = stream(config.run.seed, Purpose.RANDOM_POINTS, TaskSet.PLAN)
        points = config.space.sample(tile[0] * TILES_PER_WORKER * pool.n_workers, rng)
        grid = Grid(
            config.family,
            config.learner,
            Explicit(points),
            n_tasks=tile[1],
            run_seed=config.run.seed,
            task_set=TaskSet.PLAN,
            index=1,
            common_noise=config.run.common_noise,
            gradient=wants_gradient(config.strategy),
        )
        start_s = time.perf_counter() - started
        search = held_out = _time(pool, grid, tile)
        if grid.gradient:
            held_out = _time(pool, replace(grid, gradient=False), tile)
        measured = _Measured(pool.n_workers, start_s, search, held_out)
    compile_s = sum(timing.compile_s for timing in measured.all)
    return replace(measured, start_s=start_s + compile_s)


def _time(pool: WorkerPool, grid: Grid, tile: tuple[int, int]) -> _Timing:
    """Run a grid twice, the first time in part; RunFailed if every episode failed."""
    jobs, started = cut(grid, *tile, "plan"), time.perf_counter()
    # One each first: some learners compile for the shape of a tile.
    evaluate_grid(pool, jobs[: pool.n_workers])
    ready = time.perf_counter()
    episodes = evaluate_grid(pool, jobs)
    per_episode = (time.perf_counter() - ready) * pool.n_workers / grid.n_episodes
    if episodes.n_failed == episodes.n_evaluated:
        raise _all_failed(episodes)
    return _Timing(episodes, per_episode, ready - started)


def _all_failed(episodes: GridEpisodes) -> RunFailed:
    first = episodes.failures[0]
    hint = " (--debug shows the traceback)" if first.traceback else ""
    error = RunFailed(
        f"all {episodes.n_evaluated} episodes that were measured failed; "
        f"the first: {first.message}{hint}"
    )
    error.__cause__ = RuntimeError(first.traceback) if first.traceback else None
    return error


def _ceil(total: int, part: int) -> int:
    return -(-total // part)
