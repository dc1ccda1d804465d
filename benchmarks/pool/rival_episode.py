"""The one function that every pool of ``rivals.py`` evaluates, and its way into our own pool.

An episode takes a candidate's point and gives a fitness and a curve of 16 bins, as our learners do.
"""

import os
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from spikeloop.tasks.base import FloatArray, Interface, SeedArray, TaskBatch
from spikeloop.tasks.settings import Settings
from spikeloop.workers.base import N_CURVE_BINS, Episodes
from spikeloop.workers.parameter_types import Weights
from spikeloop.workers.space import Parameters, ParameterSpace

N_WORKERS = 2

JOB_TIMEOUT_S = 10.0
"""Limit of a job for every pool that has a setting for one."""

WITNESS = "SPIKELOOP_RIVALS_WITNESS"
"""Names the folder in which working processes leave their number, if one is to be ended."""

EpisodeInput = tuple[int, FloatArray, float]
"""A candidate's number, its point, and the seconds of processor time its episode takes."""

EpisodeResult = tuple[int, float, FloatArray]
"""A candidate's number, its fitness, and its (N_CURVE_BINS,) curve."""

Generation = Callable[[FloatArray, float], Iterable[EpisodeResult]]
"""Evaluates (n, n_dim) points whose episodes take so many seconds; some may be missing, or come in
any order."""

Opener = Callable[[bool], AbstractContextManager[Generation]]
"""Opens a pool of ``N_WORKERS``: as it comes, or with its own retries and limits switched on."""


def run_episodes(episode_input: EpisodeInput) -> EpisodeResult:
    """Spins for the thread's own processor time, so that other processes' time is not work."""
    index, point, work_s = episode_input
    if work_s and WITNESS in os.environ:
        Path(os.environ[WITNESS], str(os.getpid())).touch()
    until = time.thread_time() + work_s
    while time.thread_time() < until:
        pass
    fitness = float((point * point).sum())
    return index, fitness, fitness * np.linspace(0.0, 1.0, N_CURVE_BINS)


def episode_inputs(points: FloatArray, work_s: float) -> list[EpisodeInput]:
    return [(index, point, work_s) for index, point in enumerate(points)]


class Candidate(Settings):
    """The same function as a learner."""

    kind: Literal["candidate"] = "candidate"
    n_dim: int = Field(ge=1, description="length of a point")
    work_s: float = Field(ge=0, description="processor time of one episode")

    def space(self, interface: Interface) -> ParameterSpace:
        del interface
        return ParameterSpace.of(
            {
                "weight": Weights((self.n_dim,), 1.0),
            }
        )

    def run_episodes(self, parameters: Parameters, tasks: TaskBatch, seeds: SeedArray) -> Episodes:
        """One episode per candidate; there is one task only."""
        del tasks
        episodes_done = [
            run_episodes(episode_input)
            for episode_input in episode_inputs(parameters.values, self.work_s)
        ]
        returns = np.array([[fitness] for _, fitness, _ in episodes_done])
        curve = np.array([[curve] for _, _, curve in episodes_done])
        return Episodes(returns, curve, seeds.size)
