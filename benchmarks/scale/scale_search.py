"""The search whose scaling is measured: the real outer loop over episodes that sleep.

Workers import the learner from this file. Episodes that sleep let far more workers than cores run
at once, and release the interpreter's lock as compiled kernels do.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np
from pydantic import Field

from spikeloop.cluster.pool import Target, WorkerPool
from spikeloop.cluster.targets.inline import Inline
from spikeloop.coordinator.config.run_config import (
    DeploySettings,
    RunConfig,
    RunSettings,
)
from spikeloop.coordinator.config.stopping import StopSettings
from spikeloop.coordinator.config.tracking import TrackingSettings
from spikeloop.coordinator.config.transfer_settings import TransferSettings
from spikeloop.coordinator.search.loop import search
from spikeloop.coordinator.search.reporter import GenerationReport
from spikeloop.coordinator.store.run_folder import RunFolder
from spikeloop.coordinator.store.run_store import RunStore
from spikeloop.coordinator.strategies.evolution import Evolution
from spikeloop.tasks.base import FloatArray, Interface, SeedArray, TaskBatch
from spikeloop.tasks.mdp import RandomMdp
from spikeloop.tasks.settings import Settings
from spikeloop.workers.base import N_CURVE_BINS, Episodes
from spikeloop.workers.parameter_types import Weights
from spikeloop.workers.space import Parameters, ParameterSpace

HERE = Path(__file__).parent


class Sleeping(Settings):
    """Episodes that sleep for a lognormal time, which is a function of their seed."""

    kind: Literal["sleeping"] = "sleeping"
    episode_s: float = Field(default=0.0, ge=0, description="mean duration of an episode")
    variation: float = Field(default=0.0, ge=0, description="its standard deviation over its mean")

    def space(self, interface: Interface) -> ParameterSpace:
        del interface
        return ParameterSpace.of(
            {
                "weight": Weights((8,), 1.0),
            }
        )

    def durations(self, seeds: SeedArray) -> FloatArray:
        """Seconds of the episodes with these seeds, in their shape."""
        log_variance = np.log1p(self.variation**2)
        normal = [np.random.default_rng(int(seed)).standard_normal() for seed in seeds.ravel()]
        factors = np.exp(np.sqrt(log_variance) * np.array(normal) - log_variance / 2)
        lasts: FloatArray = (self.episode_s * factors).reshape(seeds.shape)
        return lasts

    def run_episodes(self, parameters: Parameters, tasks: TaskBatch, seeds: SeedArray) -> Episodes:
        """Sleeps as long as the episodes last one after the other."""
        del parameters, tasks
        if self.episode_s:
            time.sleep(float(self.durations(seeds).sum()))
        return Episodes(np.zeros(seeds.shape), np.zeros((*seeds.shape, N_CURVE_BINS)), seeds.size)


@dataclass(frozen=True)
class Tiles:
    """Episodes of a job: candidates × tasks."""

    candidates: int = 1
    tasks: int = 1

    @property
    def n_episodes(self) -> int:
        """Episodes of a job."""
        return self.candidates * self.tasks


ONE_EPISODE, FORTY_EPISODES = Tiles(), Tiles(2, 20)
"""The smallest tile, and the default of a run."""


@dataclass(frozen=True)
class Walls:
    """Generations amid a search: neither the first, which imports, nor the last.

    Attributes:
        wall_s: of each, from its first message to the first message of the next.
        work_s: seconds that the episodes of each were to sleep, by their seeds.
        lived_s: seconds that its jobs took on the workers.
    """

    wall_s: list[float]
    work_s: list[float]
    lived_s: list[float]


class _Stamps:
    """A reporter that notes when generations began.

    Args:
        episodes_done: called with the number of episodes that came in.
    """

    def __init__(self, episodes_done: Callable[[int], None]) -> None:
        self.at: list[float] = []
        self.episodes_done = episodes_done

    def started(self, what: str, n_episodes: int) -> None:
        del what, n_episodes
        self.at.append(time.perf_counter())

    def generation(self, report: GenerationReport) -> None:
        del report


def configuration(
    learner: Sleeping, n_jobs: int, tiles: Tiles, n_generations: int, target: Target | None = None
) -> RunConfig:
    """A search whose generations have so many jobs, and no held-out scores."""
    return RunConfig(
        run=RunSettings(
            generations=n_generations,
            tasks=tiles.tasks,
            tile_candidates=tiles.candidates,
            tile_tasks=tiles.tasks,
            common_noise=False,  # so that jobs differ in how long they take
        ),
        family=RandomMdp(n_states=2, n_actions=2, n_steps=10),
        learner=learner,
        strategy=Evolution(population_size=n_jobs * tiles.candidates),
        target=target or Inline(),
        transfer=TransferSettings(monitor_every=0),
        deploy=DeploySettings(),
        stop=StopSettings(),
        tracking=TrackingSettings(),
        working_dir=HERE,
    )


def run(
    config: RunConfig, pool: WorkerPool, reported: Callable[[int], None] = lambda n_episodes: None
) -> Walls:
    """Searches on a pool, in a run folder that is gone afterwards.

    Args:
        config: of ``configuration``, with three generations at least.
        pool: where.
        reported: called with the number of episodes that came in.
    """
    with new_store() as store:
        stamps = _Stamps(reported)
        search(RunFolder(config, store), pool, stamps)
        table, generations = store.table("episodes"), store.table("generations")
    assert table is not None and generations is not None
    learner = config.learner
    assert isinstance(learner, Sleeping)
    lasts = learner.durations(np.asarray(table["episode_seed"]))
    work = np.bincount(np.asarray(table["generation"]), weights=lasts)
    episodes_done = np.asarray(generations["work_s"])
    return Walls(np.diff(stamps.at)[1:].tolist(), work[2:-1].tolist(), episodes_done[1:-1].tolist())


@contextmanager
def new_store() -> Iterator[RunStore]:
    """A run folder that is gone afterwards."""
    with TemporaryDirectory() as folder:
        yield RunStore.create(Path(folder) / "run", {"config": {}})
