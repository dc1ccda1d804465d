"""Estimate what a configuration would evaluate and how long that would take; nothing is written.

The target of the run itself is started and given a few tiles of its own, so that start-up, dispatch
and the workers' competition for the machine are in the estimate.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from spikeloop.cluster.pool import WorkerPool
from spikeloop.cluster.progress import ShowLine, show_nothing
from spikeloop.cluster.signals import StopSignal
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.errors import RunFailed
from spikeloop.coordinator.search.deployment import race_size
from spikeloop.coordinator.search.evaluation import GridEpisodes, evaluate_grid, grid_of
from spikeloop.coordinator.search.generation import held_out_jobs
from spikeloop.coordinator.search.search_size import (
    generation_episodes,
    max_generations,
    n_candidates,
)
from spikeloop.coordinator.search.transfer_design import transfer_size
from spikeloop.coordinator.search.worker_pool import require_installed, warm_up_job
from spikeloop.coordinator.strategies.base import wants_gradient
from spikeloop.workers.job import Failure, Grid, cut
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
        curriculum: for the generations with other tasks, each stage's last one, its settings and
            the mean fitness with which it ends sooner.
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
    curriculum: tuple[tuple[int, Mapping[str, Any], float | None], ...]


@dataclass(frozen=True)
class Timing:
    """Measured episodes.

    Attributes:
        per_episode: seconds of one worker, dispatch included.
        compile_s: seconds until all workers had run some.
    """

    episodes: GridEpisodes
    per_episode: float
    compile_s: float


@dataclass(frozen=True)
class Measured:
    """What was measured on the target of a run.

    Attributes:
        workers: their number.
        start_s: seconds until they were ready, compilation included.
        timings: of episodes as in the search and, if those need gradients, of as many without.
    """

    workers: int
    start_s: float
    timings: tuple[Timing, ...]

    @property
    def per_episode(self) -> float:
        """Seconds of an episode of the search."""
        return self.timings[0].per_episode

    @property
    def per_held_out(self) -> float:
        """Seconds of an episode without a gradient."""
        return self.timings[-1].per_episode

    @property
    def n_episodes(self) -> int:
        """Number of episodes that were measured."""
        return sum(timing.episodes.n_evaluated for timing in self.timings)

    @property
    def failures(self) -> list[Failure]:
        """The failures among them."""
        return [failure for timing in self.timings for failure in timing.episodes.failures]


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
    measured = measure(config, stop, show_line)
    workers, per_held_out = measured.workers, measured.per_held_out
    monitored = len(settings.monitored(generations))
    times = {
        "start_s": measured.start_s,
        "search_s": generations * generation_s(config, workers, measured.per_episode),
        "monitor_s": monitored * monitor_s(config, measured),
        "race_s": race_size(config) * per_held_out / workers,
        "transfer_s": transfer_size(settings) * per_held_out / workers,
    }
    failures = measured.failures
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
        jobs_per_generation=sum(n for n, _ in _rounds(config)),
        workers=workers,
        episodes_measured=measured.n_episodes,
        episodes_failed=len(failures),
        first_failure=failures[0].message if failures else "",
        seconds_per_episode=measured.per_episode,
        seconds_per_held_out_episode=per_held_out,
        **times,
        total_s=sum(times.values()),
        curriculum=tuple(
            (stage.last(run.generations), stage.family, stage.mean_fitness)
            for stage in run.curriculum
        ),
    )


def generation_s(config: RunConfig, workers: int, per_episode: float) -> float:
    """Predict the seconds of a generation.

    Each round of a race ends with its last job, so it takes whole rounds of jobs.
    """
    tile = _tile(config)
    length = sum(_ceil(n_jobs, workers) * n_tasks for n_jobs, n_tasks in _rounds(config))
    return length * tile[0] * per_episode


def monitor_s(config: RunConfig, measured: Measured) -> float:
    """Predict the seconds of a held-out score."""
    jobs = [job.tile.n_episodes for job in held_out_jobs(config, config.space.default_point(), 0)]
    return _ceil(len(jobs), measured.workers) * max(jobs) * measured.per_held_out


def measure(config: RunConfig, stop: StopSignal, show_line: ShowLine = show_nothing) -> Measured:
    """Start the target and time ``TILES_PER_WORKER`` tiles on each worker.

    Raises:
        RunFailed: every episode that was measured failed.
    """
    tile = _tile(config)
    require_installed(config)
    started = time.perf_counter()
    with config.target.open([warm_up_job(config)], stop, config.working_dir, "", show_line) as pool:
        rng = stream(config.run.seed, Purpose.RANDOM_POINTS, TaskSet.PLAN)
        points = config.space.sample(tile[0] * TILES_PER_WORKER * pool.n_workers, rng)
        start_s = time.perf_counter() - started
        timings = [
            _time(pool, grid_of(config, points, tile[1], TaskSet.PLAN, 1, gradient), tile)
            for gradient in ([True, False] if wants_gradient(config.strategy) else [False])
        ]
        n_workers = pool.n_workers
    start_s += sum(timing.compile_s for timing in timings)
    return Measured(n_workers, start_s, tuple(timings))


def _time(pool: WorkerPool, grid: Grid, tile: tuple[int, int]) -> Timing:
    """Run a grid twice, the first time in part; RunFailed if every episode failed."""
    jobs, started = cut(grid, *tile, "plan"), time.perf_counter()
    # One each first: some learners compile for the shape of a tile.
    evaluate_grid(pool, jobs[: pool.n_workers])
    ready = time.perf_counter()
    episodes = evaluate_grid(pool, jobs)
    per_episode = (time.perf_counter() - ready) * pool.n_workers / grid.n_episodes
    if episodes.n_failed == episodes.n_evaluated:
        first = episodes.failures[0]
        hint = " (--debug shows the traceback)" if first.traceback else ""
        raise RunFailed(
            f"all {episodes.n_evaluated} episodes that were measured failed; "
            f"the first: {first.message}{hint}"
        ) from (RuntimeError(first.traceback) if first.traceback else None)
    return Timing(episodes, per_episode, ready - started)


def _tile(config: RunConfig) -> tuple[int, int]:
    """Give the candidates and tasks of a job of the first generation."""
    run = config.run
    return min(run.tile_candidates, n_candidates(config)), min(run.tile_tasks, run.tasks)


def _rounds(config: RunConfig) -> list[tuple[int, int]]:
    """Give the jobs of each round of a generation, and the most tasks of one of them."""
    candidates, tile = n_candidates(config), _tile(config)
    return [
        (
            _ceil(_ceil(candidates, 2**number), tile[0]) * _ceil(last - first, tile[1]),
            min(last - first, tile[1]),
        )
        for number, (first, last) in enumerate(pairwise((0, *config.run.edges)))
    ]


def _ceil(total: int, part: int) -> int:
    return -(-total // part)
