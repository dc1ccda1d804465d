"""A learner whose score on every task is its parameter plus an effect of the task, for races."""

from typing import Literal

import numpy as np
from pydantic import Field

from spikeloop.tasks.base import Interface, SeedArray, TaskBatch
from spikeloop.tasks.settings import Settings
from spikeloop.workers.base import N_CURVE_BINS, Episodes
from spikeloop.workers.parameter_types import Real
from spikeloop.workers.space import Parameters, ParameterSpace


class Ramp(Settings):
    """Score a + effect · sin(seed): with common episode seeds the effect is the same for all."""

    kind: Literal["ramp"] = "ramp"
    effect: float = Field(default=0.0, description="how much tasks differ")
    cliff: float = Field(default=1.0, description="parameter a above which the score is 0")

    def space(self, interface: Interface) -> ParameterSpace:
        del interface
        return ParameterSpace.of({"a": Real(0.0, 1.0, 0.5), "b": Real(0.0, 1.0, 0.5)})

    def run_episodes(self, parameters: Parameters, tasks: TaskBatch, seeds: SeedArray) -> Episodes:
        references = tasks.references()
        a = np.where(parameters["a"] > self.cliff, 0.0, parameters["a"])
        scores = a[:, None] + self.effect * np.sin((seeds % np.uint64(1000)).astype(float))
        returns = references.random + scores * (references.optimal - references.random)
        return Episodes(returns, np.zeros((*returns.shape, N_CURVE_BINS)), seeds.size)
