"""What the Ray pool costs beyond the work itself, per generation and per job.

Run ``python benchmarks/pool/dispatch.py``. One generation is 64 candidates on 4 tasks. Each episode
keeps its core busy for a fixed time, so the ideal wall time on n workers is known: what the inline
pool takes, divided by n. The overhead is what a generation takes beyond that. Every figure is the
median over generations.

Without spare cores, the coordinator's own processor time and that of Ray's processes is part of the
overhead, as it is in a real run. The jobs' size is given in candidates: 1 makes 64 jobs of a
generation, 8 makes 8.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Literal

import numpy as np
from pydantic import Field

from spikeloop.cluster.pool import Target, WorkerPool
from spikeloop.cluster.signals import StopSignal
from spikeloop.cluster.targets.inline import Inline
from spikeloop.cluster.targets.local import Local
from spikeloop.coordinator.strategies.population import Explicit
from spikeloop.tasks.base import Interface, SeedArray, TaskBatch
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.tasks.settings import Settings
from spikeloop.workers.base import N_CURVE_BINS, Episodes
from spikeloop.workers.job import Grid, Job, Tile, cut
from spikeloop.workers.parameter_types import Weights
from spikeloop.workers.seeding import TaskSet
from spikeloop.workers.space import Parameters, ParameterSpace

N_CANDIDATES, N_TASKS, N_DIM, N_WORKERS = 64, 4, 8, 2


class Busy(Settings):
    """Keeps a core busy for a fixed time per episode, or does not work at all."""

    kind: Literal["busy"] = "busy"
    episode_s: float = Field(default=0.0, ge=0, description="processor time of one episode")
    n_dim: int = Field(default=N_DIM, ge=1, description="length of a point")

    def space(self, interface: Interface) -> ParameterSpace:
        del interface
        return ParameterSpace.of(
            {
                "weight": Weights((self.n_dim,), 1.0),
            }
        )

    def run_episodes(self, parameters: Parameters, tasks: TaskBatch, seeds: SeedArray) -> Episodes:
        """Spins for processor time: being displaced by other processes must not count as work."""
        del parameters, tasks
        until = time.process_time() + self.episode_s * seeds.size
        while time.process_time() < until:
            pass
        return Episodes(np.zeros(seeds.shape), np.zeros((*seeds.shape, N_CURVE_BINS)), seeds.size)


def grid(episode_s: float, generation: int, n_dim: int = N_DIM) -> Grid:
    points = Explicit(np.random.default_rng(generation).standard_normal((N_CANDIDATES, n_dim)))
    learner = Busy(episode_s=episode_s, n_dim=n_dim)
    family = RandomMdp(n_states=2, n_actions=2, n_steps=10)
    return Grid(family, learner, points, N_TASKS, 0, TaskSet.SEARCH, generation)


def generation_s(
    pool: WorkerPool, episode_s: float, n_candidates: int, n_generations: int, n_dim: int = N_DIM
) -> float:
    """Median wall time of a generation cut into jobs of ``n_candidates``."""
    walls = []
    for generation in range(n_generations + 3):
        jobs = cut(
            grid(episode_s, generation, n_dim), n_candidates, N_TASKS, f"generation {generation}"
        )
        started = time.perf_counter()
        n_outcomes = sum(1 for _ in pool.run(jobs))
        walls.append(time.perf_counter() - started)
        assert n_outcomes == len(jobs)
    return median(walls[3:])


@contextmanager
def opened(target: Target) -> Iterator[WorkerPool]:
    warm_up = Job(grid(0.0, 0), Tile(0, 1, 0, 1))
    with target.open([warm_up], StopSignal(), Path(__file__).parent) as pool:
        yield pool


def main() -> None:
    print(f"{N_CANDIDATES} candidates x {N_TASKS} tasks, {N_WORKERS} workers, medians\n")
    print("candidates  work/job   inline   Ray wall   Ray ideal   overhead/gen   overhead/job")
    with (
        opened(Inline()) as inline,
        opened(Local(workers=N_WORKERS, dashboard="--dashboard" in sys.argv)) as pool,
    ):
        for n_candidates, episode_ms, n_generations in (
            (1, 0.0, 50),
            (2, 0.0, 50),
            (8, 0.0, 50),
            (16, 0.0, 50),
            (2, 1.0, 20),
            (4, 2.0, 20),
            (8, 2.0, 20),
        ):
            episode_s, n_jobs = episode_ms / 1e3, N_CANDIDATES // n_candidates
            alone = generation_s(inline, episode_s, n_candidates, max(3, n_generations // 4))
            wall = generation_s(pool, episode_s, n_candidates, n_generations)
            ideal = alone / N_WORKERS
            print(
                f"{n_candidates:10d}  {episode_ms * n_candidates * N_TASKS:5.0f} ms  "
                f"{alone * 1e3:6.1f} ms  {wall * 1e3:6.1f} ms  {ideal * 1e3:7.1f} ms  "
                f"{(wall - ideal) * 1e3:10.2f} ms  {(wall - ideal) * 1e3 / n_jobs:9.3f} ms"
            )
        large = 20_000
        megabytes = grid(0.0, 0, large).population.nbytes / 1e6
        wall = generation_s(pool, 0.0, 8, 15, n_dim=large)
        print(
            f"\nan explicit population of {megabytes:.0f} MB, 8 jobs, no work: {wall * 1e3:.1f} ms"
        )


if __name__ == "__main__":
    # Workers must be able to import the learner's class by name, which ``__main__`` is not.
    import dispatch

    dispatch.main()
