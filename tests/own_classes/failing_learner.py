"""Learners that break on purpose, each on chosen episodes only, and a harmless one for comparison.

Ray workers import this file, so it needs nothing but Spikeloop; give them this folder.
"""

import os
import time
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from spikeloop.tasks.base import Interface, SeedArray, TaskBatch
from spikeloop.tasks.settings import Settings
from spikeloop.workers.base import N_CURVE_BINS, Episodes
from spikeloop.workers.parameter_types import Real
from spikeloop.workers.space import Parameters, ParameterSpace

Fault = Literal[
    "none", "raise", "sys_exit", "nan", "infinite", "hang", "hang_compiled", "exit", "memory_error"
]


class Echo(Settings):
    """An episode's return is a hash of its parameters and its seed, unless the episode is to break.

    The episode that breaks is the one whose parameter ``a`` is at least ``broken_from``.
    """

    kind: Literal["echo"] = "echo"
    fault: Fault = "none"
    broken_from: float = Field(default=0.9, description="parameter a at and above which it breaks")
    broken_seed: int | None = Field(default=None, description="only with this seed, if given")
    once_in: str | None = Field(
        default=None, description="folder of marks: an episode breaks the first time only"
    )
    work_s: float = Field(default=0.0, ge=0, description="time each episode keeps its core busy")

    @property
    def interaction_s(self) -> float:
        """Each of the ten interactions of an episode stands for so much time."""
        return 0.002

    def space(self, interface: Interface) -> ParameterSpace:
        return ParameterSpace.of({"a": Real(0.0, 1.0, 0.5), "b": Real(0.0, 1.0, 0.5)})

    def run_episodes(self, parameters: Parameters, tasks: TaskBatch, seeds: SeedArray) -> Episodes:
        returns = np.empty(seeds.shape)
        for c, (a, b) in enumerate(parameters.values):
            for t, seed in enumerate(seeds[c]):
                until = time.perf_counter() + self.work_s
                while time.perf_counter() < until:
                    pass
                returns[c, t] = np.modf(12.9898 * a + 78.233 * b + int(seed) % 99991 / 7.0)[0]
                if self._is_broken(float(a), int(seed)) and self._break() == "nan":
                    returns[c, t] = np.nan
        curve = returns[..., None] * np.linspace(0.0, 1.0, N_CURVE_BINS)
        if self.fault == "infinite":
            curve[parameters["a"] >= self.broken_from, :, 1] = np.inf
        return Episodes(returns, curve, n_simulated_steps=10 * seeds.size)

    def _is_broken(self, a: float, seed: int) -> bool:
        if self.fault == "none" or a < self.broken_from:
            return False
        if self.broken_seed is not None and seed != self.broken_seed:
            return False
        if self.once_in is None:
            return True
        try:
            (Path(self.once_in) / f"{a}-{seed}").touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    def _break(self) -> Fault:
        match self.fault:
            case "raise":
                raise ArithmeticError("this episode is to raise\nin two lines")
            case "memory_error":
                raise MemoryError
            case "sys_exit":
                raise SystemExit("this episode is to leave")
            case "exit":
                os._exit(3)
            case "hang":
                while True:
                    time.sleep(0.01)
            case "hang_compiled":
                _spin_for_ever()
        return self.fault


def _spin_for_ever() -> None:
    """A loop in compiled code, which no Python signal handler can interrupt, holding the GIL."""
    from numba import njit

    def spin(x: int) -> int:
        while x >= 0:
            x = (x * 1103515245 + 12345) & 0x7FFFFFFF
        return x

    njit()(spin)(1)
