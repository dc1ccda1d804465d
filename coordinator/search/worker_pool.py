"""Open the workers of a run."""

from collections.abc import Iterator
from contextlib import contextmanager

from spikeloop.cluster.pool import PoolError, WorkerPool
from spikeloop.cluster.signals import StopSignal
from spikeloop.cluster.targets.ray_cluster import RayCluster
from spikeloop.coordinator.config.run_config import RunConfig
from spikeloop.coordinator.search.evaluation import grid_of
from spikeloop.coordinator.search.processor_mix import watched
from spikeloop.coordinator.search.reporter import SessionReporter
from spikeloop.coordinator.strategies.base import wants_gradient
from spikeloop.workers.base import Unavailable, require_packages
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
    require_installed(config)
    name, classes = name or config.run.name, config.working_dir
    with config.target.open(warm_up_job(config), stop, classes, name, reporter.note) as pool:
        reporter.pool(pool.description)
        yield watched(pool, config, reporter.note)


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
