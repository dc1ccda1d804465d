"""What the model of scaling is given: what things cost, the workers, and the work."""

import math
from dataclasses import dataclass

import numpy as np

from spikeloop.cluster.dispatch.work_units import MESSAGES_PER_NODE


@dataclass(frozen=True)
class Costs:
    """Seconds that things take.

    Attributes:
        turn: of the coordinator, for each turn of its loop.
        turn_worker: the same, for each worker of the pool.
        turn_call: the same, for each message that is under way.
        send_message: for sending a message.
        send_unit: the same, for each unit in it.
        read_message: for reading a reply.
        read_unit: the same, for each unit in it.
        read_episode: the same, for each episode in it.
        generation: between the last reply of a generation and the first message of the next.
        generation_unit: the same, for each job of a generation.
        generation_episode: the same, for each episode of a generation.
        commit: of the generation before, once, when the first reply has come.
        commit_unit: the same, for each job.
        commit_episode: the same, for each episode.
        latency: of the network, for each message and each reply.
        worker_message: of the worker's interpreter, before the first unit of a message runs.
        worker_unit: the same, for each unit.
    """

    turn: float = 0.0
    turn_worker: float = 0.0
    turn_call: float = 0.0
    send_message: float = 0.0
    send_unit: float = 0.0
    read_message: float = 0.0
    read_unit: float = 0.0
    read_episode: float = 0.0
    generation: float = 0.0
    generation_unit: float = 0.0
    generation_episode: float = 0.0
    commit: float = 0.0
    commit_unit: float = 0.0
    commit_episode: float = 0.0
    latency: float = 0.0
    worker_message: float = 0.0
    worker_unit: float = 0.0

    def per_job(self, units: int = 1, episodes: int = 1) -> float:
        """The least that a job of so many episodes costs the coordinator, by units a message."""
        message = (self.send_message + self.read_message) / units
        return message + self.send_unit + self.read_unit + self.read_episode * episodes

    def serial(self, jobs: int, episodes: int = 1) -> float:
        """What a generation of so many jobs of so many episodes costs with nothing under way."""
        return self.generation + jobs * (self.generation_unit + episodes * self.generation_episode)

    def meanwhile(self, jobs: int, episodes: int = 1) -> float:
        """What committing a generation of so many jobs of so many episodes costs."""
        return self.commit + jobs * (self.commit_unit + episodes * self.commit_episode)


@dataclass(frozen=True)
class Machine:
    """Workers of equal size.

    Attributes:
        n_workers: how many.
        cores: of each.
        n_messages: messages that fill the cores of a worker.
        in_turn: whether a message waits until all units of the one before it are done. With one
            core that is so; with several it is not what the pool does, but what it would cost.
    """

    n_workers: int
    cores: int = 1
    n_messages: int = MESSAGES_PER_NODE
    in_turn: bool = False

    @property
    def n_cores(self) -> int:
        return self.n_workers * self.cores

    @property
    def units(self) -> int:
        """Pieces of a full message."""
        return max(1, self.cores // self.n_messages)


@dataclass(frozen=True)
class Work:
    """What is to be done.

    Attributes:
        job_s: mean seconds of a job.
        jobs_per_core: jobs of a generation for each core.
        episodes_per_job: episodes of a job, one after the other.
        variation: standard deviation over mean of the jobs' durations, which are lognormal; 0 makes
            them equal.
        n_generations: how many.
        seed: of the durations.
    """

    job_s: float
    jobs_per_core: float = 8
    episodes_per_job: int = 1
    variation: float = 0.1
    n_generations: int = 3
    seed: int = 1

    def durations(self, n_cores: int, generation: int) -> list[float]:
        """Seconds of each job of a generation, in the order in which they wait."""
        n = max(1, round(self.jobs_per_core * n_cores))
        log_variance = math.log1p(self.variation**2)
        rng = np.random.default_rng((self.seed, generation))
        normal = rng.standard_normal(n)
        factors = np.exp(math.sqrt(log_variance) * normal - log_variance / 2)
        drawn: list[float] = (self.job_s * factors).tolist()
        return drawn
