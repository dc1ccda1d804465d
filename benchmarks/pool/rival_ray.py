"""Other people's ways to evaluate a generation on Ray."""

import logging
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
from rival_episode import (
    JOB_TIMEOUT_S,
    N_WORKERS,
    EpisodeInput,
    EpisodeResult,
    Generation,
    Opener,
    episode_inputs,
    run_episodes,
)

from spikeloop.tasks.base import FloatArray
from spikeloop.workers.base import N_CURVE_BINS

AGAIN = {"max_restarts": -1, "max_task_retries": -1}
"""What lets a Ray actor and its calls outlive their process."""


@contextmanager
def ray_cluster() -> Iterator[None]:
    """A cluster of this process alone, with what our own has."""
    import ray

    ray.init(
        address="local",
        num_cpus=N_WORKERS,
        include_dashboard=False,
        object_store_memory=200_000_000,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def ray_tasks(careful: bool) -> Iterator[Generation]:
    """One Ray task per episode; Ray tries those that lose their process three times again."""
    import ray

    limit_s = JOB_TIMEOUT_S if careful else None
    with ray_cluster():
        task: Any = ray.remote(run_episodes)

        def generation(points: FloatArray, work_s: float) -> Iterator[EpisodeResult]:
            for call in [task.remote(job) for job in episode_inputs(points, work_s)]:
                yield ray.get(call, timeout=limit_s)

        yield generation


class EpisodeActor:
    """The function as a Ray actor."""

    def run_episodes(self, episode_input: EpisodeInput) -> EpisodeResult:
        return run_episodes(episode_input)


@contextmanager
def actor_pool(careful: bool) -> Iterator[Generation]:
    import ray
    from ray.util import ActorPool

    limit_s = JOB_TIMEOUT_S if careful else None
    with ray_cluster():
        actor: Any = ray.remote(EpisodeActor).options(**(AGAIN if careful else {}))
        pool: Any = ActorPool([actor.remote() for _ in range(N_WORKERS)])

        def generation(points: FloatArray, work_s: float) -> Iterator[EpisodeResult]:
            for job in episode_inputs(points, work_s):
                pool.submit(lambda actor, job: actor.run_episodes.remote(job), job)
            while pool.has_next():
                yield pool.get_next_unordered(timeout=limit_s)

        yield generation


@contextmanager
def ray_multiprocessing(careful: bool) -> Iterator[Generation]:
    from ray.util.multiprocessing import Pool

    limit_s = JOB_TIMEOUT_S if careful else None
    with ray_cluster(), Pool(N_WORKERS, ray_remote_args=AGAIN if careful else None) as pool:

        def generation(points: FloatArray, work_s: float) -> Iterator[EpisodeResult]:
            jobs = episode_inputs(points, work_s)
            episodes_done = pool.imap_unordered(run_episodes, jobs, chunksize=1)
            for _ in jobs:
                yield episodes_done.next(timeout=limit_s)

        yield generation


@contextmanager
def ray_tune(careful: bool, reuse: bool) -> Iterator[Generation]:
    """A trial per episode; the population goes through the object store, as Tune advises."""
    from ray import tune

    def trainable(config: dict[str, Any], points: FloatArray, work_s: float) -> None:
        _, fitness, curve = run_episodes((config["index"], points[config["index"]], work_s))
        tune.report({"fitness": fitness, "curve": curve.tolist()})

    with ray_cluster(), tempfile.TemporaryDirectory() as folder:

        def generation(points: FloatArray, work_s: float) -> Iterator[EpisodeResult]:
            results: Any = tune.Tuner(
                tune.with_parameters(trainable, points=points, work_s=work_s),
                param_space={"index": tune.grid_search(list(range(len(points))))},
                tune_config=tune.TuneConfig(max_concurrent_trials=N_WORKERS, reuse_actors=reuse),
                run_config=tune.RunConfig(
                    storage_path=folder,
                    verbose=0,
                    failure_config=tune.FailureConfig(max_failures=3 if careful else 0),
                ),
            ).fit()
            for result in results:
                if result.error is None:
                    metrics = result.metrics
                    yield result.config["index"], metrics["fitness"], np.array(metrics["curve"])

        yield generation


def solution(values: Any, work_s: float) -> tuple[Any, Any]:
    """The function as EvoTorch calls it: a fitness, and the curve as its evaluation data."""
    import torch

    _, fitness, curve = run_episodes((0, values.numpy(), work_s))
    return torch.tensor(fitness, dtype=torch.float64), torch.from_numpy(curve)


@contextmanager
def evotorch(careful: bool, one_by_one: bool) -> Iterator[Generation]:
    """A problem on EvoTorch's actors; by itself it gives each of them one part of a generation."""
    import torch
    from evotorch import Problem, SolutionBatch

    problems: dict[tuple[int, float], Any] = {}

    def problem(n_dim: int, work_s: float) -> Any:
        """The problem of these episodes, whose actors stay until other episodes are asked for."""
        if (n_dim, work_s) not in problems:
            for old in problems.values():
                old.kill_actors()
            problems.clear()
            problems[n_dim, work_s] = Problem(
                "max",
                partial(solution, work_s=work_s),
                solution_length=n_dim,
                initial_bounds=(-1.0, 1.0),
                dtype=torch.float64,
                eval_dtype=torch.float64,
                eval_data_length=N_CURVE_BINS,
                num_actors=N_WORKERS,
                subbatch_size=1 if one_by_one else None,
                actor_config=AGAIN if careful else None,
            )
        return problems[n_dim, work_s]

    def generation(points: FloatArray, work_s: float) -> Iterator[EpisodeResult]:
        current = problem(points.shape[1], work_s)
        batch = SolutionBatch(current, popsize=len(points), empty=True)
        batch.set_values(torch.from_numpy(points))
        current.evaluate(batch)
        for index, row in enumerate(batch.evals.numpy()):
            if np.isfinite(row).all():
                yield index, float(row[0]), row[1:]

    logging.getLogger("evotorch").setLevel(logging.ERROR)
    with ray_cluster():
        yield generation


POOLS_ON_RAY: Mapping[str, Opener] = {
    "EvoTorch, a solution a sub-batch": partial(evotorch, one_by_one=True),
    "EvoTorch, a sub-batch an actor": partial(evotorch, one_by_one=False),
    "Ray Tune": partial(ray_tune, reuse=False),
    "Ray Tune, actors reused": partial(ray_tune, reuse=True),
    "Ray tasks": ray_tasks,
    "Ray ActorPool": actor_pool,
    "ray.util.multiprocessing": ray_multiprocessing,
}
"""Openers by the name in the table."""
