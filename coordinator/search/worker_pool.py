"""Open the workers of a run, or of several that share them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from spikeloop.cluster.pool import PoolError, SharablePool, WorkerPool
from spikeloop.cluster.signals import StopSignal
from spikeloop.cluster.targets.ray_cluster import RayCluster
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.search.evaluation import grid_of
from spikeloop.coordinator.search.processor_mix import watched
from spikeloop.coordinator.search.reporter import SessionReporter
from spikeloop.coordinator.strategies.base import wants_gradient
from spikeloop.workers.base import Unavailable, require_packages
from spikeloop.workers.garbage_collection import RARELY, frozen
from spikeloop.workers.job import Job, Tile
from spikeloop.workers.seeding import TaskSet


@contextmanager
def open_workers(
    config: RunConfig, stop: StopSignal, reporter: SessionReporter, name: str = ""
) -> Iterator[WorkerPool]:
    """Open the target of a run and give its pool, which warns of workers on other processors.

    People who watch the cluster see a name, which is the run's own unless another is given.

    Raises:
        PoolError: no workers, or a package that the learner needs is missing.
    """
    with open_shared_workers([config], stop, reporter, name or config.run.name) as pool:
        yield watched(pool, config, reporter.note)


@contextmanager
def own_workers(
    config: RunConfig, stop: StopSignal, reporter: SessionReporter
) -> Iterator[WorkerPool]:
    """Open workers for one search alone, in a process that does little else."""
    with open_workers(config, stop, reporter) as pool, frozen(RARELY):
        yield pool


@contextmanager
def open_shared_workers(
    configs: Sequence[RunConfig], stop: StopSignal, reporter: SessionReporter, name: str
) -> Iterator[SharablePool]:
    """Open the target of the first of several runs for all of them.

    Each worker is warmed up for every learner on every family that there is among the runs. Raises
    as ``open_workers``.
    """
    for config in configs:
        require_installed(config)
    target = configs[0].target
    classes = next((c.working_dir for c in configs if c.working_dir is not None), None)
    with target.open(warm_up_jobs(configs), stop, classes, name, reporter.note) as pool:
        reporter.pool(pool.description)
        yield pool


def warm_up_jobs(configs: Sequence[RunConfig]) -> list[Job]:
    """Give the warm-up jobs of several runs, one for all that run the same kind of episodes."""
    different: list[RunConfig] = []
    kinds: list[tuple[object, ...]] = []
    for config in configs:
        kind = (config.family, config.learner, wants_gradient(config.strategy))
        if kind not in kinds:
            kinds.append(kind)
            different.append(config)
    return [warm_up_job(config) for config in different]


def require_installed(config: RunConfig) -> None:
    """Raise PoolError, before anything is started, if the learner lacks a package.

    Workers of a Ray cluster may be on machines that have more than this one.
    """
    if isinstance(config.target, RayCluster):
        return
    try:
        require_packages(config.learner)
    except Unavailable as error:
        raise PoolError(str(error)) from error


def warm_up_job(config: RunConfig) -> Job:
    """Give one episode of the default Θ, which compiles and imports before deadlines count."""
    point, gradient = config.space.default_point(), wants_gradient(config.strategy)
    grid = grid_of(config, point, 1, TaskSet.PLAN, index=0, gradient=gradient)
    return Job(grid, Tile(0, 1, 0, 1), "warm-up")
