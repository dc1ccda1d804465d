"""Pools that evaluate a generation without Ray in sight, our own among them."""

import multiprocessing
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from rival_episode import (
    JOB_TIMEOUT_S,
    N_WORKERS,
    Candidate,
    EpisodeResult,
    Generation,
    Opener,
    episode_inputs,
    run_episodes,
)

from spikeloop.cluster.signals import StopSignal
from spikeloop.cluster.targets.local import Local
from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.tasks.base import FloatArray
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.workers.job import Grid, Job, Status, Tile, cut
from spikeloop.workers.seeding import TaskSet


@contextmanager
def plain_loop(careful: bool) -> Iterator[Generation]:
    """No pool: what the work itself takes on one core."""
    del careful
    yield lambda points, work_s: map(run_episodes, episode_inputs(points, work_s))


@contextmanager
def spikeloop(careful: bool, n_candidates: int) -> Iterator[Generation]:
    """Our own pool; ``n_candidates`` share a job."""
    family = RandomMdp(n_states=2, n_actions=2, n_steps=10)

    def grid(points: FloatArray, work_s: float) -> Grid:
        learner = Candidate(n_dim=points.shape[1], work_s=work_s)
        return Grid(family, learner, Explicit(points), 1, 0, TaskSet.SEARCH, 0)

    target = Local(workers=N_WORKERS, dashboard=False)
    if careful:
        target = Local(workers=N_WORKERS, dashboard=False, job_timeout_s=JOB_TIMEOUT_S)
    warm_up = Job(grid(np.zeros((1, 1)), 0.0), Tile(0, 1, 0, 1))
    with target.open([warm_up], StopSignal(), Path(__file__).parent) as pool:

        def generation(points: FloatArray, work_s: float) -> Iterator[EpisodeResult]:
            for outcome in pool.run(cut(grid(points, work_s), n_candidates, 1, "rivals")):
                result = outcome.result
                for row in np.flatnonzero(result.status[:, 0] == Status.OK):
                    fitness, curve = float(result.returns[row, 0]), result.curve[row, 0]
                    yield result.tile.c0 + int(row), fitness, curve

        yield generation


@contextmanager
def multiprocessing_pool(careful: bool, one_by_one: bool) -> Iterator[Generation]:
    """The standard library's pool; the limit of its ``map`` is one for all jobs together."""
    with multiprocessing.Pool(N_WORKERS) as pool:

        def generation(points: FloatArray, work_s: float) -> Iterator[EpisodeResult]:
            jobs = episode_inputs(points, work_s)
            limit_s = JOB_TIMEOUT_S if careful else None
            if not one_by_one:  # in chunks of 8, which is what it makes of 64 jobs
                yield from pool.map_async(run_episodes, jobs).get(limit_s)
                return
            episodes_done = pool.imap_unordered(run_episodes, jobs, chunksize=1)
            for _ in jobs:
                yield episodes_done.next(limit_s)

        yield generation


@contextmanager
def process_pool_executor(careful: bool) -> Iterator[Generation]:
    """The standard library's other pool; its limit is one for all jobs together."""
    limit_s = JOB_TIMEOUT_S if careful else None
    with ProcessPoolExecutor(N_WORKERS) as executor:
        yield lambda points, work_s: executor.map(
            run_episodes, episode_inputs(points, work_s), timeout=limit_s
        )


@contextmanager
def joblib_parallel(careful: bool, one_by_one: bool) -> Iterator[Generation]:
    """Joblib on loky; its own batches grow with short jobs."""
    from joblib import Parallel, delayed

    with Parallel(
        N_WORKERS,
        backend="loky",
        batch_size=1 if one_by_one else "auto",
        timeout=JOB_TIMEOUT_S if careful else None,
    ) as parallel:
        yield lambda points, work_s: parallel(
            delayed(run_episodes)(job) for job in episode_inputs(points, work_s)
        )


@contextmanager
def dask_cluster(careful: bool) -> Iterator[Generation]:
    """Dask's local cluster; it tries lost jobs again by itself and can be told what silence is."""
    import dask
    from distributed import Client, LocalCluster

    silence = {"distributed.scheduler.worker-ttl": f"{JOB_TIMEOUT_S:g}s"} if careful else {}
    with (
        dask.config.set(silence),
        LocalCluster(n_workers=N_WORKERS, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):

        def generation(points: FloatArray, work_s: float) -> list[EpisodeResult]:
            futures = client.map(run_episodes, episode_inputs(points, work_s), pure=False)
            episodes_done: list[EpisodeResult] = client.gather(futures)
            return episodes_done

        yield generation


POOLS: Mapping[str, Opener] = {
    "plain loop": plain_loop,
    "Spikeloop, a candidate a job": partial(spikeloop, n_candidates=1),
    "Spikeloop, 8 candidates a job": partial(spikeloop, n_candidates=8),
    "multiprocessing, one by one": partial(multiprocessing_pool, one_by_one=True),
    "multiprocessing, chunks of 8": partial(multiprocessing_pool, one_by_one=False),
    "ProcessPoolExecutor, map": process_pool_executor,
    "joblib, one by one": partial(joblib_parallel, one_by_one=True),
    "joblib, its own batches": partial(joblib_parallel, one_by_one=False),
    "Dask, local cluster": dask_cluster,
}
"""Openers by the name in the table."""
