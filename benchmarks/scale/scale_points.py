"""Efficiency of the real pool and the real loop, with many more sleeping workers than cores.

Workers that sleep need no core, but coordinator, Ray's processes and what workers do besides
living share the few cores of this machine. Nothing is subtracted for that: processor times are
measured beside it, and show where the machine itself is the limit.
"""

import time
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np
import psutil
from scale_model import simulate
from scale_search import HERE, ONE_EPISODE, Sleeping, configuration, run
from scale_terms import Costs, Machine, Work
from scipy import stats

from spikeloop.cluster.cpu_quota import usable_cores
from spikeloop.cluster.pool import WorkerPool
from spikeloop.cluster.signals import StopSignal
from spikeloop.cluster.targets.local import Local
from spikeloop.coordinator.search.worker_pool import warm_up_job
from spikeloop.workers.job import Job, Tile, cut

SCHEDULE = {0.05: (8, 12), 0.5: (8, 6), 5.0: (2, 4)}
"""Seconds of a job: jobs for each core and generation, and generations that count."""

VARIATION = 0.1
"""Standard deviation over mean of the jobs' durations."""


@dataclass(frozen=True)
class Point:
    """One pool and one duration.

    Attributes:
        n_workers, cores: of the pool; cores of each worker.
        job_s: mean duration of a job.
        jobs_per_core: in each generation.
        efficiencies: of the generations.
        stretched: how much longer the jobs took on the workers than they were to sleep.
        coordinator_s, workers_s, ray_s: processor time for each job of this process, of the
            workers' and of Ray's other processes.
    """

    n_workers: int
    cores: int
    job_s: float
    jobs_per_core: int
    efficiencies: tuple[float, ...]
    stretched: float
    coordinator_s: float
    workers_s: float
    ray_s: float

    @property
    def n_cores(self) -> int:
        """Cores that the pool believes it has."""
        return self.n_workers * self.cores

    @property
    def interval(self) -> tuple[float, float, float]:
        """Mean over the generations, and its 95 % t-interval."""
        mean = fmean(self.efficiencies)
        low, high = stats.t.interval(
            0.95, len(self.efficiencies) - 1, mean, stats.sem(self.efficiencies)
        )
        return mean, float(low), float(high)

    @property
    def load(self) -> float:
        """Share of this machine's cores that was in use."""
        jobs_per_s = fmean(self.efficiencies) * self.n_cores / self.job_s
        return jobs_per_s * (self.coordinator_s + self.workers_s + self.ray_s) / usable_cores()

    def predicted(self, costs: Costs, n_generations: int = 20) -> float:
        """What the model says."""
        work = Work(self.job_s, self.jobs_per_core, 1, VARIATION, n_generations)
        return simulate(Machine(self.n_workers, self.cores), work, costs).efficiency


def measure(n_workers: int, cores: int) -> list[Point]:
    """All durations on one pool."""
    # A hundred processes that import Ray on two cores take minutes.
    target = Local(
        workers=n_workers, cores_per_worker=cores, dashboard=False, warm_up_timeout_s=900.0
    )
    points = []
    warm_up = warm_up_job(configuration(Sleeping(), 2, ONE_EPISODE, 1))
    with target.open([warm_up], StopSignal(), HERE) as pool:
        _wait_for_all(pool, warm_up, n_workers * cores)
        for job_s, (jobs_per_core, n_generations) in SCHEDULE.items():
            n_jobs = jobs_per_core * n_workers * cores
            learner = Sleeping(episode_s=job_s, variation=VARIATION)
            config = configuration(learner, n_jobs, ONE_EPISODE, n_generations + 2)
            before = _processor_s()
            walls = run(config, pool)
            used = {
                who: (s - before[who]) / n_jobs / (n_generations + 2)
                for who, s in _processor_s().items()
            }
            efficiencies = np.array(walls.work_s) / (n_workers * cores * np.array(walls.wall_s))
            points.append(
                Point(
                    n_workers,
                    cores,
                    job_s,
                    jobs_per_core,
                    tuple(efficiencies.tolist()),
                    sum(walls.lived_s) / sum(walls.work_s),
                    used["coordinator"],
                    used["workers"],
                    used["ray"],
                )
            )
    return points


def _wait_for_all(pool: WorkerPool, job: Job, n_cores: int) -> None:
    """Begin only when the last worker has joined: a pool begins with those that are ready."""
    jobs = cut(job.grid, 1, 1, "waiting", Tile(0, 1, 0, 1))
    while pool.n_workers < n_cores:
        list(pool.run(jobs))
        time.sleep(0.1)


def _processor_s() -> dict[str, float]:
    """Processor time so far of this process, of the workers, and of all else under this one."""
    here = psutil.Process()
    used = {"coordinator": sum(here.cpu_times()[:2]), "workers": 0.0, "ray": 0.0}
    for process in here.children(recursive=True):
        title = " ".join(process.cmdline())  # of a worker: its class, or what it is doing
        worker = title.startswith("ray::") and "Agent" not in title and "IDLE" not in title
        used["workers" if worker else "ray"] += sum(process.cpu_times()[:2])
    return used


def table(points: list[Point], costs: Costs) -> str:
    """Measured beside predicted, in Markdown."""
    lines = [
        "| workers × cores | job (s) | jobs a core | measured (95 %) | × stretched | predicted | "
        "coordinator (ms / job) | workers | Ray | machine in use |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for point in points:
        mean, low, high = point.interval
        used = (point.coordinator_s, point.workers_s, point.ray_s)
        lines.append(
            f"| {point.n_workers} × {point.cores} | {point.job_s:g} | {point.jobs_per_core} "
            f"| {mean:.3f} [{low:.3f}, {high:.3f}] | {mean * point.stretched:.3f} "
            f"| {point.predicted(costs):.3f} | "
            + " | ".join(f"{1e3 * s:.2f}" for s in used)
            + f" | {point.load:.0%} |"
        )
    return "\n".join(lines)


def from_json(value: dict[str, Any]) -> Point:
    """A point as ``dataclasses.asdict`` wrote it."""
    return Point(**{**value, "efficiencies": tuple(value["efficiencies"])})
